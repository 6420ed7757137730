from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bot.domain.clip import ClipFormat
from bot.domain.concepts import Concept, Frame
from bot.media.decode.sampling import sample
from bot.taggers.local import child, detector
from bot.taggers.local.recognizer import Recognizer, believed, load_recognizer
from bot.taggers.local.sessions import open_session
from bot.taggers.local.smoothing import join
from tests.conftest import CLIPS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bot.media.decode.sampling import SampledFrame
    from bot.media.decode.scaling import Picture, View

CAT, CUP = 15, 41  # places in COCO's order of objects
CERTAIN, LIKELY = Concept("cat", 0.95), Concept("dog", 0.7)


@pytest.fixture(scope="module")
def recognizer(models: Path) -> Recognizer:
    return load_recognizer(models, None)


def montage(*views: View) -> list[SampledFrame]:
    return list(sample(CLIPS / "montage.mp4", ClipFormat.MP4, seconds=16, views=views))


def shaded() -> Picture:
    """A picture with the shades of a photograph."""
    return np.random.default_rng(5).normal(128, 20, (64, 64, 3)).clip(0, 255).astype(np.uint8)


def test_the_detector_finds_what_is_there() -> None:
    session = open_session(detector.MODEL)
    scores = detector.detect(session, [frame.pictures[0] for frame in montage(detector.VIEW)])
    assert scores.shape == (16, 80)
    assert (scores.min(), scores.max()) >= (0, 0.5)
    assert all(scores[second].argmax() == CAT for second in (0, 1, 2, 3, 13, 14, 15))
    assert all(scores[second, CUP] > 0.4 for second in range(4, 8))
    assert scores[12].max() < 0.25  # a blank slide


@pytest.mark.parametrize("size", [(180, 320), (320, 180), (1, 320), (320, 320), (33, 65)])
def test_the_detector_takes_pictures_of_any_shape(size: tuple[int, int]) -> None:
    pictures = [np.zeros((*size, 3), np.uint8)] * 2
    assert detector.detect(open_session(detector.MODEL), pictures).shape == (2, 80)


def test_both_models_name_a_frame(recognizer: Recognizer) -> None:
    found = recognizer.recognize(montage(*recognizer.views))
    best = [frame_concepts[0].name if frame_concepts else "" for frame_concepts in found]
    assert best[:4] == [*best[13:], "animal"] == ["animal"] * 4
    assert {concept.name for concept in found[5] if concept.score > 0.5} >= {"drink", "coffee"}
    assert found[12] == ()


def test_frames_are_named_alike_alone_and_among_others(recognizer: Recognizer) -> None:
    frames = montage(*recognizer.views)[:3]
    alone = [recognizer.recognize([frame])[0] for frame in frames]
    among = recognizer.recognize(frames)
    for one, other in zip(alone, among, strict=True):
        assert dict(_pairs(one)) == pytest.approx(dict(_pairs(other)), abs=2e-3)


def test_a_clip_is_told_with_its_seconds_joined(recognizer: Recognizer, models: Path) -> None:
    frames = montage(*recognizer.views)
    named = zip(frames, recognizer.recognize(frames), strict=True)
    alone = [Frame(frame.second * 1000, concepts) for frame, concepts in named]
    request = {"path": str(CLIPS / "montage.mp4"), "format": "mp4", "seconds": 16}
    told = child.tag(
        {**request, "models": str(models), "own": None, "revision": ""}, lambda _done: None
    )
    found = [dict(frame["concepts"]).get("cat", 0.0) for frame in told["frames"]]
    assert found == pytest.approx(_cats(join(alone)), abs=2e-3)
    assert found != pytest.approx(_cats(alone), abs=2e-3)


def test_a_drawn_picture_is_named_when_nearly_certain() -> None:
    page = np.zeros((64, 64, 3), np.uint8)
    page[:, 32:] = 255
    assert believed(page, (CERTAIN, LIKELY)) == (CERTAIN,)
    assert believed(shaded(), (CERTAIN, LIKELY)) == (CERTAIN, LIKELY)


def test_a_picture_of_one_colour_shows_nothing() -> None:
    assert believed(np.full((64, 64, 3), 90, np.uint8), (CERTAIN,)) == ()


def _cats(frames: Sequence[Frame]) -> list[float]:
    return [dict(_pairs(frame.concepts)).get("cat", 0.0) for frame in frames]


def _pairs(concepts: tuple[Concept, ...]) -> list[tuple[str, float]]:
    return [(concept.name, concept.score) for concept in concepts if concept.score > 0.02]
