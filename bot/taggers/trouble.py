"""What keeps the main tagger from working, said once in the log and kept for ``/about``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from bot.storage.database import StorageUnavailable

if TYPE_CHECKING:
    from bot.errors import FramehoundError
    from bot.storage.meta import MetaStore

_KEY = "tagger trouble"
_NONE = ""


class TaggerTrouble:
    """Remembers whether the calls to the main tagger fail, and with which error code.

    All processes share it; each logs a change once.
    """

    def __init__(self, meta: MetaStore) -> None:
        self._meta = meta
        self._code: str | None = None
        self._log = structlog.get_logger("framehound.tagger")

    async def failed(self, error: FramehoundError) -> None:
        """Record that a call failed for a reason that is not the clip's fault."""
        if await self._changed(error.code):
            self._log.warning("tagger can't be used", code=error.code, detail=error.detail)

    async def works(self) -> None:
        """Record that a call succeeded."""
        if await self._changed(_NONE):
            self._log.info("tagger works")

    async def is_present(self) -> bool:
        """Return whether the last call failed, in whichever process it was."""
        return bool(await self._meta.get(_KEY))

    async def _changed(self, code: str) -> bool:
        """Save the code if it is new; return whether there is anything to log."""
        if code == self._code:
            return False
        first, self._code = self._code is None, code
        with suppress(StorageUnavailable):  # it is saved with the next change
            await self._meta.set(_KEY, code)
        return bool(code) or not first
