"""The sense for text, seen from the bot's own process: the clip is read in a sandboxed child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.domain.timeline import count_seconds
from bot.taggers.local.identity import text_identity
from bot.taggers.local.response import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from bot.domain.clip import ClipFile
    from bot.domain.concepts import SenseIdentity
    from bot.domain.text_lines import TextLine
    from bot.media.sandbox.pool import Sandbox

_MAX_SECONDS = 300.0  # ten minutes full of changing text take one and a half


class TextSense:
    """Reads the text in clips, with the bundled recognizer or the one in the folder ``custom``.

    The constructor reads every file of that folder.
    """

    def __init__(self, sandbox: Sandbox, custom: Path | None = None) -> None:
        self._sandbox = sandbox
        self.identity: SenseIdentity = text_identity(custom)
        self._custom = custom

    @property
    def request(self) -> dict[str, Any]:
        """The part of a request that has a child read text."""
        return {
            "custom": str(self._custom) if self._custom else None,
            "revision": self.identity.revision,
        }

    async def read(self, clip: ClipFile) -> tuple[TextLine, ...]:
        """Return the lines in a clip; raises ``ClipError`` and ``TaggerError``."""
        seconds = count_seconds(clip.info.duration)
        answer = await self._sandbox.run(
            "bot.taggers.local.child:read_text",
            {"format": clip.info.format.value, "seconds": seconds, "text": self.request},
            files=[clip.path],
            seconds=_MAX_SECONDS,
            stage="decode",
            owner=clip.owner,
        )
        return read_text(answer, seconds)
