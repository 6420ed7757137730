"""Values some at a time: databases take only so many in a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Value = TypeVar("_Value")


def batched(values: Sequence[_Value], size: int = 500) -> Iterator[Sequence[_Value]]:
    """Yield values, at most ``size`` at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
