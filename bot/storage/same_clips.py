"""Messages with the same clip, or a copy of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, cast, false, func, literal, select

from bot.domain.search import SameClip
from bot.storage.search_conditions import is_shown, is_visible
from bot.storage.tables import job_records, posted_clips

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Row, Select

    from bot.domain.search import Visibility
    from bot.storage.database import Database

_posted = posted_clips.c


class SameClipStore:
    """Where clips with some fingerprints were posted in a server."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fingerprints(self, message_id: int) -> set[str]:
        """Return the fingerprints of a message's clips."""
        query = select(_posted.fingerprint).where(_posted.message_id == message_id)
        async with self._database.reading() as connection:
            return set(await connection.scalars(query))

    async def others(
        self,
        fingerprints: Collection[str],
        message_id: int,
        *,
        guild_id: int,
        visibility: Visibility,
        limit: int,
    ) -> tuple[list[SameClip], int]:
        """Return the newest other messages that are visible, and how many there are."""
        which = and_(
            _posted.message_id != message_id,
            is_visible(visibility),
            _is_in(guild_id, fingerprints),
        )
        newest = _posted.message_id.desc(), _posted.position, _posted.fingerprint
        async with self._database.reading() as connection:
            rows = await connection.execute(_messages(which).order_by(*newest).limit(limit))
            count = await connection.scalar(select(func.count()).where(which))
        return [_same_clip(row) for row in rows], int(count or 0)

    async def earlier(
        self, fingerprints: Collection[str], message_id: int, *, guild_id: int, limit: int
    ) -> list[SameClip]:
        """Return the first messages before another one; private threads are left out."""
        which = and_(
            _posted.message_id < message_id,
            _posted.private == false(),
            _is_in(guild_id, fingerprints),
        )
        query = _messages(which).order_by(_posted.message_id, _posted.position).limit(limit)
        async with self._database.reading() as connection:
            return [_same_clip(row) for row in await connection.execute(query)]


def _is_in(guild_id: int, fingerprints: Collection[str]) -> ColumnElement[bool]:
    return and_(_posted.guild_id == guild_id, _posted.fingerprint.in_(fingerprints), is_shown())


def _messages(which: ColumnElement[bool]) -> Select[Any]:
    reply = job_records.c.job_id == literal("interaction-") + cast(_posted.message_id, Text)
    return (
        select(posted_clips, job_records.c.reply_id)
        .select_from(posted_clips.outerjoin(job_records, reply))
        .where(which)
    )


def _same_clip(row: Row[Any]) -> SameClip:
    return SameClip(
        message_id=row.message_id,
        guild_id=row.guild_id,
        channel_id=row.channel_id,
        author_id=row.author_id,
        position=row.position,
        clips=row.clips,
        reply_id=row.reply_id,
    )
