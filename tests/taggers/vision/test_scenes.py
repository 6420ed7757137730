"""Which pictures of a clip are shown, and answers of a child that was taken over."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bot.domain.concepts import Concept
from bot.errors import Damaged
from bot.taggers.vision.child import SceneCollector
from bot.taggers.vision.scenes import read_progress, read_scenes

RED, BLUE = (200, 0, 0), (0, 0, 200)


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (90, 160)) -> Any:
    return np.full((*size, 3), colour, np.uint8)


def collected(*pictures: Any, most: int = 60) -> SceneCollector:
    found = SceneCollector(most)
    for second, each in enumerate(pictures):
        found.add(second, each, each)
    return found


def test_an_unchanged_picture_and_a_scene_that_comes_back_are_kept_once() -> None:
    noise = np.random.default_rng(1).integers(-9, 10, (90, 160, 3))
    noisy = np.clip(picture(RED) + noise, 0, 255).astype(np.uint8)
    found = collected(picture(RED), noisy, picture(BLUE), picture(RED), picture(BLUE))
    assert found.seconds == [(0, 0), (1, 0), (2, 1), (3, 0), (4, 1)]


def test_something_that_appears_in_a_corner_is_another_picture() -> None:
    changed = picture(RED)
    changed[:12, :20] = 255
    assert len(collected(picture(RED), changed).scenes) == 2


def test_a_slow_change_is_noticed() -> None:
    fading = [picture((each, each, each)) for each in range(0, 100, 5)]
    assert len(collected(*fading).scenes) == 7


def test_the_most_similar_scenes_are_joined_if_there_are_too_many() -> None:
    shades = [picture((each, 0, 0)) for each in (10, 30, 50, 70)]
    found = collected(*shades, picture(BLUE), *shades, most=3)
    assert len(found.scenes) <= 3
    numbers = dict(found.seconds)
    assert [numbers[second] for second in range(4)] == [numbers[second] for second in range(5, 9)]
    assert numbers[4] not in {numbers[second] for second in range(4)}


def test_narrow_pictures_get_margins() -> None:
    (scene,) = collected(picture(RED, (5, 512))).scenes
    with Image.open(io.BytesIO(scene.jpeg)) as shown:
        assert shown.size == (512, 64)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (7, 7)])
def test_pictures_of_any_shape_are_compared(size: tuple[int, int]) -> None:
    found = collected(picture(RED, size), picture(RED), picture(BLUE, size))
    assert found.seconds == [(0, 0), (1, 0), (2, 1)]


JPEG = base64.b64encode(b"\xff\xd8\xff a picture").decode()
GOOD: dict[str, Any] = {"scenes": [[JPEG, JPEG]], "seconds": [[0, 0], [2, 0]]}


def test_frames_and_thumbnails_repeat_what_a_scene_shows() -> None:
    scenes = read_scenes({"scenes": [[JPEG, JPEG]] * 2, "seconds": [[0, 0], [1, 1], [3, 0]]}, 4, 60)
    cat, dog = (Concept("cat", 0.9),), (Concept("dog", 0.9),)
    frames = scenes.frames([cat, dog])
    assert [(frame.second, frame.concepts) for frame in frames] == [(0, cat), (1, dog), (3, cat)]
    assert [each.second for each in scenes.chosen_thumbnails([cat, dog])] == [0, 1, 3]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {**GOOD, "scenes": []},
        {**GOOD, "scenes": [[JPEG, JPEG]] * 2},
        {**GOOD, "scenes": [[JPEG]]},
        {**GOOD, "scenes": [["%", JPEG]]},
        {**GOOD, "scenes": [[base64.b64encode(b"GIF89a").decode(), JPEG]]},
        {**GOOD, "scenes": [[base64.b64encode(b"\xff\xd8\xff" + bytes(200_000)).decode(), JPEG]]},
        {**GOOD, "scenes": [[JPEG, base64.b64encode(b"\xff\xd8\xff" + bytes(20_000)).decode()]]},
        {**GOOD, "seconds": []},
        {**GOOD, "seconds": [[2, 0], [0, 0]]},
        {**GOOD, "seconds": [[0, 0], [3, 0]]},
        {**GOOD, "seconds": [[-1, 0]]},
        {**GOOD, "seconds": [[0, 0], [1, 1]]},
        {**GOOD, "seconds": [[0, float("inf")]]},
    ],
)
def test_an_answer_of_a_child_that_was_taken_over_is_refused(answer: Any) -> None:
    assert read_scenes(GOOD, 3, 60).seconds == ((0, 0), (2, 0))
    with pytest.raises(Damaged):
        read_scenes(answer, 3, 60)


def test_more_scenes_than_asked_for_are_refused() -> None:
    answer = {"scenes": [[JPEG, JPEG]] * 2, "seconds": [[0, 0], [1, 1]]}
    assert len(read_scenes(answer, 2, 2).pictures) == 2
    with pytest.raises(Damaged):
        read_scenes(answer, 2, 1)


@pytest.mark.parametrize("value", [-1, 4, "1", None, 1.5])
def test_an_invalid_progress_is_refused(value: Any) -> None:
    assert read_progress(3, 3) == 3
    with pytest.raises(Damaged):
        read_progress(value, 3)
