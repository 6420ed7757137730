"""Decoding and recognizing in parallel, so that all cores are used."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from bot.media.decode.parallel import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH = 2  # larger batches are no faster on one thread, and each picture more takes 25 MB


def map_batches(
    items: Iterator[Item], function: Callable[[list[Item]], Result]
) -> Generator[tuple[list[Item], Result]]:
    """Yield each batch of items with what ``function`` returns for it, in order.

    The function runs on several batches at once, a thread each, while another thread draws the next
    items from the iterator; the number of batches in flight is bounded. FFmpeg and onnxruntime both
    release Python's lock. Raises what the iterator and the function raise.
    """
    workers = available_cores()
    in_flight: deque[tuple[list[Item], Future[Result]]] = deque()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(workers) as pool:
        upcoming = reader.submit(_next_batch, items)
        while batch := upcoming.result():
            upcoming = reader.submit(_next_batch, items)
            in_flight.append((batch, pool.submit(function, batch)))
            while in_flight and (len(in_flight) > workers or in_flight[0][1].done()):
                yield _first(in_flight)
        while in_flight:
            yield _first(in_flight)


def _next_batch(items: Iterator[Item]) -> list[Item]:
    return list(islice(items, BATCH))


def _first(in_flight: deque[tuple[list[Item], Future[Result]]]) -> tuple[list[Item], Result]:
    batch, future = in_flight.popleft()
    return batch, future.result()
