"""Stored taggings, so that no clip is tagged twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, select

from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.kind import Kind
from bot.domain.search import best_scores
from bot.domain.seconds import seconds_above
from bot.domain.tagging import Tagging
from bot.storage import copies, posted_index, search_index
from bot.storage.frame_codec import (
    FRAMES_FORMAT,
    decode,
    decode_ranges,
    decode_thumbnails,
    encode,
    encode_ranges,
    encode_thumbnails,
)
from bot.storage.tables import posted_clips, taggings

if TYPE_CHECKING:
    from bot.domain.concepts import TaggerIdentity
    from bot.storage.database import Database


class TaggingStore:
    """Taggings by fingerprint and by the tagger's identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, fingerprint: str, identity: TaggerIdentity) -> Tagging | None:
        """Return the tagging of a clip by a tagger; None if there is none.

        A tagging in an unknown format counts as none: a newer program may share the database while
        an update rolls out.
        """
        columns = taggings.c
        query = select(
            columns.format,
            columns.size,
            columns.duration,
            columns.frames,
            columns.thumbnails,
            columns.proxied,
            columns.unreadable,
            columns.description,
            columns.kind,
        ).where(_is(fingerprint, identity), columns.frames_format == FRAMES_FORMAT)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        info = ClipInfo(ClipFormat(row.format), row.size, row.duration, fingerprint)
        # Decoding ten minutes of frames takes tens of milliseconds, too long for the event loop.
        frames = await asyncio.to_thread(decode, row.frames)
        return Tagging(
            info,
            frames,
            identity,
            decode_thumbnails(row.thumbnails),
            proxied=row.proxied,
            unreadable=decode_ranges(row.unreadable),
            description=row.description,
            kind=_kind(row.kind),
        )

    async def save(self, tagging: Tagging) -> None:
        """Store and index a tagging, unless there is one already."""
        info, identity = tagging.info, tagging.tagger
        statement = (
            self._database.insert(taggings)
            .values(
                fingerprint=info.fingerprint,
                tagger=identity.name,
                model=identity.model,
                revision=identity.revision,
                sampling=identity.sampling,
                format=info.format.value,
                size=info.size,
                duration=info.duration,
                frames=await asyncio.to_thread(encode, tagging.frames),
                frames_format=FRAMES_FORMAT,
                created_at=datetime.now(UTC),
                thumbnails=encode_thumbnails(tagging.thumbnails) if tagging.thumbnails else None,
                proxied=tagging.proxied,
                unreadable=encode_ranges(tagging.unreadable),
                description=tagging.description,
                kind=tagging.kind,
            )
            .on_conflict_do_nothing()
            .returning(taggings.c.fingerprint)
        )
        scores = await asyncio.to_thread(best_scores, tagging.frames, info.duration)
        seconds = await asyncio.to_thread(seconds_above, tagging)
        async with self._database.writing() as connection:
            await posted_index.lock(self._database, connection, [info.fingerprint])
            if (await connection.execute(statement)).first():
                number = await search_index.write(
                    self._database, connection, info.fingerprint, identity, scores, seconds
                )
                which = posted_clips.c.fingerprint == info.fingerprint
                await posted_index.add_concepts(self._database, connection, which)
                await posted_index.replace_sentence(connection, info.fingerprint)
                if found := tagging.perceptual_hash:
                    original = tagging.original
                    await copies.write(connection, number, info.duration, found, original=original)


def _kind(name: str | None) -> Kind | None:
    """Return a stored kind; None if only a newer program knows it."""
    return Kind(name) if name in set(Kind) else None


def _is(fingerprint: str, identity: TaggerIdentity) -> ColumnElement[bool]:
    return and_(
        taggings.c.fingerprint == fingerprint,
        taggings.c.tagger == identity.name,
        taggings.c.model == identity.model,
        taggings.c.revision == identity.revision,
        taggings.c.sampling == identity.sampling,
    )
