"""What the senses observed in clips, stored by the clips' fingerprints, whoever tagged them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from sqlalchemy import select

from bot.domain.concepts import Frame
from bot.domain.senses import EVERY_SENSE, Sense, SenseObservations
from bot.domain.text_lines import TextLine
from bot.storage import posted_index
from bot.storage.frame_codec import decode, decode_text, encode, encode_text
from bot.storage.tables import sense_observations

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.concepts import SenseIdentity
    from bot.storage.database import Database

T = TypeVar("T")

_columns = sense_observations.c


class SenseStore(Generic[T]):
    """The observations of clips by fingerprint, as one revision of a sense made them."""

    def __init__(
        self,
        database: Database,
        identity: SenseIdentity,
        encode: Callable[[tuple[T, ...]], bytes],
        decode: Callable[[bytes], tuple[T, ...]],
    ) -> None:
        self._database = database
        self._identity = identity
        self._encode = encode
        self._decode = decode

    async def find(self, fingerprint: str) -> tuple[T, ...] | None:
        """Return what was observed in a clip; None if this revision has not looked at it."""
        query = select(_columns.observations).where(
            _columns.fingerprint == fingerprint,
            _columns.sense == self._identity.name,
            _columns.revision == self._identity.revision,
        )
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else self._decode(found)

    async def save(self, fingerprint: str, observed: tuple[T, ...]) -> None:
        """Store the observations of a clip in place of those that another revision made."""
        values = {
            "revision": self._identity.revision,
            "observations": await asyncio.to_thread(self._encode, observed),
            "created_at": datetime.now(UTC),
        }
        key = {"fingerprint": fingerprint, "sense": self._identity.name}
        statement = (
            self._database.insert(sense_observations)
            .values(**key, **values)
            .on_conflict_do_update(index_elements=list(key), set_=values)
        )
        async with self._database.writing() as connection:
            await posted_index.lock(self._database, connection, [fingerprint])
            await connection.execute(statement)
            await self._index(connection, fingerprint)

    async def _index(self, connection: AsyncConnection, fingerprint: str) -> None:
        """Index what is searched, in the transaction that stores it."""


class TextStore(SenseStore[TextLine]):
    """The lines of text in clips."""

    def __init__(self, database: Database, identity: SenseIdentity) -> None:
        super().__init__(database, identity, encode_text, decode_text)

    async def _index(self, connection: AsyncConnection, fingerprint: str) -> None:
        await posted_index.replace_screen_text(connection, fingerprint)


class NudityStore(SenseStore[Frame]):
    """The frames with nudity in clips."""

    def __init__(self, database: Database, identity: SenseIdentity) -> None:
        super().__init__(database, identity, encode, decode)


@dataclass(frozen=True, slots=True)
class SenseStores:
    """A store for each sense."""

    text: TextStore
    nudity: NudityStore

    @classmethod
    def of(cls, database: Database, text: SenseIdentity, nudity: SenseIdentity) -> Self:
        """Return the stores of a database for the revisions of the senses in use."""
        return cls(TextStore(database, text), NudityStore(database, nudity))

    async def find(
        self, fingerprint: str, wanted: Collection[Sense] = EVERY_SENSE
    ) -> SenseObservations:
        """Return what the wanted senses observed in a clip."""
        return SenseObservations(
            text=await self.text.find(fingerprint) if Sense.TEXT in wanted else None,
            nudity=await self.nudity.find(fingerprint) if Sense.NUDITY in wanted else None,
        )

    async def save(self, fingerprint: str, observed: SenseObservations) -> None:
        """Store what some senses observed in a clip."""
        if observed.text is not None:
            await self.text.save(fingerprint, observed.text)
        if observed.nudity is not None:
            await self.nudity.save(fingerprint, observed.nudity)
