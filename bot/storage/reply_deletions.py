"""Replies whose records were erased, until they are deleted on Discord, too.

A record and its entry here change in one transaction (``bot.storage.job_records``), so that no
reply is left behind if the process ends in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from bot.domain.job import Reply
from bot.storage.tables import reply_deletions

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.storage.database import Database

_columns = reply_deletions.c


class ReplyDeletionStore:
    """The replies that are still to be deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, limit: int) -> list[Reply]:
        """Return some of the replies; those erased last come first."""
        order = _columns.erased_at.desc(), _columns.message_id.desc()
        query = select(_columns.channel_id, _columns.message_id).order_by(*order).limit(limit)
        async with self._database.reading() as connection:
            return [Reply(*row) for row in (await connection.execute(query)).all()]

    async def remove(self, replies: Collection[Reply]) -> None:
        """Remove replies that are deleted."""
        ids = [reply.message_id for reply in replies]
        async with self._database.writing() as connection:
            await connection.execute(delete(reply_deletions).where(_columns.message_id.in_(ids)))

    async def forget_channel(self, channel_id: int) -> None:
        """Remove the replies in a channel that was deleted, and they with it."""
        async with self._database.writing() as connection:
            await connection.execute(
                delete(reply_deletions).where(_columns.channel_id == channel_id)
            )

    async def overwrite_deleted(self) -> None:
        """Make sure that what was removed can't be read from the disk."""
        await self._database.overwrite_deleted()
