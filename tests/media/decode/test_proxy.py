from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo
from bot.errors import Damaged, DiskFull
from bot.media.decode.proxy import ProxyMaker, ProxyPlan
from bot.media.decode.proxy_child import encode, make
from tests.media.made_clips import emptied
from tests.media.moving_clips import Way, moving_clip
from tests.media.numbered_clips import (
    length_of,
    number_in,
    numbered_clip,
    numbers_shown,
    picture_of,
)
from tests.media.test_disk_full import no_file_above

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.media.sandbox.pool import Sandbox

CLIP = ClipFile(Path("clip"), ClipInfo(ClipFormat.WEBM, 1, 5000, "sha256:00"))
ENOUGH = 10_000_000  # bytes


@given(some.integers(1, 100_000), some.integers(1, 700))
def test_a_plan_covers_every_second(seconds: int, most: int) -> None:
    parts, wider = ProxyPlan.in_parts(seconds, most), ProxyPlan.thinned(seconds, most)
    assert sum(parts.pictures) == seconds
    assert parts.step == 1
    assert all(0 < pictures <= most for pictures in parts.pictures)
    (pictures,) = wider.pictures
    assert 0 < pictures <= most
    assert (pictures - 1) * wider.step < seconds <= pictures * wider.step


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_each_picture_is_shown_for_its_second(codec: str) -> None:
    pictures = [picture_of(number).repeat(3, 2) for number in range(25)]
    film = encode(iter(pictures), 4000, codec)
    assert length_of(film) == 25_000
    for within in (0, 1, 500, 999):
        moments = [second * 1000 + within for second in range(25)]
        assert numbers_shown(film, moments) == list(range(25))


def test_incompressible_pictures_stay_within_the_byte_limit() -> None:
    chance = np.random.default_rng(1)
    noise = (chance.integers(0, 256, (288, 512, 3), np.uint8) for _ in range(30))
    assert len(encode(noise, 5000)) <= 5000 * 32


@pytest.mark.parametrize("size", [(1, 512), (512, 1), (33, 77)])
def test_a_proxy_has_one_picture_size(size: tuple[int, int]) -> None:
    pictures = [np.zeros((*size, 3), np.uint8), picture_of(5).repeat(3, 2)]
    assert length_of(encode(iter(pictures), 4000)) == 2000


@pytest.mark.parametrize("clip_format", [ClipFormat.WEBM, ClipFormat.MKV, ClipFormat.OGG])
def test_a_proxy_shows_every_second_in_parts(
    clip_format: ClipFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = numbered_clip(tmp_path / "clip", clip_format, 7, rate=5)
    made: list[int] = []
    assert make(request(path, clip_format, ProxyPlan.in_parts(7, 3)), made.append) == []
    assert made == list(range(1, 8))
    assert [shown(tmp_path / f"{part}.mp4") for part in range(3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_thinned_proxy_shows_fewer_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = numbered_clip(tmp_path / "clip", ClipFormat.MP4, 20)
    assert make(request(path, ClipFormat.MP4, ProxyPlan.thinned(20, 7)), lambda _: None) == []
    assert shown(tmp_path / "0.mp4") == [0, 3, 6, 9, 12, 15, 18]


async def test_pictures_of_damaged_seconds_are_named(sandbox: Sandbox, tmp_path: Path) -> None:
    way = Way(ClipFormat.MP4, "libx264", (("g", "25"),))
    path = emptied(moving_clip(tmp_path / "clip", way), 2, 2.999)
    maker = ProxyMaker(sandbox, tmp_path / "sandbox")
    clip, plan = ClipFile(path, CLIP.info), ProxyPlan.in_parts(5, 2)
    clip = replace(clip, info=replace(clip.info, format=ClipFormat.MP4))
    async with maker.made(clip, plan, ENOUGH, lambda _: None) as parts:
        assert [part.unreadable for part in parts] == [frozenset(), frozenset({0}), frozenset()]
        assert [part.pictures for part in parts] == [2, 2, 1]


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = numbered_clip(tmp_path / "clip", ClipFormat.MP4, 2)
    with no_file_above(1000):
        assert (
            make(request(path, ClipFormat.MP4, ProxyPlan.in_parts(2, 9)), lambda _: None) == "full"
        )


async def test_a_proxy_is_deleted_after_use(sandbox: Sandbox, tmp_path: Path) -> None:
    path = numbered_clip(tmp_path / "clip", ClipFormat.WEBM, 5)
    clip = ClipFile(path, CLIP.info)
    maker = ProxyMaker(sandbox, tmp_path / "sandbox")
    async with maker.made(clip, ProxyPlan.in_parts(5, 3), ENOUGH, lambda _: None) as parts:
        assert [part.pictures for part in parts] == [3, 2]
        assert [part.size for part in parts] == [part.path.stat().st_size for part in parts]
        assert [shown(part.path) for part in parts] == [[0, 1, 2], [3, 4]]
    assert [path for path in (tmp_path / "sandbox").rglob("*") if path.suffix == ".mp4"] == []


class Child:
    """Stands in for a child process that an attacker has taken over."""

    def __init__(self, does: Callable[[Path], object], said: object = None) -> None:
        self._does = does
        self._said = said

    async def run(
        self, _task: str, _request: Any, *, results: Path, on_progress: Any, **_: Any
    ) -> object:
        if self._said is not None:
            on_progress(self._said)
        answer = await asyncio.to_thread(self._does, results)
        return answer if isinstance(answer, str) else []


def maker(child: Child, folder: Path) -> ProxyMaker:
    return ProxyMaker(cast("Sandbox", child), folder)


def write(into: Path, size: int = 9) -> None:
    (into / "0.mp4").write_bytes(bytes(size))


@pytest.mark.parametrize(
    "does",
    [
        pytest.param(lambda _into: None, id="nothing"),
        pytest.param(lambda into: write(into, 0), id="empty files"),
        pytest.param(lambda into: write(into, 1001), id="too much"),
        pytest.param(lambda into: (into / "0.mp4").mkdir(), id="a folder"),
        pytest.param(lambda into: (into / "0.mp4").symlink_to(secret(into)), id="a link"),
        pytest.param(lambda into: (into / "0.mp4").hardlink_to(secret(into)), id="another's file"),
        pytest.param(lambda into: os.mkfifo(into / "0.mp4"), id="a pipe"),
    ],
)
async def test_invalid_files_of_a_compromised_child_are_not_sent(
    does: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(Damaged):
        async with maker(Child(does), tmp_path).made(CLIP, ProxyPlan.in_parts(5, 9), 1000, print):
            pass


@pytest.mark.parametrize("said", ["many", -1, 6, float("inf"), [1]])
async def test_an_invalid_count_from_the_child_means_a_damaged_clip(
    said: object, tmp_path: Path
) -> None:
    child = Child(write, said)
    with pytest.raises(Damaged):
        async with maker(child, tmp_path).made(CLIP, ProxyPlan.in_parts(5, 9), 1000, print):
            pass


async def test_too_little_space_for_a_proxy_is_reported_as_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(DiskFull):
        async with maker(Child(lambda _: "full"), tmp_path).made(
            CLIP, ProxyPlan.in_parts(5, 9), 1000, print
        ):
            pass
    assert not [*tmp_path.iterdir()]  # noqa: ASYNC240 - a test may wait


def secret(into: Path) -> Path:
    path = into / "secret"
    path.write_text("hush")
    return path


def request(path: Path, clip_format: ClipFormat, plan: ProxyPlan) -> dict[str, Any]:
    """Return a request whose outputs were made, as the sandbox does."""
    for number in range(len(plan.pictures)):
        (path.parent / f"{number}.mp4").touch()
    return {
        "files": [str(path)],
        "format": clip_format,
        "seconds": plan.seconds,
        "step": plan.step,
        "pictures": plan.pictures,
        "max_bytes": ENOUGH,
    }


def shown(path: Path) -> list[int]:
    content = path.read_bytes()
    return numbers_shown(content, [*range(500, length_of(content), 1000)])


def test_numbered_clips_can_be_read() -> None:
    assert [number_in(picture_of(number).repeat(3, 2)) for number in (0, 1, 2049)] == [0, 1, 2049]
