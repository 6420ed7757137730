from __future__ import annotations

import io
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits, ProxyLimits
from bot.domain.progress import Progress, Stage, ignore_progress
from bot.errors import Damaged, TaggerRefused, TaggerUnavailable
from bot.media.decode.proxy import ProxyMaker
from bot.media.sandbox.pool import Sandbox
from bot.taggers.proxy import ProxyTagger
from tests.media.numbered_clips import number_in, numbered_clip
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai_eyes import reading
from tests.stand_ins.clarifai_replies import FrameTime
from tests.taggers.clarifai.setup import talking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.domain.tagging import Observations, Thumbnail
    from tests.stand_ins.clarifai import LoopbackClarifai

TAKEN = (ClipFormat.MP4, ClipFormat.MOV, ClipFormat.AVI)
# Clarifai accepts clips of ten seconds here, so that a long one is quick to make.
ACCEPTS = ClipLimits(by_url=2_000_000, as_bytes=1_000_000, duration=10_000)
PROXIES = ProxyLimits(size=3_000_000, duration=100_000)
LINK = "https://cdn.example/clip"
DISCORD_LINK = "https://cdn.discordapp.com/attachments/1/2/clip.mp4?ex=1&is=1&hm=1"


@asynccontextmanager
async def proxying(
    folder: Path, limits: ProxyLimits = PROXIES, accepts: ClipLimits = ACCEPTS
) -> AsyncIterator[tuple[LoopbackClarifai, ProxyTagger]]:
    """Open a Clarifai that reads MP4, MOV and AVI, and a tagger that knows about proxies."""
    async with (
        Sandbox(workers=1, folder=folder / "work") as sandbox,
        talking(limits=accepts) as (clarifai, tagger),
    ):
        clarifai.eyes = reading(formats=TAKEN)
        yield clarifai, ProxyTagger(tagger, ProxyMaker(sandbox, folder / "work"), accepts, limits)


def write(
    folder: Path, clip_format: ClipFormat, seconds: int, *, more: int = 0, link: str | None = None
) -> ClipFile:
    """Write a numbered clip with ``more`` bytes at its end that readers ignore."""
    path = numbered_clip(folder / f"{seconds}.{clip_format}", clip_format, seconds)
    if more:
        # a box named "free" is there to be ignored: ISO/IEC 14496-12, 8.1.2
        with path.open("ab") as file:
            file.write(more.to_bytes(4) + b"free" + bytes(more - 8))
    info = ClipInfo(clip_format, path.stat().st_size, seconds * 1000, f"sha256:{seconds}")
    return ClipFile(path, info, link)


def observed(seen: Observations) -> dict[int, str]:
    """Return the tag of each second."""
    return {frame.second: frame.concepts[0].name for frame in seen.frames}


def shown(thumbnail: Thumbnail) -> int:
    """Read the number in a thumbnail."""
    return number_in(np.asarray(Image.open(io.BytesIO(thumbnail.jpeg)).convert("RGB")))


def true(seconds: int, step: int = 1) -> dict[int, str]:
    return {second: f"number {second - second % step}" for second in range(seconds)}


async def test_a_supported_clip_is_sent_unchanged(tmp_path: Path) -> None:
    clip = write(tmp_path, ClipFormat.MP4, 5)
    async with proxying(tmp_path) as (clarifai, tagger):
        seen = await tagger.tag(clip, ignore_progress)
        assert clarifai.calls[0].size == clip.info.size
    assert (observed(seen), seen.proxied, seen.billed) == (true(5), False, None)


async def test_a_refused_format_is_always_sent_as_a_proxy(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (clarifai, tagger):
        for clip_format in (ClipFormat.WEBM, ClipFormat.MKV, ClipFormat.OGG):
            clarifai.calls.clear()
            for seconds in (3, 4):
                seen = await tagger.tag(write(tmp_path, clip_format, seconds), ignore_progress)
                assert (observed(seen), seen.proxied) == (true(seconds), True)
                assert seen.billed == seconds
            assert len(clarifai.calls) == 3  # the clip, its proxy, the other one's proxy
        assert clarifai.billed_frames == 3 * (4 + 5)  # each with a phantom frame


async def test_a_refused_mp4_does_not_disable_its_format(
    tmp_path: Path,
) -> None:
    async with proxying(tmp_path) as (clarifai, tagger):
        clarifai.eyes = None
        clarifai.script(replies.output_failure(31420), replies.frames({0: {"cat": 0.99}}))
        seen = await tagger.tag(write(tmp_path, ClipFormat.MP4, 1), ignore_progress)
        assert observed(seen) == {0: "cat"}
        clip = write(tmp_path, ClipFormat.MP4, 2)
        assert not (await tagger.tag(clip, ignore_progress)).proxied
        assert [call.size == clip.info.size for call in clarifai.calls] == [False, False, True]


@pytest.mark.parametrize(
    ("more", "link"),
    [
        pytest.param(1_500_000, None, id="too large to send, nowhere to fetch"),
        pytest.param(1_500_000, DISCORD_LINK, id="at a link Clarifai can't reach"),
        pytest.param(1_500_000, LINK, id="at a host that may send Clarifai another clip"),
        pytest.param(2_500_000, LINK, id="too large for a link"),
    ],
)
async def test_a_clip_clarifai_cannot_fetch_is_sent_as_a_proxy(
    more: int, link: str | None, tmp_path: Path
) -> None:
    async with proxying(tmp_path) as (clarifai, tagger):
        clip = write(tmp_path, ClipFormat.MP4, 4, more=more, link=link)
        clarifai.serve(replies.output_failure(30002))
        seen = await tagger.tag(clip, ignore_progress)
        tried = [link] if link == DISCORD_LINK else []
        assert [call.url for call in clarifai.calls] == [*tried, None]
        assert clarifai.calls[-1].size is not None
        assert clarifai.calls[-1].size < ACCEPTS.as_bytes
    assert (observed(seen), seen.proxied) == (true(4), True)


@pytest.mark.parametrize("style", list(FrameTime))
async def test_a_long_clip_is_sent_in_parts_with_correct_times(
    style: FrameTime, tmp_path: Path
) -> None:
    async with proxying(tmp_path) as (clarifai, tagger):
        clarifai.eyes = reading(style, formats=TAKEN)
        steps: list[Progress] = []
        seen = await tagger.tag(write(tmp_path, ClipFormat.MKV, 24), steps.append)
        assert (observed(seen), seen.proxied, seen.billed) == (true(24), True, 24)
        assert len(clarifai.calls) == 3
    assert {thumbnail.second: shown(thumbnail) for thumbnail in seen.thumbnails} == {
        n: n for n in range(0, 24, 3)
    }
    offset = 500 if style is FrameTime.MIDDLE else 0
    assert [frame.time for frame in seen.frames] == [n * 1000 + offset for n in range(24)]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert (steps[0], steps[-1]) == (Progress(Stage.TAG, 0, 24), Progress(Stage.TAG, 24, 24))


async def test_a_proxy_can_sample_fewer_seconds(tmp_path: Path) -> None:
    wider = ProxyLimits(size=3_000_000, duration=100_000, wider=True)
    async with proxying(tmp_path, wider) as (clarifai, tagger):
        assert tagger.count_frames(24_000) == 8
        seen = await tagger.tag(write(tmp_path, ClipFormat.MP4, 24), ignore_progress)
        assert len(clarifai.calls) == 1
        assert (observed(seen), seen.billed) == (true(24, step=3), 8)
        assert {thumbnail.second: shown(thumbnail) for thumbnail in seen.thumbnails} == {
            second: second for second in range(0, 24, 3)
        }
        seen = await tagger.tag(write(tmp_path, ClipFormat.MP4, 11), ignore_progress)
        assert (observed(seen), seen.billed) == (true(11, step=2), 6)


async def test_parts_fit_a_low_byte_limit(tmp_path: Path) -> None:
    accepts = ClipLimits(by_url=50_000, as_bytes=50_000, duration=600_000)
    async with proxying(tmp_path, accepts=accepts) as (clarifai, tagger):
        seen = await tagger.tag(write(tmp_path, ClipFormat.MP4, 7, more=60_000), ignore_progress)
        assert observed(seen) == true(7)
        assert len(clarifai.calls) == 3
        assert all((call.size or 0) <= 50_000 for call in clarifai.calls)


async def test_a_clip_whose_proxy_is_refused_is_refused(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (clarifai, tagger):
        clarifai.eyes = None
        clarifai.serve(replies.output_failure(30104))
        with pytest.raises(TaggerRefused):
            await tagger.tag(write(tmp_path, ClipFormat.MP4, 2), ignore_progress)
        assert len(clarifai.calls) == 2


async def test_a_clip_too_large_for_a_proxy_is_refused(tmp_path: Path) -> None:
    small = ProxyLimits(size=1000, duration=100_000)
    async with proxying(tmp_path, small) as (clarifai, tagger):
        clarifai.eyes = None
        clarifai.serve(replies.output_failure(30101))
        with pytest.raises(TaggerRefused):
            await tagger.tag(write(tmp_path, ClipFormat.MP4, 2), ignore_progress)
        assert len(clarifai.calls) == 1


async def test_billed_parts_are_counted_if_another_part_fails(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (clarifai, tagger):
        eyes = reading(formats=TAKEN)
        clarifai.eyes = lambda content: (
            replies.failure(11008, 401)
            if b'"number 10"' in eyes(content).content
            else eyes(content)
        )
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.tag(write(tmp_path, ClipFormat.MP4, 24), ignore_progress)
        assert caught.value.billed == 14


async def test_billed_results_are_returned_even_without_thumbnails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.media.decode.proxy.THUMBNAILS", "bot.media.decode.proxy_child:nothing")
    async with proxying(tmp_path) as (_, tagger):
        seen = await tagger.tag(write(tmp_path, ClipFormat.MP4, 11), ignore_progress)
    assert (observed(seen), seen.thumbnails) == (true(11), ())


async def test_a_clip_that_cannot_be_decoded_is_damaged(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (clarifai, tagger):
        clip = write(tmp_path, ClipFormat.WEBM, 3)
        clip.path.write_bytes(clip.path.read_bytes()[:200])
        with pytest.raises(Damaged):
            await tagger.tag(clip, ignore_progress)
        assert len(clarifai.calls) == 1
