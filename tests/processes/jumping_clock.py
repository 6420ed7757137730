"""A clock that jumps, for one process only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class JumpingClock:
    """The time in one process: the real time plus an offset that may change while it runs.

    Python imports ``sitecustomize`` when it starts, and this one replaces ``time.time`` and
    ``time.time_ns``, the clock of DBOS and its queue. ``datetime.now()`` and SQLite ask the
    system and see no jump. ``folder`` must be on the process' PYTHONPATH.
    """

    _SITECUSTOMIZE = """
import pathlib, time

folder = pathlib.Path(__file__).parent
real, real_ns = time.time, time.time_ns

def offset():
    seconds = (folder / "offset").read_text()
    (folder / f"read at {seconds}").touch()
    return int(seconds)

time.time = lambda: real() + offset()
time.time_ns = lambda: real_ns() + offset() * 10**9
"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(self._SITECUSTOMIZE)
        self.jump(0)

    def jump(self, offset: int) -> None:
        """Be ``offset`` seconds ahead of the real time from now on."""
        draft = self.folder / "draft"
        draft.write_text(str(offset))
        # Replaced at once, so that no half-written number is read.
        draft.replace(self.folder / "offset")

    def was_read_at(self, offset: int) -> bool:
        return (self.folder / f"read at {offset}").exists()
