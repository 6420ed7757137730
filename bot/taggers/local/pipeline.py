"""Decoding and looking at the same time, so that both use the cores there are."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from bot.media.decode.parallel import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

Item = TypeVar("Item")
Found = TypeVar("Found")

BATCH = 2  # more are no quicker on one thread, and each takes 25 MB


def in_batches(
    items: Iterator[Item], look: Callable[[list[Item]], Found]
) -> Generator[tuple[list[Item], Found]]:
    """Take items in batches and yield each with what ``look`` found in it, in order.

    While batches are looked at, each in a thread of its own, the next items are taken in another;
    only a few batches are ever on the way. FFmpeg and onnxruntime both let go of Python's lock.
    Raises what taking and looking raise.
    """
    runners = available_cores()
    on_the_way: deque[tuple[list[Item], Future[Found]]] = deque()
    with ThreadPoolExecutor(1) as taker, ThreadPoolExecutor(runners) as lookers:
        upcoming = taker.submit(_batch, items)
        while batch := upcoming.result():
            upcoming = taker.submit(_batch, items)
            on_the_way.append((batch, lookers.submit(look, batch)))
            while on_the_way and (len(on_the_way) > runners or on_the_way[0][1].done()):
                yield _first(on_the_way)
        while on_the_way:
            yield _first(on_the_way)


def _batch(items: Iterator[Item]) -> list[Item]:
    return list(islice(items, BATCH))


def _first(on_the_way: deque[tuple[list[Item], Future[Found]]]) -> tuple[list[Item], Found]:
    batch, found = on_the_way.popleft()
    return batch, found.result()
