"""A clock that jumps, for one process alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class JumpingClock:
    """What a process takes for the time: right, plus seconds that may change while it runs.

    No machine's own clock is touched: Python imports ``sitecustomize`` as it starts, and ours puts
    others in place of ``time.time`` and ``time.time_ns``. That is the clock of all that is written
    in Python and asks ``time``, DBOS with its queue above all; ``datetime.now()`` and SQLite ask
    the system and see no jump. ``folder`` belongs on the process' PYTHONPATH.
    """

    _SITECUSTOMIZE = """
import pathlib, time

folder = pathlib.Path(__file__).parent
right, right_ns = time.time, time.time_ns

def offset():
    seconds = (folder / "offset").read_text()
    (folder / f"read at {seconds}").touch()
    return int(seconds)

time.time = lambda: right() + offset()
time.time_ns = lambda: right_ns() + offset() * 10**9
"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(self._SITECUSTOMIZE)
        self.jump(0)

    def jump(self, offset: int) -> None:
        """Be so many seconds ahead of the right time from now on."""
        draft = self.folder / "draft"
        draft.write_text(str(offset))
        # At once, so that nobody reads half a number.
        draft.replace(self.folder / "offset")

    def was_read_at(self, offset: int) -> bool:
        return (self.folder / f"read at {offset}").exists()
