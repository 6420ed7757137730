from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from bot.media.decode.parallel import map_in_order

if TYPE_CHECKING:
    from collections.abc import Iterator


class Worker:
    """Counts up to each number it gets, and records the number."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, number: int) -> Iterator[tuple[int, int]]:
        self.seen.append(number)
        yield from ((number, count) for count in range(number))


def test_results_come_in_the_order_of_the_items() -> None:
    workers = [Worker(), Worker(), Worker()]
    found = list(map_in_order(range(40), workers))
    assert found == [(number, count) for number in range(40) for count in range(number)]


def test_each_worker_gets_items_in_order() -> None:
    workers = [Worker(), Worker(), Worker()]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # a switch between threads may come anywhere
    try:
        list(map_in_order(range(400), workers))
    finally:
        sys.setswitchinterval(usual)
    assert all(worker.seen == sorted(worker.seen) for worker in workers)
    assert sorted(number for worker in workers for number in worker.seen) == list(range(400))


def test_two_items_are_processed_at_once() -> None:
    together = threading.Barrier(2, timeout=60)

    def meet(number: int) -> Iterator[int]:
        together.wait()
        yield number

    assert list(map_in_order(range(4), [meet, meet])) == [0, 1, 2, 3]


def test_errors_are_raised_in_order() -> None:
    def fail(number: int) -> Iterator[int]:
        if number == 3:
            raise ValueError("three")
        yield number

    found: list[int] = []
    with pytest.raises(ValueError, match="three"):
        found.extend(map_in_order(range(9), [fail, fail]))
    assert found == [0, 1, 2]


def test_no_more_items_are_started_than_needed() -> None:
    pieces = iter(range(1, 40))
    running = map_in_order(pieces, [Worker(), Worker()])
    assert next(running) == (1, 0)
    running.close()
    assert next(pieces) == 4
