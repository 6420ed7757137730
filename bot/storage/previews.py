"""What a search shows of clips besides why they were found: their length and stills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.storage.database import batched
from bot.storage.frame_codec import FRAMES_FORMAT, decode_thumbnails
from bot.storage.tables import taggings

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.domain.tagging import Thumbnail
    from bot.storage.database import Database

_columns = taggings.c


@dataclass(frozen=True, slots=True)
class Preview:
    """The length of a clip in milliseconds, and its thumbnails, whichever tagger kept them."""

    duration: int
    thumbnails: tuple[Thumbnail, ...] = ()


class PreviewStore:
    """Previews by fingerprint."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, fingerprints: Collection[str]) -> dict[str, Preview]:
        """Return the previews of clips that some tagger tagged."""
        found: dict[str, Preview] = {}
        async with self._database.reading() as connection:
            for some in batched(sorted(fingerprints)):
                query = (
                    select(_columns.fingerprint, _columns.duration, _columns.thumbnails)
                    .where(_columns.fingerprint.in_(some))
                    .where(_columns.frames_format == FRAMES_FORMAT)
                )
                for row in await connection.execute(query):
                    known = found.get(row.fingerprint)
                    if known is None or not known.thumbnails:
                        stills = decode_thumbnails(row.thumbnails)
                        found[row.fingerprint] = Preview(row.duration, stills)
        return found
