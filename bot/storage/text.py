"""The stored text of clips: lines that were read on their screen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.storage.frame_codec import decode_text, encode_text
from bot.storage.tables import sense_observations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.concepts import SenseIdentity
    from bot.domain.text_lines import TextLine
    from bot.storage.database import Database

_columns = sense_observations.c


class TextStore:
    """The text of clips by fingerprint, as one revision of the reader read it."""

    def __init__(self, database: Database, identity: SenseIdentity) -> None:
        self._database = database
        self._identity = identity

    async def find(self, fingerprint: str) -> tuple[TextLine, ...] | None:
        """Return the lines of a clip; None if this revision has not read it."""
        query = select(_columns.observations).where(
            _columns.fingerprint == fingerprint,
            _columns.sense == self._identity.name,
            _columns.revision == self._identity.revision,
        )
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else decode_text(found)

    async def save(self, fingerprint: str, lines: Sequence[TextLine]) -> None:
        """Store the lines of a clip in place of those that another revision read."""
        values = {
            "revision": self._identity.revision,
            "observations": await asyncio.to_thread(encode_text, lines),
            "created_at": datetime.now(UTC),
        }
        key = {"fingerprint": fingerprint, "sense": self._identity.name}
        statement = (
            self._database.insert(sense_observations)
            .values(**key, **values)
            .on_conflict_do_update(index_elements=list(key), set_=values)
        )
        async with self._database.writing() as connection:
            await connection.execute(statement)
