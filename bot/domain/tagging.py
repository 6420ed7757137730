"""What a tagger is asked about a clip, what it observes, and how that is stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from bot.domain.budget import OPERATOR, Payer
from bot.domain.progress import ignore_progress
from bot.domain.senses import NOT_OBSERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.domain.clip import Clip, ClipInfo
    from bot.domain.concepts import Frame, TaggerIdentity
    from bot.domain.kind import Kind
    from bot.domain.perceptual_hash import PerceptualHash
    from bot.domain.progress import ProgressListener
    from bot.domain.senses import Sense, SenseObservations
    from bot.domain.text_lines import TextLine

MAX_THUMBNAILS = 24
OWN_KEY = "link:"
"""Keys of taggings that count for one job alone begin so."""


@dataclass(frozen=True, slots=True)
class TagRequest:
    """A clip to tag: who listens to the progress, who pays, and in which language to name tags."""

    clip: Clip
    progress: ProgressListener = ignore_progress
    payer: Payer = field(default_factory=Payer)
    language: str = "en"
    senses: frozenset[Sense] = frozenset()
    """What to observe in the clip beside its concepts."""
    models: frozenset[str] = frozenset()
    """The names of the models that the server chose; none if it chose none."""

    @property
    def owner(self) -> str:
        """The server or the person whose clip it is; empty for the operator's own."""
        return "" if self.payer.name == OPERATOR else self.payer.name

    def own_key(self, fingerprint: str) -> str | None:
        """Return a key in place of the fingerprint for a tagging that only counts for this job.

        It doesn't tell the job. None without a job, as on the command line.
        """
        if not self.payer.reference:
            return None
        return f"{OWN_KEY}{self.payer.for_clip(fingerprint).reference}"

    def with_clip(self, clip: Clip) -> Self:
        """Return the same request for another clip."""
        return replace(self, clip=clip)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture of one second of a clip, as the bytes of a JPEG."""

    second: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class SecondRange:
    """Consecutive seconds of a clip: ``start`` to ``end`` (exclusive)."""

    start: int
    end: int


def ranges_of(seconds: Iterable[int]) -> tuple[SecondRange, ...]:
    """Return seconds, which are in order, as ranges."""
    found: list[SecondRange] = []
    for second in seconds:
        if found and found[-1].end == second:
            found[-1] = SecondRange(found[-1].start, second + 1)
        else:
            found.append(SecondRange(second, second + 1))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Observations:
    """A tagger's result: frames in order of time, none past the clip's end.

    ``thumbnails``, at most ``MAX_THUMBNAILS`` in order of time, are there if the clip was decoded
    here. ``proxied`` means that the tagger got a proxy instead of the clip. ``unreadable`` are the
    seconds that could not be decoded, if the clip was decoded here. ``billed`` is the number of
    billed frames, if it differs from the number of ``frames``. ``by_link`` means that the tagger
    fetched the clip itself from a host that may have sent it another one than us. ``description``
    is a sentence about the clip, if the tagger writes one. ``senses`` are the observations of those
    that the tagger used. ``kind`` is None if the tagger tells none or there is no clear one.
    ``perceptual_hash`` is there if the clip was decoded here.
    """

    frames: tuple[Frame, ...]
    thumbnails: tuple[Thumbnail, ...] = ()
    proxied: bool = False
    unreadable: tuple[SecondRange, ...] = ()
    billed: int | None = None
    by_link: bool = False
    description: str | None = None
    senses: SenseObservations = NOT_OBSERVED
    kind: Kind | None = None
    perceptual_hash: PerceptualHash | None = None


@dataclass(frozen=True, slots=True)
class Tagging:
    """The raw observations of one clip by one tagger, before any setting is applied.

    ``thumbnails``, ``proxied``, ``unreadable``, ``description`` and ``kind`` are as in
    ``Observations``, ``text`` and ``nudity`` as in ``SenseObservations``. The ``perceptual_hash``
    is stored to find copies of the clip, and not read again. A tagging that was taken over from
    another clip is not ``original``. If several models tagged the clip, ``models`` are these, and
    ``tagger`` is the first of them.
    """

    info: ClipInfo
    frames: tuple[Frame, ...]
    tagger: TaggerIdentity
    thumbnails: tuple[Thumbnail, ...] = ()
    proxied: bool = False
    unreadable: tuple[SecondRange, ...] = ()
    description: str | None = None
    text: tuple[TextLine, ...] | None = None
    nudity: tuple[Frame, ...] | None = None
    kind: Kind | None = None
    perceptual_hash: PerceptualHash | None = field(default=None, compare=False)
    original: bool = field(default=True, compare=False)
    models: tuple[TaggerIdentity, ...] = ()


def combine(taggings: Sequence[Tagging]) -> Tagging:
    """Return the taggings of one clip by several models as one, in which each frame has its model.

    Seconds count as unreadable if no model could be shown them.
    """
    first, *others = taggings
    if not others:
        return first
    frames = [replace(frame, model=each.tagger.model) for each in taggings for frame in each.frames]
    unreadable = set.intersection(*(_seconds_of(each.unreadable) for each in taggings))
    return replace(
        first,
        frames=tuple(sorted(frames, key=lambda frame: frame.time)),
        thumbnails=next((each.thumbnails for each in taggings if each.thumbnails), ()),
        proxied=any(each.proxied for each in taggings),
        unreadable=ranges_of(sorted(unreadable)),
        description=next((each.description for each in taggings if each.description), None),
        kind=next((each.kind for each in taggings if each.kind), None),
        models=tuple(each.tagger for each in taggings),
    )


def _seconds_of(ranges: Iterable[SecondRange]) -> set[int]:
    return {second for each in ranges for second in range(each.start, each.end)}
