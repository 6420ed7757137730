"""Showing a tagger small pictures of the clips it does not take."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot.domain.clip import ClipFile, ClipFormat
from bot.domain.concepts import Frame
from bot.domain.progress import Progress, Stage, ignore_progress
from bot.domain.tagging import Observations
from bot.domain.timeline import count_seconds
from bot.errors import ClipError, FramehoundError, TaggerError, TaggerRefused
from bot.media.decode.proxy import ProxyPlan
from bot.taggers.local.response import read_thumbnails
from bot.taggers.thumbnail_selection import ThumbnailSelector

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from bot.domain.clip import ClipLimits, ProxyLimits
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.progress import ProgressListener
    from bot.domain.tagging import Thumbnail
    from bot.media.decode.proxy import Part, ProxyMaker
    from bot.taggers import Tagger

# Every list of formats that Clarifai ever published has these.
_ALWAYS_TAKEN = frozenset({ClipFormat.MP4, ClipFormat.MOV, ClipFormat.AVI})
_BYTES_A_PICTURE = 16_000  # what a part must have room for
_SECOND = 1000


class ProxyTagger:
    """A tagger that is shown a proxy of each clip it refuses, or would.

    ``takes`` is what the tagger itself takes, and ``limits`` how large and long a clip may be that
    is shown by a proxy. A container that was refused once is not sent again, unless it is one that
    is taken everywhere: then it was that clip's fault.
    """

    def __init__(
        self, tagger: Tagger, maker: ProxyMaker, takes: ClipLimits, limits: ProxyLimits
    ) -> None:
        self._tagger = tagger
        self._maker = maker
        self._limits = limits
        self._part_bytes = takes.as_bytes
        self._most = max(1, min(takes.duration // _SECOND, takes.as_bytes // _BYTES_A_PICTURE))
        self._refused: set[ClipFormat] = set()
        self._log = structlog.get_logger("framehound.proxy")

    @property
    def identity(self) -> TaggerIdentity:
        """Whose scores these are."""
        return self._tagger.identity

    @property
    def longest(self) -> int:
        """How many milliseconds a clip may have."""
        return max(self._tagger.longest, self._limits.duration)

    def size_limit(self, *, public: bool) -> int:
        """Return how many bytes a clip may have, by whether others could fetch it by link."""
        return max(self._tagger.size_limit(public=public), self._limits.size)

    def count_frames(self, duration: int) -> int:
        """Return how many frames a clip of so many milliseconds costs."""
        if duration <= self._tagger.longest:
            return self._tagger.count_frames(duration)
        return sum(self._plan(duration).pictures)

    async def check(self) -> str:
        """Try the tagger."""
        return await self._tagger.check()

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Return what the tagger saw in the clip, or else in its proxy.

        Raises what the tagger raises, ``Damaged``, ``TooSlow`` and ``DiskFull``.
        """
        if self._is_taken(clip):
            try:
                return await self._tagger.tag(clip, progress)
            except TaggerRefused as refusal:
                if clip.info.size > self._limits.size:
                    raise
                self._note(clip.info.format, refusal)
        return await self._tag_proxy(clip, progress)

    def _is_taken(self, clip: ClipFile) -> bool:
        most = self._tagger.size_limit(public=clip.public_url is not None)
        fits = clip.info.size <= most and clip.info.duration <= self._tagger.longest
        return fits and clip.info.format not in self._refused

    def _note(self, clip_format: ClipFormat, refusal: TaggerRefused) -> None:
        self._log.info("clip refused, showing a proxy", reason=str(refusal), detail=refusal.detail)
        if clip_format not in _ALWAYS_TAKEN:
            self._refused.add(clip_format)

    def _plan(self, duration: int) -> ProxyPlan:
        plan = ProxyPlan.thinned if self._limits.wider else ProxyPlan.in_parts
        return plan(count_seconds(duration), self._most)

    async def _tag_proxy(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        plan = self._plan(clip.info.duration)
        told = _Progress(progress, plan)
        async with self._maker.made(clip, plan, self._part_bytes, told.made) as parts:
            seen = await _all([self._show(clip, part, told) for part in parts])
            thumbnails = await self._thumbnails(parts, plan, seen)
        return Observations(
            tuple(_placed(seen, plan)), thumbnails, proxied=True, billed=_count(seen)
        )

    async def _thumbnails(
        self, parts: list[Part], plan: ProxyPlan, seen: list[Observations]
    ) -> tuple[Thumbnail, ...]:
        """Return stills where most changes; what was seen is paid for, and told without them."""
        moments = ThumbnailSelector()
        for part, found in zip(parts, seen, strict=True):
            concepts = {frame.second: frame.concepts for frame in found.frames}
            for second in range(part.pictures):
                moments.add(concepts.get(second, ()))
        try:
            answer = await self._maker.thumbnails(parts, plan, moments.chosen())
            return read_thumbnails(answer, plan.seconds)
        except (ClipError, TaggerError) as error:
            self._log.warning("no stills of a proxy", detail=error.detail)
            return ()

    async def _show(self, clip: ClipFile, part: Part, told: _Progress) -> Observations:
        """Have the tagger look at a part as if it were a clip, which nobody can fetch."""
        info = replace(
            clip.info, format=ClipFormat.MP4, size=part.size, duration=part.pictures * _SECOND
        )
        seen = await self._tagger.tag(
            ClipFile(part.path, info, language=clip.language), ignore_progress
        )
        told.shown(part.pictures)
        return seen


class _Progress:
    """Tells the seconds done: each picture counts half when it is made, half when it was seen."""

    def __init__(self, progress: ProgressListener, plan: ProxyPlan) -> None:
        self._progress = progress
        self._plan = plan
        self._made = self._seen = 0
        self._tell()

    def made(self, pictures: int) -> None:
        """Hear how many pictures are made."""
        self._made = pictures
        self._tell()

    def shown(self, pictures: int) -> None:
        """Hear that so many more were seen."""
        self._seen += pictures
        self._tell()

    def _tell(self) -> None:
        share = (self._made + self._seen) / (2 * sum(self._plan.pictures))
        seconds = self._plan.seconds
        self._progress(Progress(Stage.TAG, round(share * seconds), seconds))


async def _all(shown: list[Coroutine[None, None, Observations]]) -> list[Observations]:
    """Show all parts at once; where one fails, say with its error what the others cost."""
    ends = await asyncio.gather(*shown, return_exceptions=True)
    failed = [end for end in ends if isinstance(end, BaseException)]
    seen = [end for end in ends if isinstance(end, Observations)]
    for error in failed:
        if isinstance(error, FramehoundError):
            error.billed = _count(seen)
        raise error
    return seen


def _count(seen: list[Observations]) -> int:
    return sum(len(part.frames) for part in seen)


def _placed(seen: list[Observations], plan: ProxyPlan) -> Iterator[Frame]:
    """Yield the frames at the clip's own seconds, each at all it speaks for."""
    first = 0
    for part, pictures in zip(seen, plan.pictures, strict=True):
        for frame in part.frames:
            start = (first + frame.second) * plan.step
            for second in range(start, min(start + plan.step, plan.seconds)):
                yield Frame(second * _SECOND + frame.time % _SECOND, frame.concepts)
        first += pictures
