"""Downloading to a full disk, for which Linux has ``/dev/full``."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.domain.progress import ignore_progress
from bot.errors import DiskFull
from bot.media.fetch.download import Fetched, Fetcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import ClipHost

FULL = Path("/dev/full")
LIMIT = 10_000_000  # bytes


async def fetch(clip_host: ClipHost, name: str, into: Path) -> Fetched:
    host, _, port = clip_host.address.partition(":")
    async with Fetcher({(host, int(port))}) as fetcher:
        return await fetcher.fetch(clip_host.url(name), into, LIMIT, ignore_progress)


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Limit the size of every file this process writes; Python ignores the signal."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a /dev/full")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("city.mp4", id="while writing"),
        # Smaller than a file's buffer, so that nothing is written before the file is closed.
        pytest.param("README.md", id="while closing"),
    ],
)
async def test_a_write_without_space_is_reported_as_a_full_disk(
    name: str, clip_host: ClipHost
) -> None:
    with pytest.raises(DiskFull) as caught:
        await fetch(clip_host, name, FULL)
    assert caught.value.code == "disk_full"
    assert caught.value.detail == "/dev: No space left on device"


async def test_a_file_over_the_size_limit_is_reported_as_a_full_disk(
    clip_host: ClipHost, tmp_path: Path
) -> None:
    with no_file_above(1000), pytest.raises(DiskFull, match="run out of disk space"):
        await fetch(clip_host, "city.mp4", tmp_path / "clip")
    assert (tmp_path / "clip").stat().st_size <= 1000
    assert (await fetch(clip_host, "city.mp4", tmp_path / "clip")).size > 1000


async def test_other_file_errors_are_not_reported_as_a_full_disk(
    clip_host: ClipHost, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await fetch(clip_host, "city.mp4", tmp_path / "missing" / "clip")
