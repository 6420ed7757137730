from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from bot.jobs.waking import Bell

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 20.0  # seconds no test waits


class Looker(threading.Thread):
    """Looks again and again, and takes long naps, until it is told to stop."""

    def __init__(self, stop: threading.Event, name: str = "looker") -> None:
        super().__init__(name=name)
        self.naps = threading.Semaphore(0)
        self.looks = threading.Semaphore(0)
        self._stop_it = stop

    def run(self) -> None:
        while True:
            self.naps.release()
            if self._stop_it.wait(LONG):
                return
            self.looks.release()


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def started(looker: Looker) -> Looker:
    looker.start()
    assert looker.naps.acquire(timeout=LONG / 2)
    return looker


def test_a_ring_ends_a_nap_and_stops_nobody(stop: threading.Event) -> None:
    bell = Bell("looker")
    bell.hang(stop)
    looker = started(Looker(stop))
    for _ in range(3):
        bell.ring()
        assert looker.looks.acquire(timeout=LONG / 2)
    assert not stop.is_set()
    stop.set()
    looker.join(LONG / 2)
    assert not looker.is_alive()


def test_a_ring_before_a_nap_is_heard(stop: threading.Event) -> None:
    bell = Bell("looker")
    bell.hang(stop)
    bell.ring()
    looker = started(Looker(stop))
    assert looker.looks.acquire(timeout=LONG / 2)
    assert not looker.looks.acquire(timeout=0.1)  # and heard once


def test_others_sleep_on_and_are_stopped_all_the_same(stop: threading.Event) -> None:
    bell = Bell("looker")
    bell.hang(stop)
    other = started(Looker(stop, name="other"))
    bell.ring()
    assert not other.looks.acquire(timeout=0.1)
    stop.set()
    other.join(LONG / 2)
    assert not other.is_alive()


def test_however_often_it_rings_there_is_a_breath_between_two_looks(
    stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.jobs.waking._BREATH", 2 * LONG)
    bell = Bell("looker")
    bell.hang(stop)
    looker = started(Looker(stop))
    bell.ring()
    assert looker.looks.acquire(timeout=LONG / 2)
    bell.ring()
    assert not looker.looks.acquire(timeout=0.1)
