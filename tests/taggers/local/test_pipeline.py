from __future__ import annotations

import threading
from itertools import count, islice
from typing import TYPE_CHECKING

import pytest

from bot.media.decode.parallel import available_cores
from bot.taggers.local.pipeline import BATCH, in_batches

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_every_item_comes_once_in_order_with_what_was_found() -> None:
    found = list(in_batches(iter(range(101)), sum))
    assert [item for batch, _ in found for item in batch] == list(range(101))
    assert all(total == sum(batch) for batch, total in found)


def test_nothing_is_nothing() -> None:
    assert list(in_batches(iter(()), len)) == []


def test_items_are_taken_while_others_are_looked_at() -> None:
    taken = threading.Event()

    def items() -> Iterator[int]:
        yield from range(BATCH)
        taken.set()  # asked for although nobody has looked at the first ones yet
        yield BATCH

    def look(_batch: list[int]) -> bool:
        return taken.wait(timeout=30)

    assert all(found for _, found in in_batches(items(), look))


def test_no_more_than_a_few_batches_are_on_the_way() -> None:
    endless = count()
    asked = in_batches(endless, len)
    list(islice(asked, 5))
    asked.close()
    assert next(endless) <= (5 + 2 * available_cores() + 2) * BATCH


def test_what_taking_raises_comes_out() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        list(in_batches(items(), len))


def test_what_looking_raises_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_batches(iter(range(99)), lambda batch: 1 // (batch[0] - 8)))
