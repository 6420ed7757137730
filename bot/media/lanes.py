"""Pieces of work done side by side, and what comes of them in the order of the pieces."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

Piece = TypeVar("Piece")
Found = TypeVar("Found")


def in_lanes(
    pieces: Iterable[Piece], workers: Sequence[Callable[[Piece], Iterable[Found]]]
) -> Generator[Found]:
    """Yield what the workers find in each piece, in the order of the pieces.

    Each worker does one piece after the other, in a thread, and sees them in their order, if not
    each of them. No more pieces are begun ahead than there are workers. Raises what a worker
    raises, once all before that was yielded.
    """
    idle: SimpleQueue[Callable[[Piece], Iterable[Found]]] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def carry_out(piece: Piece) -> list[Found]:
        worker = idle.get()
        try:
            return list(worker(piece))
        finally:
            idle.put(worker)

    ahead: deque[Future[list[Found]]] = deque()
    lanes = ThreadPoolExecutor(len(workers))
    try:
        for piece in pieces:
            ahead.append(lanes.submit(carry_out, piece))
            if len(ahead) > len(workers):
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        lanes.shutdown(cancel_futures=True)
