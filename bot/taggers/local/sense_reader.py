"""The senses, seen from the bot's own process: clips are decoded in a sandboxed child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.domain.senses import Sense, SenseObservations
from bot.domain.timeline import count_seconds
from bot.taggers.local.identity import NUDITY_IDENTITY, text_identity
from bot.taggers.local.response import read_senses

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from bot.domain.clip import ClipFile
    from bot.domain.concepts import SenseIdentity
    from bot.media.sandbox.pool import Sandbox

_MAX_SECONDS = 300.0  # ten minutes full of changing text take one and a half


class SenseReader:
    """Observes clips with the senses beside the concepts: text on the screen, and nudity.

    Text is read with the bundled recognizer, or the one in the folder ``custom``. The constructor
    reads every file of that folder.
    """

    def __init__(self, sandbox: Sandbox, custom: Path | None = None) -> None:
        self._sandbox = sandbox
        self.text: SenseIdentity = text_identity(custom)
        self.nudity: SenseIdentity = NUDITY_IDENTITY
        self._custom = custom

    def request(self, wanted: Collection[Sense]) -> dict[str, Any]:
        """Return the part of a request that has a child use some senses."""
        text = {
            "custom": str(self._custom) if self._custom else None,
            "revision": self.text.revision,
        }
        return {
            "text": text if Sense.TEXT in wanted else None,
            "nudity": Sense.NUDITY in wanted,
        }

    async def observe(self, clip: ClipFile, wanted: Collection[Sense]) -> SenseObservations:
        """Decode a clip for some senses alone; raises ``ClipError`` and ``TaggerError``."""
        seconds = count_seconds(clip.info.duration)
        answer = await self._sandbox.run(
            "bot.taggers.local.child:observe",
            {"format": clip.info.format.value, "seconds": seconds, **self.request(wanted)},
            files=[clip.path],
            seconds=_MAX_SECONDS,
            stage="decode",
            owner=clip.owner,
        )
        return read_senses(answer, seconds)
