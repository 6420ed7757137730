"""The folder of one task: the files it is given, and those it writes."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bot.errors import NotFound
from bot.media.scratch_dir import reporting_full_disk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.media.sandbox.spawn import ChildFolder


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """Two folders: the child may read ``inputs``, and write the files that are in ``work``.

    ``files`` are the task's files in ``inputs``, in the order they were given. All methods block:
    call them in a thread.
    """

    inputs: Path
    work: Path
    files: tuple[Path, ...]

    @classmethod
    def make(cls, child: ChildFolder, files: Sequence[Path], outputs: Sequence[str]) -> Self:
        """Make the folders, link the files into one and make empty ``outputs`` in the other.

        Raises ``NotFound`` for a file that is missing or not a regular file, ``DiskFull``, and
        ``FileNotFoundError`` if the child's folder is gone.
        """
        with reporting_full_disk(child.path):
            work = Path(tempfile.mkdtemp(prefix="task-", dir=child.work))
            inputs = child.inputs / work.name
            inputs.mkdir()
            linked = [_link(file, inputs / str(number)) for number, file in enumerate(files)]
            for name in outputs:
                (work / name).touch(0o600)
        return cls(inputs, work, tuple(linked))

    def move_outputs(self, names: Sequence[str], into: Path) -> None:
        """Move the files that the task wrote into another folder."""
        for name in names:
            (self.work / name).rename(into / name)

    def remove(self) -> None:
        """Remove both folders with all they contain."""
        shutil.rmtree(self.inputs, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)


def _link(file: Path, target: Path) -> Path:
    """Link a file, or copy it if it is on another file system or belongs to somebody else."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise NotFound(detail=f"{file} is not a regular file")
        try:
            os.link(file.resolve(), target)  # not the symbolic link that ``file`` may be
        except OSError:
            shutil.copyfile(file, target)
    except FileNotFoundError as error:
        raise NotFound(detail=f"{file}: {error.strerror}") from error
    except PermissionError as error:
        raise NotFound(detail=f"{file}: {error.strerror}") from error
    return target
