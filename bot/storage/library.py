"""The newest posted clips of a server that a person may see, for its library."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select

from bot.domain.outcome import Tagged, outcome_from_json
from bot.domain.search import link_to
from bot.storage.database import batched
from bot.storage.search_conditions import is_shown, is_visible
from bot.storage.tables import job_record_messages, job_records, posted_clips

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.domain.search import Visibility
    from bot.storage.database import Database

_posted = posted_clips.c
_links = job_record_messages.c
_records = job_records.c


@dataclass(frozen=True, slots=True)
class ShelvedClip:
    """A posted clip; ``outcome`` has its name as far as that is known.

    ``reply_id`` is the message to link to if a command brought the clip.
    """

    message_id: int
    guild_id: int
    channel_id: int
    parent_id: int | None
    outcome: Tagged
    reply_id: int | None = None

    @property
    def link(self) -> str:
        """A link to the message."""
        return link_to(self.guild_id, self.channel_id, self.reply_id or self.message_id)


class LibraryStore:
    """Posted clips, whatever they show."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, guild_id: int, visibility: Visibility, limit: int) -> list[ShelvedClip]:
        """Return the newest clips in a server that a person may see.

        Those of people who opted out are left out.
        """
        allowed = _posted.guild_id == guild_id, is_visible(visibility), is_shown()
        newest = _posted.message_id.desc(), _posted.position, _posted.fingerprint
        query = select(posted_clips).where(*allowed).order_by(*newest).limit(limit)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        known = await self._outcomes({row.message_id for row in rows})
        return [
            ShelvedClip(
                row.message_id,
                guild_id,
                row.channel_id,
                row.parent_id,
                *known.get((row.message_id, row.fingerprint), (Tagged("", row.fingerprint), None)),
            )
            for row in rows
        ]

    async def private_threads(self, guild_id: int, visibility: Visibility, limit: int) -> list[int]:
        """Return private threads with clips in visible channels that are not visible themselves."""
        inside = _posted.parent_id.in_(visibility.channels)
        shut = and_(inside, ~is_visible(visibility), _posted.private)
        query = (
            select(_posted.channel_id)
            .where(_posted.guild_id == guild_id, shut, is_shown())
            .group_by(_posted.channel_id)
            .order_by(func.max(_posted.message_id).desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return list(await connection.scalars(query))

    async def _outcomes(
        self, message_ids: Collection[int]
    ) -> dict[tuple[int, str], tuple[Tagged, int | None]]:
        """Return what jobs recorded of the clips in some messages, and the reply of a command."""
        found: dict[tuple[int, str], tuple[Tagged, int | None]] = {}
        async with self._database.reading() as connection:
            for some in batched(sorted(message_ids)):
                query = (
                    select(_links.message_id, _records.job_id, _records.clips, _records.reply_id)
                    .join_from(job_record_messages, job_records, _records.job_id == _links.job_id)
                    .where(_links.message_id.in_(some))
                )
                for row in await connection.execute(query):
                    is_command = row.job_id == f"interaction-{row.message_id}"
                    for outcome in map(outcome_from_json, json.loads(row.clips)):
                        if isinstance(outcome, Tagged):
                            reply = row.reply_id if is_command else None
                            found[row.message_id, outcome.fingerprint] = outcome, reply
        return found
