from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bot.domain.clip import ClipFormat
from bot.domain.concepts import Concept, Frame
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from bot.taggers.local import child
from bot.taggers.local.bundled_models import (
    CLASSIFIER,
    CLASSIFIER_SIDE,
    DETECTOR,
    DETECTOR_VIEW,
    classify,
    detect,
    open_session,
)
from bot.taggers.local.image_stats import center_crop
from bot.taggers.local.kinds import Recognized
from bot.taggers.local.recognizer import Recognizer, credible, load_recognizer
from bot.taggers.local.smoothing import smooth
from tests.conftest import CLIPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.media.decode.scaling import Picture
    from bot.media.decode.source import SampledFrame

# Indices of kinds in COCO, and of classes in ImageNet.
CAT, CUP = 15, 41
CATS, ESPRESSO = range(281, 286), 967
CERTAIN, LIKELY = Concept("cat", 0.95), Concept("dog", 0.7)


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return load_recognizer(None)


def montage(*views: View) -> list[SampledFrame]:
    return list(sample(CLIPS / "montage.mp4", ClipFormat.MP4, seconds=16, views=views))


def photograph() -> Picture:
    """Return a picture with the gradients of a photograph."""
    return np.random.default_rng(5).normal(128, 20, (64, 64, 3)).clip(0, 255).astype(np.uint8)


def test_the_classifier_recognizes_photographs() -> None:
    frames = montage(View(CLASSIFIER_SIDE))
    centers = [center_crop(frame.pictures[0], CLASSIFIER_SIDE) for frame in frames]
    scores, features = classify(open_session(CLASSIFIER), centers)
    assert scores.shape == (16, 1000)
    assert features.shape == (16, 1728)
    assert scores.min() >= 0
    assert scores.sum(axis=1) == pytest.approx(np.ones(16), abs=1e-4)
    best = scores.argmax(axis=1)
    assert all(best[second] in CATS for second in (0, 1, 2, 3, 13, 14, 15))
    assert best[4:8].tolist() == [ESPRESSO] * 4


def test_the_detector_finds_objects() -> None:
    session = open_session(DETECTOR)
    scores = detect(session, [frame.pictures[0] for frame in montage(DETECTOR_VIEW)])
    assert scores.shape == (16, 80)
    assert (scores.min(), scores.max()) >= (0, 0.5)
    assert all(scores[second].argmax() == CAT for second in (0, 1, 2, 3, 13, 14, 15))
    assert all(scores[second, CUP] > 0.4 for second in range(4, 8))
    assert scores[12].max() < 0.25  # a blank slide


@pytest.mark.parametrize("size", [(180, 320), (320, 180), (1, 320), (320, 320), (33, 65)])
def test_the_detector_takes_pictures_of_any_shape(size: tuple[int, int]) -> None:
    pictures = [np.zeros((*size, 3), np.uint8)] * 2
    assert detect(open_session(DETECTOR), pictures).shape == (2, 80)


def test_both_models_name_a_frame(recognizer: Recognizer) -> None:
    found = [seen.concepts for seen in recognizer.recognize(montage(*recognizer.views))]
    best = [frame_concepts[0].name if frame_concepts else "" for frame_concepts in found]
    assert best[:4] == [*best[13:], "animal"] == ["animal"] * 4
    assert {concept.name for concept in found[5] if concept.score > 0.5} >= {"drink", "coffee"}


def test_nothing_is_recognized_in_a_picture_of_a_single_colour(recognizer: Recognizer) -> None:
    blank_slide = montage(*recognizer.views)[12]
    assert recognizer.recognize([blank_slide]) == [Recognized(())]


def test_a_frame_scores_the_same_alone_and_in_a_batch(recognizer: Recognizer) -> None:
    frames = montage(*recognizer.views)[:3]
    alone = [recognizer.recognize([frame])[0] for frame in frames]
    together = recognizer.recognize(frames)
    for one, other in zip(alone, together, strict=True):
        assert dict(_pairs(one.concepts)) == pytest.approx(dict(_pairs(other.concepts)), abs=2e-3)


def test_a_tagged_clip_is_smoothed(recognizer: Recognizer) -> None:
    frames = montage(*recognizer.views)
    named = zip(frames, recognizer.recognize(frames), strict=True)
    alone = [Frame(frame.second * 1000, seen.concepts) for frame, seen in named]
    request = {"files": [str(CLIPS / "montage.mp4")], "format": "mp4", "seconds": 16}
    answer = child.tag({**request, "custom": None, "revision": ""}, lambda _done: None)
    found = [dict(frame["concepts"]).get("cat", 0.0) for frame in answer["frames"]]
    assert found == pytest.approx(_cats(smooth(alone)), abs=2e-3)
    assert found != pytest.approx(_cats(alone), abs=2e-3)


def test_only_certain_concepts_of_a_drawing_are_kept() -> None:
    page = np.zeros((64, 64, 3), np.uint8)
    page[:, 32:] = 255
    assert credible(page, (CERTAIN, LIKELY)) == (CERTAIN,)
    assert credible(photograph(), (CERTAIN, LIKELY)) == (CERTAIN, LIKELY)


def _cats(frames: Sequence[Frame]) -> list[float]:
    return [dict(_pairs(frame.concepts)).get("cat", 0.0) for frame in frames]


def _pairs(concepts: tuple[Concept, ...]) -> list[tuple[str, float]]:
    return [(concept.name, concept.score) for concept in concepts if concept.score > 0.02]
