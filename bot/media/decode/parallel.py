"""Pieces of work done side by side, and what comes of them in the order of the pieces."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

Piece = TypeVar("Piece")
Found = TypeVar("Found")


def map_in_order(
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
    waiting: SimpleQueue[tuple[Piece, Future[list[Found]]]] = SimpleQueue()
    choice = Lock()

    def carry_out() -> None:
        # Both at once: else a thread could be kept from finding the worker for its piece until
        # that worker has done a later one.
        with choice:
            worker, (piece, found) = idle.get(), waiting.get()
        try:
            found.set_result(list(worker(piece)))
        except Exception as error:  # noqa: BLE001 - told where its turn comes
            found.set_exception(error)
        finally:
            idle.put(worker)

    ahead: deque[Future[list[Found]]] = deque()
    lanes = ThreadPoolExecutor(len(workers))
    try:
        for piece in pieces:
            ahead.append(Future())
            waiting.put((piece, ahead[-1]))
            lanes.submit(carry_out)
            if len(ahead) > len(workers):
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        lanes.shutdown(cancel_futures=True)
