"""The local tagger: models on this machine, no account, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.progress import Progress, Stage
from bot.domain.timeline import count_seconds
from bot.errors import ClipError, TaggerUnavailable
from bot.taggers.local.identity import identify
from bot.taggers.local.response import read_done, read_observations

if TYPE_CHECKING:
    from pathlib import Path

    from bot.domain.clip import ClipFile, ClipLimits
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.progress import ProgressListener
    from bot.domain.tagging import Observations
    from bot.media.sandbox.pool import Sandbox

# Ten minutes of heavy 1080p decode in two; building the model the first time takes seconds.
_MAX_SECONDS = 300.0
_MAX_CHECK_SECONDS = 60.0


class LocalTagger:
    """Tags clips in a sandboxed child.

    ``models`` is where the built model is kept; ``own`` is the folder of the operator's own, to be
    used instead of it. Making one reads every file of the model.
    """

    def __init__(
        self, sandbox: Sandbox, models: Path, limits: ClipLimits, own: Path | None = None
    ) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._identity = identify(own)
        self._model = {
            "models": str(models.absolute()),
            "own": str(own.absolute()) if own else None,
            "revision": self._identity.revision,
        }

    @property
    def identity(self) -> TaggerIdentity:
        """The model, told apart by its files and by the rules its scores are read with."""
        return self._identity

    @property
    def longest(self) -> int:
        """The longest clip accepted, in milliseconds."""
        return self._limits.duration

    def size_limit(self, *, public: bool) -> int:  # noqa: ARG002 - the protocol's; here both are alike
        """Return how many bytes a clip may have."""
        return max(self._limits.by_url, self._limits.as_bytes)

    def count_frames(self, duration: int) -> int:
        """Return how many frames are billed for a clip of ``duration`` milliseconds."""
        return count_seconds(duration)

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Return a frame for every second of the clip, and stills."""
        seconds = count_seconds(clip.info.duration)
        progress(Progress(Stage.TAG, 0, seconds))
        answer = await self._sandbox.run(
            "bot.taggers.local.child:tag",
            {
                "path": str(clip.path.absolute()),
                "format": clip.info.format.value,
                "seconds": seconds,
                **self._model,
            },
            seconds=_MAX_SECONDS,
            on_progress=lambda done: progress(Progress(Stage.TAG, read_done(done), seconds)),
            stage="decode",
        )
        return read_observations(answer, seconds)

    async def check(self) -> str:
        """Build and load the model; raises TaggerUnavailable where that fails."""
        try:
            names = await self._sandbox.run(
                "bot.taggers.local.child:check", self._model, seconds=_MAX_CHECK_SECONDS
            )
        except ClipError as error:
            raise TaggerUnavailable(detail=error.detail) from error
        return f"{self.identity} is ready ({names} names)"
