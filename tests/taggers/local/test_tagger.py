from __future__ import annotations

import asyncio
import base64
import io
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
from PIL import Image

from bot.domain import timeline
from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.domain.concepts import Concept, Frame
from bot.domain.perceptual_hash import SECOND_BYTES, PerceptualHash, PictureHash
from bot.domain.progress import Progress, Stage, ignore_progress
from bot.domain.tagging import Observations, SecondRange, Thumbnail
from bot.errors import Damaged, NotAVideo
from bot.media.sandbox.pool import Sandbox
from bot.taggers.local.labels import model_names
from bot.taggers.local.tagger import LocalTagger
from tests.conftest import CLIPS
from tests.media.made_clips import Recipe, gif, make_clip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TRUTH: list[list[str]] = json.loads((CLIPS / "montage.json").read_text())
LIMITS = ClipLimits(by_url=7, as_bytes=9)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[LocalTagger]:
    async with Sandbox(workers=1, folder=folder / "sandbox") as sandbox:
        yield LocalTagger(sandbox, LIMITS)


def clip(path: Path, clip_format: ClipFormat = ClipFormat.MP4, duration: int = 16_000) -> ClipFile:
    info = ClipInfo(clip_format, path.stat().st_size, duration, "sha256:0")
    return ClipFile(path, info)


class HijackedSandbox:
    """A sandbox whose child was taken over and returns a given answer."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def run(self, *_: Any, **__: Any) -> object:
        return self._answer


async def test_the_montage_is_tagged_correctly(tmp_path: Path) -> None:
    async with opened(tmp_path) as tagger:
        seen = await tagger.tag(clip(CLIPS / "montage.mp4"), ignore_progress)
        threshold = tagger.identity.default_threshold
    seconds = timeline.build(seen.frames, 16_000, threshold).seconds
    found = [{tag.name for tag in second.tags} for second in seconds]
    correct = [bool(set(truth) & tags) for truth, tags in zip(TRUTH, found, strict=True) if truth]
    assert sum(correct) >= 11  # of 15; it misses the four of the rocket
    assert found[12] == set()  # a blank slide
    assert {0, 4, 12, 13} <= {thumbnail.second for thumbnail in seen.thumbnails}  # where it changes
    sizes = {Image.open(io.BytesIO(thumbnail.jpeg)).size for thumbnail in seen.thumbnails}
    assert sizes == {(160, 120)}
    assert max(len(thumbnail.jpeg) for thumbnail in seen.thumbnails) < 5000


async def test_a_still_picture_gives_a_frame_each_second(tmp_path: Path) -> None:
    path = tmp_path / "clip.gif"
    path.write_bytes(gif([300]))
    async with opened(tmp_path) as tagger:
        frames = (await tagger.tag(clip(path, ClipFormat.GIF, 3000), ignore_progress)).frames
    assert [frame.second for frame in frames] == [0, 1, 2]


async def test_pictures_of_a_single_colour_have_no_concepts(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip", Recipe(ClipFormat.MP4, pictures=20))
    async with opened(tmp_path) as tagger:
        frames = (await tagger.tag(clip(path, duration=2000), ignore_progress)).frames
    assert [frame.concepts for frame in frames] == [(), ()]


async def test_progress_ends_with_every_frame(tmp_path: Path) -> None:
    steps: list[Progress] = []
    async with opened(tmp_path) as tagger:
        await tagger.tag(clip(CLIPS / "montage.mkv", ClipFormat.MKV), steps.append)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1] == Progress(Stage.TAG, 16, 16)


async def test_one_child_tags_clip_after_clip(tmp_path: Path) -> None:
    both = [clip(CLIPS / "montage.mp4"), clip(CLIPS / "montage.webm", ClipFormat.WEBM)]
    async with opened(tmp_path) as tagger:
        found = await asyncio.gather(*(tagger.tag(each, ignore_progress) for each in both))
    assert [len(seen.frames) for seen in found] == [16, 16]


async def test_a_file_with_only_sound_is_not_a_video(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip", Recipe(ClipFormat.MP4, pictures=0, sound=1.0))
    async with opened(tmp_path) as tagger:
        with pytest.raises(NotAVideo):
            await tagger.tag(clip(path, duration=1000), ignore_progress)


async def test_a_cut_clip_is_damaged_and_the_next_is_tagged(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes((CLIPS / "montage.mp4").read_bytes()[:50_000])
    async with opened(tmp_path) as tagger:
        with pytest.raises(Damaged):
            await tagger.tag(clip(path), ignore_progress)
        seen = await tagger.tag(clip(CLIPS / "montage.mp4"), ignore_progress)
        assert len(seen.frames) == 16


NAMES = sorted(model_names(None))
EMPTY_HASH = PerceptualHash((PictureHash(),) * 16)
VALID_HASH = EMPTY_HASH.as_bytes().hex()
VALID_THUMBNAIL = [0, base64.b64encode(b"\xff\xd8\xff").decode()]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"frames": []},
        *(
            {"frames": frames, "thumbnails": [], "hash": VALID_HASH}
            for frames in (
                None,
                [{"time": 0}],
                [{"time": "soon", "concepts": []}],
                [{"time": 0, "concepts": [["cat", 1.5]]}],
                [{"time": 0, "concepts": [["cat", "nan"]]}],
                [{"time": 0, "concepts": [["cat"]]}],
                [{"time": float("inf"), "concepts": []}],
                [{"time": -1, "concepts": []}],
                [{"time": 0, "concepts": [["\ud800", 0.5]]}],
                [{"time": 0, "concepts": [["no name of the model's", 0.5]]}],
                [{"time": 0, "concepts": [["cat", 0.5], ["cat", 0.4]]}],
                [{"time": 0, "concepts": [[name, 0.5] for name in NAMES[:21]]}],
                [{"time": 16_000, "concepts": []}],  # after the clip's end
                [{"time": 5, "concepts": []}, {"time": 6, "concepts": []}],  # in the same second
                [{"time": 1000, "concepts": []}, {"time": 0, "concepts": []}],
                [{"time": number, "concepts": []} for number in range(4000)],
            )
        ),
        *(
            {"frames": [], "thumbnails": thumbnails, "hash": VALID_HASH}
            for thumbnails in (
                None,
                [VALID_THUMBNAIL, VALID_THUMBNAIL],  # two at the same second
                [[second, VALID_THUMBNAIL[1]] for second in range(25)],
                [[16, VALID_THUMBNAIL[1]]],  # after the clip's end
                [[-1, VALID_THUMBNAIL[1]]],
                [[float("inf"), VALID_THUMBNAIL[1]]],
                [[0, "no base64"]],
                [[0, base64.b64encode(b"GIF89a").decode()]],
                [[0, base64.b64encode(b"\xff\xd8\xff" + bytes(20_000)).decode()]],
                [[0, 5]],
            )
        ),
        *(
            {"frames": [], "thumbnails": [], "hash": answered}
            for answered in (None, "", "no hex", VALID_HASH[2:], VALID_HASH + "00" * SECOND_BYTES)
        ),
    ],
)
async def test_an_invalid_answer_means_a_damaged_clip(answer: object) -> None:
    tagger = LocalTagger(cast("Sandbox", HijackedSandbox(answer)), LIMITS)
    with pytest.raises(Damaged):
        await tagger.tag(clip(CLIPS / "montage.mp4"), ignore_progress)


async def test_a_valid_answer_is_returned() -> None:
    answer = {
        "frames": [{"time": 5, "concepts": [["cat", 0.5]]}],
        "thumbnails": [VALID_THUMBNAIL],
        "hash": VALID_HASH,
    }
    tagger = LocalTagger(cast("Sandbox", HijackedSandbox(answer)), LIMITS)
    seen = await tagger.tag(clip(CLIPS / "montage.mp4"), ignore_progress)
    frames = (Frame(5, (Concept("cat", 0.5),)),)
    assert seen == Observations(
        frames,
        (Thumbnail(0, b"\xff\xd8\xff"),),
        unreadable=(SecondRange(1, 16),),
        perceptual_hash=EMPTY_HASH,
    )


@pytest.mark.parametrize("done", [None, "many", float("inf"), []])
async def test_invalid_progress_means_a_damaged_clip(done: object) -> None:
    class Counting:
        async def run(self, *_: Any, on_progress: Any, **__: Any) -> object:
            on_progress(done)
            return []

    tagger = LocalTagger(cast("Sandbox", Counting()), LIMITS)
    with pytest.raises(Damaged):
        await tagger.tag(clip(CLIPS / "montage.mp4"), ignore_progress)


async def test_check_loads_the_models(tmp_path: Path) -> None:
    async with opened(tmp_path) as tagger:
        assert await tagger.check() == "local:efficientnet-lite0 is ready and knows 1040 tags"


def test_the_identity_and_the_limits() -> None:
    tagger = LocalTagger(cast("Sandbox", HijackedSandbox(None)), LIMITS)
    assert str(tagger.identity) == "local:efficientnet-lite0"
    assert tagger.identity.default_threshold == 0.5
    assert tagger.identity.revision
    assert tagger.size_limit(public=True) == tagger.size_limit(public=False) == 9
