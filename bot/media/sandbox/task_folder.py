"""The folder of one task: the files it is given, and those it leaves."""

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
    """Two folders: the child may only read ``inputs``, and may read and write in ``work``.

    ``files`` are the task's files in ``inputs``, in the order they were given. ``work_descriptor``
    keeps ``work`` open, so that the parent reads results from this very folder even if the child
    puts something else in its place. All methods block: call them in a thread.
    """

    inputs: Path
    work: Path
    files: tuple[Path, ...]
    work_descriptor: int

    @classmethod
    def make(cls, child: ChildFolder, files: Sequence[Path]) -> Self:
        """Make the folders and link the files into them.

        Raises ``NotFound`` for a file that is missing or not a regular file, ``DiskFull``, and
        ``FileNotFoundError`` if the child's folder is gone.
        """
        with reporting_full_disk(child.path):
            work = Path(tempfile.mkdtemp(prefix="task-", dir=child.work))
            inputs = child.inputs / work.name
            inputs.mkdir()
            linked = [_link(file, inputs / str(number)) for number, file in enumerate(files)]
        descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        return cls(inputs, work, tuple(linked), descriptor)

    def move_results(self, into: Path) -> None:
        """Move the files that the task left into another folder; ignore anything but files."""
        for name in os.listdir(self.work_descriptor):  # noqa: PTH208 - a Path takes no descriptor
            found = os.stat(name, dir_fd=self.work_descriptor, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                os.rename(name, into / name, src_dir_fd=self.work_descriptor)

    def remove(self) -> None:
        """Remove both folders with all they contain."""
        os.close(self.work_descriptor)
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
