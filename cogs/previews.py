"""Waiting for the previews of a message's links, which Discord adds a moment later."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.chat.message_clips import awaits_previews

if TYPE_CHECKING:
    import discord

TIMEOUT = 5.0
"""Seconds; most previews come within one."""


class Previews:
    """Holds messages until their previews arrive, so that all clips of a message are one job."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self.timeout = timeout
        self._held: dict[int, asyncio.Queue[discord.Message | None]] = {}

    async def settled(self, message: discord.Message) -> discord.Message:
        """Return the message once it has its previews, or as it is after the timeout."""
        if not awaits_previews(message):
            return message
        updates: asyncio.Queue[discord.Message | None] = asyncio.Queue()
        self._held[message.id] = updates
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.timeout):
                    while awaits_previews(message):
                        changed = await updates.get()
                        if changed is None:
                            break
                        message = changed
        finally:
            del self._held[message.id]
        return message

    def update(self, message: discord.Message) -> bool:
        """Pass on an edited message if it is being held; return whether it is."""
        held = self._held.get(message.id)
        if held is None:
            return False
        held.put_nowait(message)
        return True

    def release(self) -> None:
        """Stop waiting: return every held message as it is now."""
        for held in self._held.values():
            held.put_nowait(None)
