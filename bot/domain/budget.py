"""Who pays for frames, and how many a month may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

OPERATOR = "operator"
"""Pays for what is tagged on the command line."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays (a job's owner) and for what: the same ``reference`` is paid for once."""

    name: str = OPERATOR
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """Most frames a month for one server and for all together; None is without end."""

    server: int | None = None
    overall: int | None = None

    def room(self, used: int, used_overall: int) -> int | None:
        """Return how many frames more there may be, None for any number."""
        rooms = []
        if self.server is not None:
            rooms.append(self.server - used)
        if self.overall is not None:
            rooms.append(self.overall - used_overall)
        return max(0, min(rooms)) if rooms else None


def month_of(moment: datetime) -> str:
    """Write a moment's month as ``2026-11``."""
    return f"{moment:%Y-%m}"
