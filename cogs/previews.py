"""Waiting for the previews of a message's links, which Discord adds a moment later."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from cogs.message_clips import awaits_previews

if TYPE_CHECKING:
    import discord

PATIENCE = 5.0
"""Seconds; most previews come within one."""


class Previews:
    """Holds messages whose clips are not all known yet, so that all of them are one job."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._held: dict[int, asyncio.Queue[discord.Message | None]] = {}

    async def settled(self, message: discord.Message) -> discord.Message:
        """Return the message with its previews, or as it is when those take too long."""
        if not awaits_previews(message):
            return message
        news: asyncio.Queue[discord.Message | None] = asyncio.Queue()
        self._held[message.id] = news
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.patience):
                    while awaits_previews(message):
                        changed = await news.get()
                        if changed is None:
                            break
                        message = changed
        finally:
            del self._held[message.id]
        return message

    def takes(self, message: discord.Message) -> bool:
        """Hand a message that changed to who waits for it; return whether somebody does."""
        held = self._held.get(message.id)
        if held is None:
            return False
        held.put_nowait(message)
        return True

    def let_go(self) -> None:
        """Wait for nothing more: each message is what it is now."""
        for held in self._held.values():
            held.put_nowait(None)
