"""What the event loop's thread runs itself: the C functions it calls, and its longest callback."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# One iteration of the event loop runs callbacks one after the other through this function.
_CALLBACK = asyncio.Handle._run.__code__


@dataclass(slots=True)
class LoopProfile:
    """``c_functions`` counts calls by name; ``longest`` is the most calls in one callback."""

    c_functions: Counter[str] = field(default_factory=Counter)
    longest: int = 0
    _current: int = 0

    def record(self, frame: FrameType, event: str, argument: Any) -> None:
        """Count a call (see ``sys.setprofile``)."""
        if event == "call":
            self._current = 0 if frame.f_code is _CALLBACK else self._current + 1
        elif event == "c_call":
            self._current += 1
            self.c_functions[_name(argument)] += 1
        self.longest = max(self.longest, self._current)


@contextmanager
def profiled_loop() -> Iterator[LoopProfile]:
    """Profile this thread, and no other, while the block runs."""
    profile = LoopProfile()
    sys.setprofile(profile.record)
    try:
        yield profile
    finally:
        sys.setprofile(None)


def _name(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None) or type(owner).__module__
    return f"{module}.{function.__qualname__}"
