"""Perceptual hashes: what a clip's pictures look like, nearly the same in every re-encoded copy.

A picture is divided into ``GRID`` x ``GRID`` blocks. Its hash says between which neighbouring
blocks the brightness rises or falls, and which blocks are brighter or darker than they are in the
clip on average. Differences too small to survive an encoder are left out. That is a difference hash
(https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html) with a dead zone:
a watermark changes few of its bits, and a flat area has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, combinations
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GRID = 8
STEPS = 2 * GRID * (GRID - 1)
"""Pairs of neighbouring blocks, in rows and in columns."""
BLOCKS = GRID * GRID
KEYS = 7
"""Numbers that a clip is looked up by, of sixteen steps each."""

_WIDTHS = (STEPS // 8, STEPS // 8, BLOCKS // 8, BLOCKS // 8)
SECOND_BYTES = sum(_WIDTHS)

MAX_SECONDS = 600
"""Longer clips are not hashed: they are rarely posted twice, and decoding them takes minutes."""
MAX_LENGTH_DIFFERENCE = 400
"""Milliseconds: encoders and containers round a clip's length to whole pictures."""

# benchmarks/copies.py measures what these numbers do.
# A picture with fewer rises and falls, such as a fade or a blank slide, says nothing.
_MIN_STEPS = 20
_MIN_SECONDS = 2
# How alike pictures must be, by how many blocks change in a second on average: those of a calm clip
# may be from other clips of the same screen, and those of a lively one are half a second apart.
_STILL, _CALM = 2, 24
_ALIKE_IF_CALM, _ALIKE_IF_LIVELY = 0.8, 0.5
_MIN_ALIKE = 0.5  # of the seconds
_UNLIKE = 0.1
_MAX_UNLIKE = 0.2  # of the seconds
_MIN_CHANGE_LIKENESS = 0.4
# A key says something if so many of its steps rise or fall. The bits of the smallest ones are tried
# both ways, as a copy may have them the other way round.
_MIN_KEY_STEPS = 8
_MIN_AVERAGE = 3
_UNCERTAIN_BITS = 5


@dataclass(frozen=True, slots=True)
class PictureHash:
    """One second's picture, as sets of bits.

    The brightness ``rises`` or ``falls`` from a block to the next one; a block is ``brighter`` or
    ``darker`` than in the clip on average.
    """

    rises: int = 0
    falls: int = 0
    brighter: int = 0
    darker: int = 0

    @property
    def steps(self) -> int:
        """How many pairs of blocks differ."""
        return (self.rises | self.falls).bit_count()

    @property
    def changes(self) -> int:
        """How many blocks differ from the clip's average."""
        return (self.brighter | self.darker).bit_count()

    def as_bytes(self) -> bytes:
        """Return the hash as ``SECOND_BYTES`` bytes."""
        parts = zip(_WIDTHS, (self.rises, self.falls, self.brighter, self.darker), strict=True)
        return b"".join(bits.to_bytes(width) for width, bits in parts)

    @classmethod
    def from_bytes(cls, saved: bytes) -> Self:
        """Read what ``as_bytes`` returned."""
        ends = list(accumulate(_WIDTHS))
        parts = (saved[end - width : end] for width, end in zip(_WIDTHS, ends, strict=True))
        return cls(*map(int.from_bytes, parts))


@dataclass(frozen=True, slots=True)
class PerceptualHash:
    """The picture hashes of a clip, one for each second, and its average ``steps``.

    A second that could not be decoded has an empty hash. ``steps`` says how much the brightness
    rises from each block to the next one, from -127 to 127 quarters of a shade of grey.
    """

    seconds: tuple[PictureHash, ...]
    steps: tuple[int, ...] = (0,) * STEPS

    @property
    def is_useful(self) -> bool:
        """Whether enough seconds show something; a blank clip looks like any other blank clip."""
        return sum(each.steps >= _MIN_STEPS for each in self.seconds) >= _MIN_SECONDS

    def as_bytes(self) -> bytes:
        """Return the hash for storing."""
        steps = bytes(each + 128 for each in self.steps)
        return steps + b"".join(each.as_bytes() for each in self.seconds)

    @classmethod
    def from_bytes(cls, saved: bytes) -> Self:
        """Read what ``as_bytes`` returned; raises ``ValueError`` for another length."""
        steps = tuple(each - 128 for each in saved[:STEPS])
        if len(saved) < STEPS or (len(saved) - STEPS) % SECOND_BYTES:
            raise ValueError(f"{len(saved)} bytes are no hash of whole seconds")
        starts = range(STEPS, len(saved), SECOND_BYTES)
        seconds = (saved[start : start + SECOND_BYTES] for start in starts)
        return cls(tuple(map(PictureHash.from_bytes, seconds)), steps)

    def keys(self) -> tuple[int | None, ...]:
        """Return the numbers to find the clip by, ``KEYS`` of them; None for one that says nothing.

        Each says which way every seventh average step goes.
        """
        return tuple(_key(each) if _is_telling(each) else None for each in self._groups())

    def similar_keys(self) -> tuple[frozenset[int], ...]:
        """Return, for each key, the numbers that a copy may have in its place."""
        return tuple(
            frozenset(_similar(each) if _is_telling(each) else ()) for each in self._groups()
        )

    def _groups(self) -> list[tuple[int, ...]]:
        return [self.steps[number::KEYS] for number in range(KEYS)]

    def looks_like(self, other: PerceptualHash) -> bool:
        """Return whether both are of the same pictures at the same seconds.

        Most seconds must look alike, few may look different and, as a camera or a game may show one
        scene in many clips, both must change alike. Calm clips must look even more alike.
        """
        pairs = zip(self.seconds, other.seconds, strict=False)
        telling = [pair for pair in pairs if max(each.steps for each in pair) >= _MIN_STEPS]
        if len(telling) < _MIN_SECONDS:
            return False
        changes = max(sum(a.changes for a, _ in telling), sum(b.changes for _, b in telling))
        least = _ALIKE_IF_CALM if changes < _CALM * len(telling) else _ALIKE_IF_LIVELY
        found = [_likeness(*pair) for pair in telling]
        alike = sum(each >= least for each in found)
        unlike = sum(each < _UNLIKE for each in found)
        if alike < _MIN_ALIKE * len(found) or unlike > _MAX_UNLIKE * len(found):
            return False
        if changes < _STILL * len(telling):
            return True
        like_changes = sum(_like_changes(*pair) for pair in telling)
        return like_changes >= _MIN_CHANGE_LIKENESS * changes


def _likeness(one: PictureHash, other: PictureHash) -> float:
    """Return how alike the steps of two pictures are, from -1 (inverse) to 1 (the same)."""
    same = (one.rises & other.rises | one.falls & other.falls).bit_count()
    inverse = (one.rises & other.falls | one.falls & other.rises).bit_count()
    return (same - inverse) / max(one.steps, other.steps)


def _like_changes(one: PictureHash, other: PictureHash) -> int:
    """Return how many blocks change alike, less those that change inversely."""
    same = (one.brighter & other.brighter | one.darker & other.darker).bit_count()
    return same - (one.brighter & other.darker | one.darker & other.brighter).bit_count()


def _is_telling(steps: Sequence[int]) -> bool:
    return sum(abs(each) >= _MIN_AVERAGE for each in steps) >= _MIN_KEY_STEPS


def _key(steps: Sequence[int]) -> int:
    return sum((each > 0) << bit for bit, each in enumerate(steps))


def _similar(steps: Sequence[int]) -> Iterator[int]:
    """Yield the key, also with every combination of its least certain bits inverted."""
    key = _key(steps)
    uncertain = sorted(range(len(steps)), key=lambda bit: abs(steps[bit]))[:_UNCERTAIN_BITS]
    for count in range(_UNCERTAIN_BITS + 1):
        for bits in combinations(uncertain, count):
            yield key ^ sum(1 << bit for bit in bits)
