"""Waking a thread that looks for work now and then, as soon as there is some."""

from __future__ import annotations

import threading
import time

# Seconds between two looks, however often the bell rings.
_BREATH = 0.05


class Bell:
    """Ends the naps that threads of this name take while they wait to be told to stop.

    They find that nobody told them, take their time to be over, and look. Who is looking when the
    bell rings looks again.
    """

    def __init__(self, thread: str) -> None:
        self._thread = thread
        self._changed = threading.Condition()
        self._rings = self._heard = 0
        self._woke = 0.0

    def hang(self, stop: threading.Event) -> None:
        """Hear the bell in ``stop.wait`` from now on; naps under way are left alone."""
        tell, wait = stop.set, stop.wait

        def set_and_tell() -> None:
            tell()
            with self._changed:
                self._changed.notify_all()

        def nap(timeout: float | None = None) -> bool:
            if threading.current_thread().name != self._thread:
                return wait(timeout)
            self._nap(stop, timeout)
            return stop.is_set()

        stop.set, stop.wait = set_and_tell, nap  # type: ignore[method-assign]  # of this one alone

    def ring(self) -> None:
        """Wake them."""
        with self._changed:
            self._rings += 1
            self._changed.notify_all()

    def _nap(self, stop: threading.Event, timeout: float | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: stop.is_set() or self._rings > self._heard, timeout)
            self._changed.wait_for(stop.is_set, max(0.0, self._woke + _BREATH - time.monotonic()))
            self._heard, self._woke = self._rings, time.monotonic()
