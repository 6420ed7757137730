"""Sending a tagger a small proxy of a clip that it does not accept itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot.domain.clip import ClipFile, ClipFormat
from bot.domain.concepts import Frame
from bot.domain.progress import Progress, Stage, ignore_progress
from bot.domain.tagging import Observations, ranges_of
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

# Every list of formats that Clarifai has published includes these.
_ALWAYS_ACCEPTED = frozenset({ClipFormat.MP4, ClipFormat.MOV, ClipFormat.AVI})
_BYTES_PER_PICTURE = 16_000  # space that each picture of a part needs
_SECOND = 1000  # milliseconds


class ProxyTagger:
    """A tagger that gets a proxy of every clip it refuses or would refuse.

    It also gets one of a clip that it would have to fetch from a host other than Discord.

    ``accepts`` has the tagger's own limits, ``limits`` those of clips sent as proxies. A container
    that was refused once is not sent again, unless it is one that is always accepted: then the
    fault was with that clip.
    """

    def __init__(
        self, tagger: Tagger, maker: ProxyMaker, accepts: ClipLimits, limits: ProxyLimits
    ) -> None:
        self._tagger = tagger
        self._maker = maker
        self._limits = limits
        self._part_bytes = accepts.as_bytes
        self._max_pictures = max(
            1, min(accepts.duration // _SECOND, accepts.as_bytes // _BYTES_PER_PICTURE)
        )
        self._refused: set[ClipFormat] = set()
        self._log = structlog.get_logger("framehound.proxy")

    @property
    def identity(self) -> TaggerIdentity:
        """The identity that the scores are stored under."""
        return self._tagger.identity

    @property
    def longest(self) -> int:
        """The longest clip accepted, in milliseconds."""
        return max(self._tagger.longest, self._limits.duration)

    def size_limit(self, *, public: bool) -> int:
        """Return the largest clip accepted, in bytes; ``public`` if it has a public link."""
        return max(self._tagger.size_limit(public=public), self._limits.size)

    def count_frames(self, duration: int) -> int:
        """Return how many frames are billed for a clip of ``duration`` milliseconds."""
        if duration <= self._tagger.longest:
            return self._tagger.count_frames(duration)
        return sum(self._plan(duration).pictures)

    async def check(self) -> str:
        """Try the tagger."""
        return await self._tagger.check()

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Tag the clip itself, or else its proxy.

        Raises what the tagger raises, ``Damaged``, ``TooSlow`` and ``DiskFull``.
        """
        if self._is_accepted(clip):
            try:
                return await self._tagger.tag(clip, progress)
            except TaggerRefused as refusal:
                if clip.info.size > self._limits.size:
                    raise
                self._remember_refusal(clip.info.format, refusal)
        return await self._tag_proxy(clip, progress)

    def _is_accepted(self, clip: ClipFile) -> bool:
        # Another host may send the tagger another clip than us, so the proxy is better.
        links = clip.has_trusted_link or clip.info.size > self._limits.size
        limit = self._tagger.size_limit(public=links and clip.public_url is not None)
        fits = clip.info.size <= limit and clip.info.duration <= self._tagger.longest
        return fits and clip.info.format not in self._refused

    def _remember_refusal(self, clip_format: ClipFormat, refusal: TaggerRefused) -> None:
        self._log.info(
            "tagger refused the clip, sending a proxy instead",
            reason=str(refusal),
            detail=refusal.detail,
        )
        if clip_format not in _ALWAYS_ACCEPTED:
            self._refused.add(clip_format)

    def _plan(self, duration: int) -> ProxyPlan:
        make_plan = ProxyPlan.thinned if self._limits.wider else ProxyPlan.in_parts
        return make_plan(count_seconds(duration), self._max_pictures)

    async def _tag_proxy(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        plan = self._plan(clip.info.duration)
        reporter = _Progress(progress, plan)
        async with self._maker.made(clip, plan, self._part_bytes, reporter.made) as parts:
            results = await _gather([self._tag_part(clip, part, reporter) for part in parts])
            thumbnails = await self._thumbnails(parts, plan, results, clip.owner)
        return Observations(
            tuple(_in_clip_time(results, parts, plan)),
            thumbnails,
            proxied=True,
            unreadable=ranges_of(_unreadable_seconds(parts, plan)),
            billed=_count(results),
        )

    async def _thumbnails(
        self, parts: list[Part], plan: ProxyPlan, results: list[Observations], owner: str
    ) -> tuple[Thumbnail, ...]:
        """Return thumbnails where tags change most; none if that fails."""
        selector = ThumbnailSelector()
        for part, result in zip(parts, results, strict=True):
            concepts = {frame.second: frame.concepts for frame in result.frames}
            for second in range(part.pictures):
                selector.add(concepts.get(second, ()))
        try:
            answer = await self._maker.thumbnails(parts, plan, selector.chosen(), owner)
            return read_thumbnails(answer, plan.seconds)
        except (ClipError, TaggerError) as error:
            self._log.warning("thumbnails of a proxied clip not made", detail=error.detail)
            return ()

    async def _tag_part(self, clip: ClipFile, part: Part, reporter: _Progress) -> Observations:
        """Tag a part as if it were a clip without a public link."""
        info = replace(
            clip.info, format=ClipFormat.MP4, size=part.size, duration=part.pictures * _SECOND
        )
        result = await self._tagger.tag(
            ClipFile(part.path, info, language=clip.language), ignore_progress
        )
        reporter.tagged(part.pictures)
        return result


class _Progress:
    """Reports seconds done: a picture counts half when it is made and half when it is tagged."""

    def __init__(self, progress: ProgressListener, plan: ProxyPlan) -> None:
        self._progress = progress
        self._plan = plan
        self._made = self._tagged = 0
        self._report()

    def made(self, pictures: int) -> None:
        """Take the number of pictures made so far."""
        self._made = pictures
        self._report()

    def tagged(self, pictures: int) -> None:
        """Add pictures that were tagged."""
        self._tagged += pictures
        self._report()

    def _report(self) -> None:
        share = (self._made + self._tagged) / (2 * sum(self._plan.pictures))
        seconds = self._plan.seconds
        self._progress(Progress(Stage.TAG, round(share * seconds), seconds))


async def _gather(calls: list[Coroutine[None, None, Observations]]) -> list[Observations]:
    """Tag all parts at once; if one fails, its error tells how many frames the others cost."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    failed = [each for each in outcomes if isinstance(each, BaseException)]
    results = [each for each in outcomes if isinstance(each, Observations)]
    for error in failed:
        if isinstance(error, FramehoundError):
            error.billed = _count(results)
        raise error
    return results


def _count(results: list[Observations]) -> int:
    return sum(len(part.frames) for part in results)


def _unreadable_seconds(parts: list[Part], plan: ProxyPlan) -> Iterator[int]:
    """Yield the clip's seconds that could not be decoded, in order."""
    first = 0
    for part in parts:
        for number in sorted(part.unreadable):
            start = (first + number) * plan.step
            yield from range(start, min(start + plan.step, plan.seconds))
        first += part.pictures


def _in_clip_time(
    results: list[Observations], parts: list[Part], plan: ProxyPlan
) -> Iterator[Frame]:
    """Yield the frames at the clip's own seconds, each at every second it represents."""
    first = 0
    for result, part, pictures in zip(results, parts, plan.pictures, strict=True):
        for frame in result.frames:
            if frame.second in part.unreadable:
                continue
            start = (first + frame.second) * plan.step
            for second in range(start, min(start + plan.step, plan.seconds)):
                yield Frame(second * _SECOND + frame.time % _SECOND, frame.concepts)
        first += pictures
