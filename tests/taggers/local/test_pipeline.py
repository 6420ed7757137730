from __future__ import annotations

import threading
from itertools import count, islice
from typing import TYPE_CHECKING

import pytest

from bot.media.decode.parallel import available_cores
from bot.taggers.local.pipeline import BATCH, map_batches

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_every_item_comes_once_in_order_with_its_result() -> None:
    found = list(map_batches(iter(range(101)), sum))
    assert [item for batch, _ in found for item in batch] == list(range(101))
    assert all(total == sum(batch) for batch, total in found)


def test_no_items_give_no_batches() -> None:
    assert list(map_batches(iter(()), len)) == []


def test_items_are_drawn_while_the_function_runs() -> None:
    drawn = threading.Event()

    def items() -> Iterator[int]:
        yield from range(BATCH)
        drawn.set()  # although the function has not returned yet
        yield BATCH

    def wait(_batch: list[int]) -> bool:
        return drawn.wait(timeout=60)

    assert all(found for _, found in map_batches(items(), wait))


def test_the_number_of_batches_in_flight_is_bounded() -> None:
    endless = count()
    batches = map_batches(endless, len)
    list(islice(batches, 5))
    batches.close()
    assert next(endless) <= (5 + 2 * available_cores() + 2) * BATCH


def test_errors_of_the_iterator_are_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        list(map_batches(items(), len))


def test_errors_of_the_function_are_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_batches(iter(range(99)), lambda batch: 1 // (batch[0] - 8)))
