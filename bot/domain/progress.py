"""How far the work on one clip has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """What is being done to the clip."""

    DOWNLOAD = "download"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` in the stage's own unit (bytes or frames); no total if unknown."""

    stage: Stage
    done: int
    total: int | None = None


ProgressListener = Callable[[Progress], None]


def ignore_progress(_progress: Progress) -> None:
    """Listen to nothing."""
