"""The sense for nudity: what it sees, when it looks, and what happens if it can't."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.domain.concepts import Concept
from bot.domain.nudity import NUDITY
from bot.domain.progress import ignore_progress
from bot.domain.senses import EVERY_SENSE, Sense, SenseObservations
from bot.errors import Damaged
from bot.media.sandbox.pool import Sandbox
from bot.taggers.local.looks import Moment
from bot.taggers.local.nudity_finder import ClipNudity
from bot.taggers.local.nudity_models import NudityModels, load_nudity_models
from bot.taggers.local.sense_reader import SenseReader
from bot.taggers.local.tagger import LocalTagger
from tests.conftest import CLIPS
from tests.media.nudity_clips import ellipses, make_nudity_clip, meadow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from PIL import Image

    from bot.media.decode.scaling import Picture

SEEN = (Concept(NUDITY, 0.9),)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[LocalTagger, SenseReader]]:
    async with Sandbox(workers=1, folder=folder / "box") as sandbox:
        senses = SenseReader(sandbox)
        yield LocalTagger(sandbox, ClipLimits(), senses=senses), senses


def as_clip(path: Path, seconds: int, senses: frozenset[Sense] = EVERY_SENSE) -> ClipFile:
    info = ClipInfo(ClipFormat.MP4, path.stat().st_size, seconds * 1000, "sha256:0")
    return ClipFile(path, info, senses=senses)


def picture(drawn: Image.Image) -> Picture:
    return np.asarray(drawn.resize((256, 256)))


class Counting:
    """Sees nudity in every picture, or fails."""

    def __init__(self, mood: Exception | None = None) -> None:
        self.calls = 0
        self.mood = mood

    def recognize(self, _picture: Picture) -> tuple[Concept, ...]:
        self.calls += 1
        if self.mood:
            raise self.mood
        return SEEN


def looking(models: Counting) -> ClipNudity:
    return ClipNudity(cast("NudityModels", models))


async def test_nudity_is_seen_in_its_seconds_while_the_clip_is_tagged_or_alone(
    tmp_path: Path,
) -> None:
    path = make_nudity_clip(tmp_path / "clip.mp4")
    async with opened(tmp_path) as (tagger, senses):
        tagged = await tagger.tag(as_clip(path, 6), ignore_progress)
        alone = await senses.observe(as_clip(path, 6), EVERY_SENSE)
        unasked = await tagger.tag(as_clip(path, 6, frozenset({Sense.TEXT})), ignore_progress)
        harmless = await senses.observe(as_clip(CLIPS / "montage.mp4", 16), {Sense.NUDITY})
    assert tagged.senses == alone
    assert alone.nudity is not None
    assert [frame.second for frame in alone.nudity] == [3, 4]
    assert all(frame.concepts[0].name == NUDITY for frame in alone.nudity)
    assert min(frame.concepts[0].score for frame in alone.nudity) > 0.8
    assert unasked.senses == SenseObservations(text=())
    assert harmless == SenseObservations(nudity=())


def test_a_picture_needs_both_networks_to_count() -> None:
    models = load_nudity_models()
    (found,) = models.recognize(picture(ellipses()))
    assert found.score > 0.8
    swapped = NudityModels(models.first, models.first)  # "hentai" in place of "indecent"
    assert found not in swapped.recognize(picture(ellipses()))
    assert models.recognize(picture(meadow())) == ()


def test_only_pictures_that_may_show_skin_are_looked_at() -> None:
    grey = picture(ellipses().convert("L").convert("RGB"))
    for drawn, calls in ((picture(meadow()), 0), (grey, 1), (picture(ellipses()), 1)):
        models = Counting()
        looking(models).add([Moment(0, 0)], drawn)
        assert models.calls == calls


def test_in_a_shot_that_hardly_moves_every_other_second_is_looked_at() -> None:
    models = Counting()
    nudity = looking(models)
    for second in range(6):
        moved = np.roll(picture(ellipses()), second, axis=1)
        nudity.add([Moment(second, second * 1000)], moved)
    assert models.calls == 3
    frames = nudity.frames()
    assert frames is not None
    assert [frame.second for frame in frames] == list(range(6))


def test_a_clip_counts_as_not_looked_at_if_memory_runs_out() -> None:
    nudity = looking(Counting(MemoryError()))
    nudity.add([Moment(0, 0)], picture(ellipses()))
    assert nudity.frames() is None
    with pytest.raises(ZeroDivisionError):
        looking(Counting(ZeroDivisionError())).add([Moment(0, 0)], picture(ellipses()))


class Hijacked:
    """A sandbox whose child was taken over and returns a given answer."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def run(self, *_: Any, **__: Any) -> object:
        return {"text": None, "nudity": self._answer}


@pytest.mark.parametrize(
    "answer",
    [
        3,
        [{"time": 6000, "concepts": [["nudity", 0.9]]}],
        [{"time": 0, "concepts": [["cat", 0.9]]}],
        [{"time": 0, "concepts": [["nudity", 1.1]]}],
        [{"time": 0, "concepts": [["nudity", 0.9]]}] * 2,
    ],
)
async def test_an_answer_of_a_hijacked_child_is_refused(answer: object, tmp_path: Path) -> None:
    clip = as_clip(make_nudity_clip(tmp_path / "clip.mp4"), 6)
    with pytest.raises(Damaged):
        await SenseReader(cast("Sandbox", Hijacked(answer))).observe(clip, {Sense.NUDITY})
