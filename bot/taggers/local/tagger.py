"""The local tagger: it runs models on this machine and needs no account and no network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.progress import Progress, Stage
from bot.domain.senses import EVERY_SENSE
from bot.domain.tagging import ranges_of
from bot.domain.timeline import count_seconds
from bot.errors import ClipError, TaggerUnavailable
from bot.taggers.local.identity import identify
from bot.taggers.local.labels import model_names
from bot.taggers.local.response import read_observations, read_progress

if TYPE_CHECKING:
    from bot.domain.clip import ClipFile, ClipLimits
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.model_card import ModelFolder
    from bot.domain.progress import ProgressListener
    from bot.domain.tagging import Observations
    from bot.media.sandbox.pool import Sandbox
    from bot.taggers.local.sense_reader import SenseReader

_MAX_SECONDS = 300.0  # ten minutes of demanding 1080p take two minutes
_MAX_CHECK_SECONDS = 60.0


class LocalTagger:
    """Tags clips in a sandboxed child, with the bundled models or the operator's ``custom`` one.

    It decodes a clip once, also for those of its ``senses`` that are wanted. The constructor
    reads the label tables, or every file of a custom model.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        limits: ClipLimits,
        custom: ModelFolder | None = None,
        senses: SenseReader | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._senses = senses
        self._limits = limits
        self._identity = identify(custom)
        self._names = model_names(custom)
        self._model = {
            "custom": custom.as_dict() if custom else None,
            "revision": self._identity.revision,
        }

    @property
    def identity(self) -> TaggerIdentity:
        """The model, and the revision of its files and of how its scores are computed."""
        return self._identity

    @property
    def longest(self) -> int:
        """The longest clip it takes, in milliseconds."""
        return self._limits.duration

    def size_limit(self, *, public: bool) -> int:  # noqa: ARG002 - the protocol's; here both are alike
        """Return the largest clip it takes, in bytes."""
        return max(self._limits.by_url, self._limits.as_bytes)

    def count_frames(self, duration: int) -> int:
        """Return the number of frames it tags in a clip of ``duration`` milliseconds."""
        return count_seconds(duration)

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Return a frame for every second of the clip that can be read, and thumbnails."""
        seconds = count_seconds(clip.info.duration)
        progress(Progress(Stage.TAG, 0, seconds))
        answer = await self._sandbox.run(
            "bot.taggers.local.child:tag",
            {
                "format": clip.info.format.value,
                "seconds": seconds,
                **(self._senses.request(clip.senses) if self._senses else {}),
                **self._model,
            },
            files=[clip.path],
            seconds=_MAX_SECONDS,
            on_progress=lambda done: progress(
                Progress(Stage.TAG, read_progress(done, seconds), seconds)
            ),
            stage="decode",
            owner=clip.owner,
        )
        found = read_observations(answer, seconds, self._names)
        readable = {frame.second for frame in found.frames}
        missing = (second for second in range(seconds) if second not in readable)
        return replace(found, unreadable=ranges_of(missing))

    async def check(self) -> str:
        """Load the models; raises TaggerUnavailable if that fails."""
        try:
            names = await self._sandbox.run(
                "bot.taggers.local.child:check",
                {**self._model, **(self._senses.request(EVERY_SENSE) if self._senses else {})},
                seconds=_MAX_CHECK_SECONDS,
            )
        except ClipError as error:
            raise TaggerUnavailable(detail=error.detail) from error
        return f"{self.identity} is ready and knows {names} tags"
