"""Decoding groups of pictures (GOPs) in parallel, with the results in order."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_CORES = 2  # SandboxLimits.threads allows a task no more CPU time than these use


def available_cores() -> int:
    """Return how many cores a task in a child may keep busy, at most ``MAX_CORES``."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(free, MAX_CORES)


def map_in_order(
    items: Iterable[Item], workers: Sequence[Callable[[Item], Iterable[Result]]]
) -> Generator[Result]:
    """Yield the workers' results for all items, in the order of the items.

    Each worker runs in a thread and takes one item after the other, in their order, though not
    every item. At most one item per worker is begun ahead of the one being yielded. An exception of
    a worker is raised when its item's turn comes.
    """
    idle: SimpleQueue[Callable[[Item], Iterable[Result]]] = SimpleQueue()
    for worker in workers:
        idle.put(worker)
    waiting: SimpleQueue[tuple[Item, Future[list[Result]]]] = SimpleQueue()
    pairing = Lock()

    def run_next() -> None:
        # Take both under one lock: otherwise a thread could hold an early item until its worker
        # has gone past it.
        with pairing:
            worker, (item, future) = idle.get(), waiting.get()
        try:
            future.set_result(list(worker(item)))
        except Exception as error:  # noqa: BLE001 - raised when the item's turn comes
            future.set_exception(error)
        finally:
            idle.put(worker)

    ahead: deque[Future[list[Result]]] = deque()
    threads = ThreadPoolExecutor(len(workers))
    try:
        for item in items:
            ahead.append(Future())
            waiting.put((item, ahead[-1]))
            threads.submit(run_next)
            if len(ahead) > len(workers):
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
