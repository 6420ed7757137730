"""Which pictures to decode so that every second has one, and which to leave alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from bot.media.decode.packet_index import PacketIndex

# Where one stretch is more of it all than this, threads that share its pictures are quicker
_MAX_PART = 0.6
# Pictures of one stretch that may wait for those before to be looked at, half a megabyte each
_MAX_WAITING = 32
# A picture decoded after a key picture but shown before it stands on the key picture before that.
_KEYS_BACK = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """A second's picture: the number of its packet, when it is shown in ticks and milliseconds."""

    second: int
    packet: int
    ticks: int
    time: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Packets ``first`` to ``last`` are decoded in a row; ``wanted`` is in order of time.

    The first is a key picture shown at ``ticks``.
    """

    first: int
    ticks: int
    last: int
    wanted: list[Wanted]


def middle(second: int) -> int:
    """Return the moment a second is judged by, in milliseconds."""
    return second * 1000 + 500


def milliseconds(ticks: int, tick: Fraction) -> int:
    """Return so many ticks of ``tick`` seconds each, rounded."""
    return (2000 * ticks * tick.numerator + tick.denominator) // (2 * tick.denominator)


def plan(survey: PacketIndex, seconds: Sequence[int]) -> list[Stretch] | None:
    """Plan how each second gets its picture with little decoding; None if nothing can be left out.

    That is the picture on screen in the second's middle if it is a key picture, or if decoding
    comes by it anyway. Else it is one of the same second that takes less, so no more than half a
    second away: a key picture, the last before the middle or the first after it; in a second
    without one, the first to be decoded of those before the middle.
    """
    screen = _Screen(survey)
    if not screen.order:
        return None
    candidates = [screen.candidates(second) for second in seconds]
    reach: dict[int, int] = {}
    for each in candidates:
        if not survey.keys[each.least]:
            anchor = screen.anchor(each.least)
            if anchor is None:
                return None
            reach[anchor] = max(reach.get(anchor, 0), each.least)
    return _stretches(screen, ((each.second, each.chosen(reach)) for each in candidates))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Packets of pictures for a second.

    ``exact`` is the one on screen in its middle and ``anchor`` the key picture that one stands on;
    ``least`` is one within the second that takes least to decode.
    """

    second: int
    exact: int
    anchor: int | None
    least: int

    def chosen(self, reach: dict[int, int]) -> int:
        """Choose, where decoding goes from some key pictures on as far as ``reach`` says."""
        passed = self.anchor is not None and self.exact <= reach.get(self.anchor, -1)
        return self.exact if passed else self.least


def are_single(stretches: Sequence[Stretch]) -> bool:
    """Tell whether each is a picture by itself."""
    return all(each.first == each.last for each in stretches)


def are_even(stretches: Sequence[Stretch], cores: int) -> bool:
    """Tell whether to decode them side by side, not each with all ``cores``."""
    if cores == 1 or are_single(stretches):
        return False
    lengths = [each.last - each.first + 1 for each in stretches]
    few = max(len(each.wanted) for each in stretches) <= _MAX_WAITING
    return few and max(lengths) <= sum(lengths) * _MAX_PART


class _Screen:
    """The pictures that are shown, in order of time; ``order`` has their packets' numbers."""

    def __init__(self, survey: PacketIndex) -> None:
        self.survey = survey
        numbers = (number for number, shown in enumerate(survey.shown) if shown)
        self.order = sorted(numbers, key=survey.times.__getitem__)
        self._keys = [number for number in self.order if survey.keys[number]]
        self._every_key = [number for number, key in enumerate(survey.keys) if key]
        self._times = [self.milliseconds(number) for number in self.order]
        self._key_times = [self.milliseconds(number) for number in self._keys]

    def milliseconds(self, number: int) -> int:
        """Return when a picture is shown, from the first one on."""
        ticks = self.survey.times[number] - self.survey.times[self.order[0]]
        return milliseconds(ticks, self.survey.tick)

    def candidates(self, second: int) -> _Candidates:
        """Return what could stand for a second."""
        exact = self.order[max(0, bisect_right(self._times, middle(second)) - 1)]
        return _Candidates(second, exact, self.anchor(exact), self._least(second, exact))

    def anchor(self, number: int) -> int | None:
        """Return the key picture that decoding must begin with to come by a picture."""
        times = self.survey.times
        place = bisect_right(self._every_key, number)
        for key in reversed(self._every_key[max(0, place - _KEYS_BACK) : place]):
            if times[key] <= times[number]:
                return key
        return None

    def _least(self, second: int, exact: int) -> int:
        """Return the picture of a second that takes least to decode."""
        if self.survey.keys[exact]:
            return exact
        begin, half, end = second * 1000, middle(second), (second + 1) * 1000
        keys = self._keys[bisect_left(self._key_times, begin) : bisect_left(self._key_times, end)]
        if keys:
            before = bisect_right(self._key_times, half) - bisect_left(self._key_times, begin)
            return keys[max(0, before - 1)]
        first = self.order[bisect_left(self._times, begin) : bisect_right(self._times, half)]
        return min(first, default=exact)


def _stretches(screen: _Screen, chosen: Iterable[tuple[int, int]]) -> list[Stretch]:
    """Group the seconds' pictures by where decoding begins; join what overlaps."""
    found: list[Stretch] = []
    times = screen.survey.times
    for second, packet in chosen:
        anchor = screen.anchor(packet)
        first = packet if anchor is None else anchor
        if not (found and found[-1].first <= first <= found[-1].last):
            found.append(Stretch(first, times[first], packet, []))
        elif found[-1].last < packet:
            found[-1] = replace(found[-1], last=packet)
        time = screen.milliseconds(packet)
        found[-1].wanted.append(Wanted(second, packet, times[packet], time))
    return found
