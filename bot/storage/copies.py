"""Finding copies of clips: other files with the same pictures, by their perceptual hashes.

Comparing a hash with every other one would take seconds. A copy nearly always has one of a clip's
seven keys, or nearly has it, and the same length; only the hashes of such clips are compared
(multi-index hashing, https://arxiv.org/abs/1307.2982).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select, true, union_all

from bot.domain.job import GUILD_OWNER, PERSON_OWNER
from bot.domain.perceptual_hash import KEYS, MAX_LENGTH_DIFFERENCE, PerceptualHash
from bot.storage.tables import perceptual_hashes, posted_clips, search_taggings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Row, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.concepts import TaggerIdentity
    from bot.storage.database import Database

MAX_COMPARED = 64
"""Hashes compared for one clip; those that share the most keys come first."""

_hashes, _taggings = perceptual_hashes.c, search_taggings.c


class CopyStore:
    """Stored clips that are copies of each other."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def originals_of(
        self, sought: PerceptualHash, duration: int, tagger: TaggerIdentity, owner: str
    ) -> list[str]:
        """Return the fingerprints of clips that a clip is a copy of, tagged by a tagger.

        They were posted in the ``owner``'s server; the operator's own clips may be copies of any.
        """
        which = and_(
            _hashes.original,
            _taggings.tagger == tagger.name,
            _taggings.model == tagger.model,
            _taggings.revision == tagger.revision,
            _taggings.sampling == tagger.sampling,
            _posted_for(owner),
        )
        return await self._copies(sought, duration, which)

    async def copies_of(self, fingerprints: Collection[str], guild_id: int) -> set[str]:
        """Return the fingerprints of the copies of stored clips, with their own.

        Only clips that were posted in a server count.
        """
        query = (
            select(_hashes.hash, _hashes.duration)
            .join_from(perceptual_hashes, search_taggings, _taggings.id == _hashes.tagging)
            .where(_taggings.fingerprint.in_(fingerprints))
            .distinct()
        )
        async with self._database.reading() as connection:
            own = (await connection.execute(query)).all()
        found = set(fingerprints)
        for row in own:
            which = _is_posted(posted_clips.c.guild_id == guild_id)
            sought = PerceptualHash.from_bytes(row.hash)
            found.update(await self._copies(sought, row.duration, which))
        return found

    async def _copies(
        self, sought: PerceptualHash, duration: int, which: ColumnElement[bool]
    ) -> list[str]:
        """Return the fingerprints of clips that look like a hash, the most similar keys first."""
        if not sought.is_useful:
            return []
        candidates = _candidates(sought, duration, which)
        if candidates is None:
            return []
        async with self._database.reading() as connection:
            rows = (await connection.execute(candidates)).all()
        # Comparing ten-minute clips takes milliseconds each, too long for the event loop.
        return await asyncio.to_thread(_alike, sought, rows)


def _candidates(
    sought: PerceptualHash, duration: int, which: ColumnElement[bool]
) -> Select[tuple[str, bytes]] | None:
    """Return the query for clips that share keys; None if no key says anything."""
    length = _hashes.duration.between(
        duration - MAX_LENGTH_DIFFERENCE, duration + MAX_LENGTH_DIFFERENCE
    )
    shared = [
        select(_hashes.tagging).where(column.in_(sorted(keys)), length)
        for column, keys in zip(_key_columns(), sought.similar_keys(), strict=True)
        if keys
    ]
    if not shared:
        return None
    each = union_all(*shared).subquery()
    return (
        select(_taggings.fingerprint, _hashes.hash)
        .select_from(each)
        .join(perceptual_hashes, _hashes.tagging == each.c.tagging)
        .join(search_taggings, _taggings.id == _hashes.tagging)
        .where(which)
        .group_by(_hashes.tagging, _taggings.fingerprint, _hashes.hash)
        .order_by(func.count().desc(), _hashes.tagging)
        .limit(MAX_COMPARED)
    )


def _alike(sought: PerceptualHash, rows: Sequence[Row[tuple[str, bytes]]]) -> list[str]:
    compared = ((row.fingerprint, PerceptualHash.from_bytes(row.hash)) for row in rows)
    return list(dict.fromkeys(name for name, found in compared if found.looks_like(sought)))


def _posted_for(owner: str) -> ColumnElement[bool]:
    """Return the condition that a clip was posted in a server, or by a person outside of servers.

    A stranger's clip, crafted to look like another one, so changes nothing elsewhere.
    """
    posted = posted_clips.c
    if owner.startswith(GUILD_OWNER):
        return _is_posted(posted.guild_id == int(owner.removeprefix(GUILD_OWNER)))
    if owner.startswith(PERSON_OWNER):
        person = int(owner.removeprefix(PERSON_OWNER))
        return _is_posted(and_(posted.guild_id.is_(None), posted.author_id == person))
    return true()


def _is_posted(where: ColumnElement[bool]) -> ColumnElement[bool]:
    query = select(posted_clips.c.message_id).where(
        posted_clips.c.fingerprint == _taggings.fingerprint, where
    )
    return query.exists()


async def write(
    connection: AsyncConnection,
    tagging: int,
    duration: int,
    found: PerceptualHash,
    *,
    original: bool,
) -> None:
    """Store the hash of a tagging, by its number, in the transaction that stores the tagging."""
    if not found.is_useful:
        return
    keys = {column.name: key for column, key in zip(_key_columns(), found.keys(), strict=True)}
    values = {"tagging": tagging, "duration": duration, "hash": found.as_bytes()}
    await connection.execute(perceptual_hashes.insert().values(**values, original=original, **keys))


def _key_columns() -> list[ColumnElement[int]]:
    return [_hashes[f"key_{number}"] for number in range(1, KEYS + 1)]
