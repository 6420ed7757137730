"""Erasing servers that removed the bot while it was offline.

Discord tells of a removal only while the bot is connected. Once every shard of this process is
ready, the gateway has named all servers the bot is in, those in an outage included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
import structlog

from bot.chat.retry import FAILURES
from bot.storage.database import retry_storage
from bot.storage.meta import COMMANDS_KEY

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot

# Unknown Guild and Missing Access:
# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_NOT_A_MEMBER = {10004, 50001}


class LeftGuilds:
    """Finds stored servers that the bot is no longer in, and erases them."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._log = structlog.get_logger("framehound.erasure")

    async def erase(self) -> None:
        """Erase the servers of this process' shards that the bot was removed from.

        Raises ``StorageUnavailable``.
        """
        stored = await retry_storage(self._bot.app.stores.guild_ids)
        known = {guild.id for guild in self._bot.guilds}
        missing = sorted(guild for guild in stored - known if self._is_of_our_shards(guild))
        if missing and await self._is_shared():
            self._log.warning(
                "servers not erased: another application uses this database", servers=len(missing)
            )
            return
        for guild_id in missing:
            if await self._has_left(guild_id):
                await self._bot.erasure.guild(guild_id)
                self._log.info("server erased: it removed the bot", server=guild_id)

    def _is_of_our_shards(self, guild_id: int) -> bool:
        # https://discord.com/developers/docs/events/gateway#sharding
        count = self._bot.shard_count or 1
        return (guild_id >> 22) % count in self._bot.shards

    async def _is_shared(self) -> bool:
        """Return whether another application has stored anything: its servers aren't ours."""
        return len(await retry_storage(lambda: self._bot.app.stores.meta.keys(COMMANDS_KEY))) > 1

    async def _has_left(self, guild_id: int) -> bool:
        """Ask Discord again: only its clear answer counts, and no outage."""
        try:
            await self._bot.fetch_guild(guild_id, with_counts=False)
        except FAILURES as error:
            if isinstance(error, discord.HTTPException) and error.code in _NOT_A_MEMBER:
                return True
            self._log.warning(
                "unknown whether the bot is in a server", server=guild_id, reason=str(error)
            )
        return False
