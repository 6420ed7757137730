"""The text of clips, read once and stored, whichever tagger names their concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot.errors import ClipError, TaggerError
from bot.storage.database import retry_storage

if TYPE_CHECKING:
    from bot.domain.clip import ClipFile
    from bot.domain.text_lines import TextLine
    from bot.storage.text import TextStore
    from bot.taggers.local.text_sense import TextSense


class ClipTextReader:
    """Reads the text of clips and stores it.

    A clip whose text can't be read counts as one without text: its tags are worth showing.
    """

    def __init__(self, sense: TextSense, store: TextStore) -> None:
        self._sense = sense
        self._store = store
        self._log = structlog.get_logger("framehound.text")

    async def find(self, fingerprint: str) -> tuple[TextLine, ...] | None:
        """Return the stored text of a clip; None if it was not read yet."""
        return await retry_storage(lambda: self._store.find(fingerprint))

    async def save(self, fingerprint: str, lines: tuple[TextLine, ...]) -> None:
        """Store what a tagger read while it tagged the clip."""
        await retry_storage(lambda: self._store.save(fingerprint, lines))

    async def read(self, fingerprint: str, clip: ClipFile) -> tuple[TextLine, ...] | None:
        """Read the text of a clip here and store it; None if the reader can't be used."""
        try:
            lines = await self._sense.read(clip)
        except ClipError as error:
            self._log.info("text not read", code=error.code, detail=error.detail)
            lines = ()
        except TaggerError as error:
            self._log.warning("reader of text can't be used", detail=error.detail)
            return None
        await self.save(fingerprint, lines)
        return lines
