"""Text read on the screen: the lines of each second, joined to lines with a range of seconds.

A line that stays is read again every second, a little differently each time. So lines of following
seconds that say nearly the same are one line, whose best reading counts. A line that scrolls by is
the same line at another place. The figures of a counter change every second: it is no text that
anybody looks for.

All limits are here too: a hostile clip may show 600 screens full of random letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_LINE_LENGTH = 120  # characters
MAX_LINES = 300  # of one clip
MAX_LINES_A_FRAME = 40
_MIN_LETTERS = 2
_MIN_SCORE = 0.6  # the mean probability of a line's characters
_MIN_SCORE_ONCE = 0.75  # of a line that was only read in one second
_MAX_GAP = 2  # seconds in which a line may be missed
_MIN_SIMILARITY = 0.6
_MAX_RETURNS = 3  # a line that comes back more often is a watermark: it gets one range
_FIGURES = re.compile(r"[\W\d_]+")


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line of one frame: what it says, its score 0-1, and where its middle and height are.

    ``x``, ``y`` and ``height`` are shares of the picture.
    """

    text: str
    score: float
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text on the screen: ``start`` to ``end`` in seconds (exclusive), and its score."""

    text: str
    start: int
    end: int
    score: float


@dataclass(slots=True)
class _Track:
    """A line while it is followed from second to second."""

    start: int
    last: int
    place: SeenLine
    readings: Counter[str] = field(default_factory=Counter)
    scores: dict[str, float] = field(default_factory=dict)
    pairs: frozenset[str] = frozenset()
    seconds: int = 0

    def add(self, second: int, line: SeenLine) -> None:
        """Add the reading of another second."""
        self.last, self.place, self.pairs = second, line, _pairs(line.text)
        self.seconds += 1
        self.readings[line.text] += round(line.score * 1000)
        self.scores[line.text] = max(line.score, self.scores.get(line.text, 0.0))

    def finished(self) -> TextLine:
        """Return the line with its best reading: the one seen most often and most clearly."""
        text = max(self.readings, key=lambda each: (self.readings[each], len(each), each))
        return TextLine(text, self.start, self.last + 1, round(self.scores[text], 3))


def join_lines(frames: Iterable[tuple[int, Sequence[SeenLine]]]) -> tuple[TextLine, ...]:
    """Return the lines of a clip, given the lines of each second in order of time."""
    finished: list[_Track] = []
    current: list[_Track] = []
    for second, lines in frames:
        ended = [track for track in current if second - track.last > _MAX_GAP]
        finished += ended
        current = [track for track in current if second - track.last <= _MAX_GAP]
        _follow(current, second, lines)
    kept = [track for track in (*finished, *current) if _is_worth_keeping(track)]
    return _limited(_without_returns(kept))


def letters(text: str) -> str:
    """Return the letters and digits of a text, without case and accents, to compare it."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalnum())


def _follow(current: list[_Track], second: int, lines: Sequence[SeenLine]) -> None:
    """Add each line of a second to the track it continues, or begin a track."""
    free = {id(track): track for track in current}
    exact = {_key(track.place.text): track for track in current}
    for line in lines[:MAX_LINES_A_FRAME]:
        same = exact.get(_key(line.text))
        track = same if same and id(same) in free else _nearby(free.values(), line)
        if track is None:
            track = _Track(second, second, line)
            current.append(track)
        else:
            del free[id(track)]
        track.add(second, line)


def _nearby(tracks: Iterable[_Track], line: SeenLine) -> _Track | None:
    """Return the track at the same place that says nearly the same."""
    here = (track for track in tracks if _same_place(track.place, line))
    pairs = _pairs(line.text)
    alike = [(_similarity(track.pairs, pairs), track) for track in here]
    best = max(alike, key=lambda each: each[0], default=(0.0, None))
    return best[1] if best[0] >= _MIN_SIMILARITY else None


def _same_place(one: SeenLine, other: SeenLine) -> bool:
    height = max(one.height, other.height)
    return abs(one.y - other.y) <= height and abs(one.x - other.x) <= 4 * height


def _pairs(text: str) -> frozenset[str]:
    """Return the pairs of neighbouring letters in a text, without its figures."""
    plain = _key(text)
    return frozenset(plain[place : place + 2] for place in range(len(plain)))


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Return how much of two lines is equal, 0-1; two readings of a counter are."""
    if not one and not other:
        return 1.0
    return 2 * len(one & other) / (len(one) + len(other))


def _key(text: str) -> str:
    return _FIGURES.sub("", letters(text))


def _is_worth_keeping(track: _Track) -> bool:
    line = track.finished()
    if len(letters(line.text)) < _MIN_LETTERS or _is_counter(track):
        return False
    return line.score >= (_MIN_SCORE if track.seconds > 1 else _MIN_SCORE_ONCE)


def _is_counter(track: _Track) -> bool:
    """Return whether a line has no letters, and another figure nearly every second."""
    return not any(map(_key, track.readings)) and len(track.readings) > 1 + track.seconds // 2


def _without_returns(tracks: Iterable[_Track]) -> Iterator[TextLine]:
    """Yield the lines, and only one for all that say the same at the same place again and again."""
    places: dict[tuple[str, int], list[TextLine]] = {}
    for track in sorted(tracks, key=lambda each: (each.place.y, each.place.x)):
        line = track.finished()
        places.setdefault((letters(line.text), round(track.place.y * 10)), []).append(line)
    for lines in places.values():
        if len(lines) <= _MAX_RETURNS:
            yield from lines
        else:
            best = max(lines, key=lambda line: line.score)
            start, end = min(each.start for each in lines), max(each.end for each in lines)
            yield TextLine(best.text, start, end, best.score)


def _limited(lines: Iterable[TextLine]) -> tuple[TextLine, ...]:
    """Return lines, given from top to bottom, in order of time; of too many, the longest shown."""
    by_length = sorted(enumerate(lines), key=lambda each: each[1].start - each[1].end)
    kept = sorted(by_length[:MAX_LINES], key=lambda each: (each[1].start, each[1].end, each[0]))
    return tuple(line for _, line in kept)
