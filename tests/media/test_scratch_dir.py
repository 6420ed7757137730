from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

import pytest

from bot.errors import DiskFull
from bot.media.scratch_dir import remove_stale_dirs, reporting_full_disk, scratch_dir

if TYPE_CHECKING:
    from pathlib import Path


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_each_clip_has_its_own_folder_deleted_afterwards(tmp_path: Path) -> None:
    async with scratch_dir(tmp_path) as one, scratch_dir(tmp_path) as two:
        assert one != two
        assert one.stat().st_mode & 0o777 == 0o700
        (one / "clip").write_bytes(b"x")
    assert left_in(tmp_path) == []


async def test_only_old_folders_are_deleted(tmp_path: Path) -> None:
    for name, age in (("old", 3700), ("new", 3500)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "clip").write_bytes(b"x")
        moment = time.time() - age
        os.utime(tmp_path / name, (moment, moment))
    (tmp_path / "file").write_bytes(b"x")
    os.utime(tmp_path / "file", (0, 0))
    await remove_stale_dirs(tmp_path, max_age=3600)
    assert left_in(tmp_path) == ["file", "new"]


async def test_a_missing_scratch_directory_is_ignored(tmp_path: Path) -> None:
    await remove_stale_dirs(tmp_path / "nowhere")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_reported(number: int, tmp_path: Path) -> None:
    with pytest.raises(DiskFull) as caught, reporting_full_disk(tmp_path):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number) in caught.value.detail


def test_other_errors_are_passed_on(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), reporting_full_disk(tmp_path):
        raise PermissionError
