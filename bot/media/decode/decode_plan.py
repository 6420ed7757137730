"""Planning which packets to decode so that every second gets a picture at little cost."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.media.decode.packets import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.media.decode.packet_index import PacketIndex

# If one run is a larger part of the work than this, sharing its pictures between threads is faster.
_MAX_PART = 0.6
# Most pictures of one run that wait for earlier runs to be tagged; half a megabyte each.
_MAX_WAITING = 32
# A picture decoded after a keyframe but shown before it depends on an earlier keyframe.
_KEYS_BACK = 3
# A picture of this part of its keyframe's bytes may begin a scene.
_LARGE = 0.6


@dataclass(frozen=True, slots=True)
class PlannedPicture:
    """The picture planned for a second: its packet's number and when it is shown (ticks and ms).

    ``doubtful`` if there may be a cut between it and the second's middle.
    """

    second: int
    packet: int
    ticks: int
    time: int
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class DecodeRun:
    """Packets ``first`` to ``last``, decoded in a row for the ``wanted`` pictures, in time order.

    The first packet is a keyframe, shown at ``ticks``.
    """

    first: int
    ticks: int
    last: int
    wanted: list[PlannedPicture]


def middle(second: int) -> int:
    """Return the middle of a second, in milliseconds: the moment its picture should show."""
    return second * 1000 + 500


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """The runs to decode, in order of time."""

    runs: list[DecodeRun]
    _screen: _Screen

    @property
    def doubtful(self) -> frozenset[int]:
        """The seconds with a possible cut between their picture and their middle."""
        wanted = (each for run in self.runs for each in run.wanted)
        return frozenset(each.second for each in wanted if each.doubtful)

    def first_packet(self, second: int) -> int | None:
        """Return the keyframe from which all pictures of a second can be decoded."""
        return self._screen.first_packet(second)

    def last_cut(self, second: int) -> int:
        """Return when the last possible cut of a second is, in milliseconds; at least its middle.

        No scene begins between it and the end of the second.
        """
        return self._screen.last_cut(second)


def plan_decoding(index: PacketIndex, seconds: Sequence[int]) -> DecodePlan | None:
    """Choose a picture for each second with little decoding; None if everything must be decoded.

    It is the picture on screen in the middle of the second if that is a keyframe, or if it gets
    decoded anyway. Otherwise it is a cheaper one of the same second, so at most half a second away:
    the last keyframe before the middle or the first after it; in a second without keyframes,
    the first in decoding order before the middle.
    """
    screen = _Screen(index)
    if not screen.order:
        return None
    candidates = [screen.candidates(second) for second in seconds]
    reach: dict[int, int] = {}
    for each in candidates:
        if not index.keys[each.cheapest]:
            anchor = screen.anchor(each.cheapest)
            if anchor is None:
                return None
            reach[anchor] = max(reach.get(anchor, 0), each.cheapest)
    return DecodePlan(_runs(screen, candidates, reach), screen)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Packets whose pictures could represent a second.

    ``exact`` is the one on screen in its middle, and ``anchor`` the keyframe it depends on;
    ``cheapest`` is the one within the second that needs the least decoding.
    """

    second: int
    exact: int
    anchor: int | None
    cheapest: int

    def chosen(self, reach: dict[int, int]) -> int:
        """Choose one, if each keyframe in ``reach`` is decoded up to the packet given there."""
        decoded_anyway = self.anchor is not None and self.exact <= reach.get(self.anchor, -1)
        return self.exact if decoded_anyway else self.cheapest


def are_single(runs: Sequence[DecodeRun]) -> bool:
    """Return whether every run is a single picture."""
    return all(each.first == each.last for each in runs)


def can_run_in_parallel(runs: Sequence[DecodeRun], cores: int) -> bool:
    """Return whether to decode runs in parallel instead of each with all ``cores``."""
    if cores == 1 or are_single(runs):
        return False
    lengths = [each.last - each.first + 1 for each in runs]
    few = max(len(each.wanted) for each in runs) <= _MAX_WAITING
    return few and max(lengths) <= sum(lengths) * _MAX_PART


class _Screen:
    """The pictures in the order they are shown; ``order`` has their packet numbers."""

    def __init__(self, index: PacketIndex) -> None:
        self.index = index
        numbers = (number for number, shown in enumerate(index.shown) if shown)
        self.order = sorted(numbers, key=index.times.__getitem__)
        self._keys = [number for number in self.order if index.keys[number]]
        self._every_key = [number for number, key in enumerate(index.keys) if key]
        self._times = [self.milliseconds(number) for number in self.order]
        self._key_times = [self.milliseconds(number) for number in self._keys]

    def milliseconds(self, number: int) -> int:
        """Return when a picture is shown, in milliseconds from the clip's start."""
        return milliseconds(self.index.times[number] - self.index.start, self.index.tick)

    def candidates(self, second: int) -> _Candidates:
        """Return the pictures that could represent a second."""
        exact = self.order[max(0, bisect_right(self._times, middle(second)) - 1)]
        return _Candidates(second, exact, self.anchor(exact), self._cheapest(second, exact))

    def anchor(self, number: int) -> int | None:
        """Return the keyframe from which decoding must begin to get a picture."""
        times = self.index.times
        place = bisect_right(self._every_key, number)
        for key in reversed(self._every_key[max(0, place - _KEYS_BACK) : place]):
            if times[key] <= times[number]:
                return key
        return None

    def may_hide_cut(self, second: int, time: int) -> bool:
        """Return whether there may be a cut between a picture's time and its second's middle.

        Encoders begin a scene with a keyframe or with a picture that is nearly as large.
        """
        begin, end = sorted((time, middle(second)))
        between = self.order[bisect_right(self._times, begin) : bisect_right(self._times, end)]
        return any(map(self._may_cut, between))

    def _may_cut(self, number: int) -> bool:
        """Return whether a picture may begin a scene."""
        return bool(self.index.keys[number]) or self._is_large(number)

    def _is_large(self, number: int) -> bool:
        place = bisect_right(self._every_key, number)
        keyframe = self._every_key[max(0, place - 1)]
        return self.index.sizes[number] > self.index.sizes[keyframe] * _LARGE

    def first_packet(self, second: int) -> int | None:
        """Return the keyframe from which all pictures of a second can be decoded."""
        begin = max(0, bisect_right(self._times, second * 1000) - 1)
        shown = self.order[begin : bisect_left(self._times, (second + 1) * 1000)]
        anchors = (self.anchor(number) for number in shown)
        return min((each for each in anchors if each is not None), default=None)

    def last_cut(self, second: int) -> int:
        """Return when the last possible cut of a second is (milliseconds); at least its middle."""
        half, end = middle(second), (second + 1) * 1000
        late = range(bisect_right(self._times, half), bisect_left(self._times, end))
        cuts = (self._times[place] for place in late if self._may_cut(self.order[place]))
        return max(cuts, default=half)

    def _cheapest(self, second: int, exact: int) -> int:
        """Return the picture of a second that needs the least decoding."""
        if self.index.keys[exact]:
            return exact
        begin, half, end = second * 1000, middle(second), (second + 1) * 1000
        keys = self._keys[bisect_left(self._key_times, begin) : bisect_left(self._key_times, end)]
        if keys:
            before = bisect_right(self._key_times, half) - bisect_left(self._key_times, begin)
            return keys[max(0, before - 1)]
        first = self.order[bisect_left(self._times, begin) : bisect_right(self._times, half)]
        return min(first, default=exact)


def _runs(
    screen: _Screen, candidates: Iterable[_Candidates], reach: dict[int, int]
) -> list[DecodeRun]:
    """Group the seconds' pictures by the keyframe they start from; join overlapping runs."""
    found: list[DecodeRun] = []
    times = screen.index.times
    for each in candidates:
        packet = each.chosen(reach)
        anchor = screen.anchor(packet)
        first = packet if anchor is None else anchor
        if not (found and found[-1].first <= first <= found[-1].last):
            found.append(DecodeRun(first, times[first], packet, []))
        elif found[-1].last < packet:
            found[-1] = replace(found[-1], last=packet)
        time = screen.milliseconds(packet)
        doubtful = packet != each.exact and screen.may_hide_cut(each.second, time)
        found[-1].wanted.append(PlannedPicture(each.second, packet, times[packet], time, doubtful))
    return found
