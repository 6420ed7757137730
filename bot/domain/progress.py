"""The progress of the work on one clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """A stage of the work."""

    DOWNLOAD = "download"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` bytes or frames, depending on the stage; None if unknown."""

    stage: Stage
    done: int
    total: int | None = None


ProgressListener = Callable[[Progress], None]


def ignore_progress(_progress: Progress) -> None:
    """Ignore the progress."""
