"""What the senses observe in clips, once for each clip, whichever tagger names its concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot.domain.senses import Sense, SenseObservations
from bot.errors import ClipError, TaggerError
from bot.storage.database import retry_storage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from bot.domain.clip import ClipFile
    from bot.storage.senses import SenseStores
    from bot.taggers.local.sense_reader import SenseReader


class ClipSenseReader:
    """Observes clips with the senses that are wanted, and stores that.

    A clip whose text can't be read counts as one without text: its tags are worth showing. One that
    can't be looked at for nudity counts as not looked at.
    """

    def __init__(self, reader: SenseReader, stores: SenseStores) -> None:
        self._reader = reader
        self._stores = stores
        self._log = structlog.get_logger("framehound.senses")

    async def save(self, fingerprint: str, observed: SenseObservations) -> None:
        """Store what a tagger observed while it tagged the clip."""
        await retry_storage(lambda: self._stores.save(fingerprint, observed))

    async def observe(
        self,
        fingerprint: str,
        examine: Callable[[], Awaitable[ClipFile]],
        wanted: Collection[Sense],
    ) -> SenseObservations:
        """Return what is stored about a clip; ``examine`` it if a sense has not looked at it."""
        known = await retry_storage(lambda: self._stores.find(fingerprint, wanted))
        missing = frozenset(wanted) - known.made
        if not missing:
            return known
        new = await self._look(await examine(), missing)
        await self.save(fingerprint, new)
        return known.with_others(new)

    async def _look(self, clip: ClipFile, wanted: Collection[Sense]) -> SenseObservations:
        try:
            return await self._reader.observe(clip, wanted)
        except ClipError as error:
            self._log.info("clip not observed", code=error.code, detail=error.detail)
            return SenseObservations(text=() if Sense.TEXT in wanted else None)
        except TaggerError as error:
            self._log.warning("senses can't be used", detail=error.detail)
            return SenseObservations()
