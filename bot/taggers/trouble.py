"""What keeps taggers from working, said once in the log and kept for ``/about``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from bot.storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.domain.concepts import TaggerIdentity
    from bot.errors import FramehoundError
    from bot.storage.meta import MetaStore

_KEY = "tagger trouble:"
_NONE = ""


class TaggerTrouble:
    """Remembers which taggers' calls fail, and with which error code.

    All processes share it; each logs a change once.
    """

    def __init__(self, meta: MetaStore) -> None:
        self._meta = meta
        self._codes: dict[str, str] = {}
        self._log = structlog.get_logger("framehound.tagger")

    async def failed(self, tagger: TaggerIdentity, error: FramehoundError) -> None:
        """Record that a call failed for a reason that is not the clip's fault."""
        if await self._changed(tagger, error.code):
            self._log.warning(
                "tagger can't be used", tagger=str(tagger), code=error.code, detail=error.detail
            )

    async def works(self, tagger: TaggerIdentity) -> None:
        """Record that a call succeeded."""
        if await self._changed(tagger, _NONE):
            self._log.info("tagger works", tagger=str(tagger))

    async def among(self, taggers: Iterable[TaggerIdentity]) -> list[TaggerIdentity]:
        """Return the taggers whose last call failed, in whichever process it was."""
        return [each for each in taggers if await self._meta.get(f"{_KEY}{each}")]

    async def _changed(self, tagger: TaggerIdentity, code: str) -> bool:
        """Save the code if it is new; return whether there is anything to log."""
        name = str(tagger)
        if self._codes.get(name) == code:
            return False
        first, self._codes[name] = name not in self._codes, code
        with suppress(StorageUnavailable):  # it is saved with the next change
            await self._meta.set(f"{_KEY}{name}", code)
        return bool(code) or not first
