from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bot.taggers.local.text_boxes import MAX_BOXES, find_boxes

if TYPE_CHECKING:
    from numpy.typing import NDArray


def marked(*corners: tuple[float, float]) -> NDArray[np.float32]:
    """Return a map with one area that surely has text."""
    drawn = Image.new("L", (320, 160))
    ImageDraw.Draw(drawn).polygon(corners, 255)
    return np.asarray(drawn, np.float32) / np.float32(255)


def test_a_box_gets_the_margin_that_the_detector_leaves_out() -> None:
    (box,) = find_boxes(marked((50, 60), (249, 60), (249, 79), (50, 79)))
    margin = 1.6 * 200 * 20 / (2 * 220)
    assert (box.x, box.y) == pytest.approx((149.5, 69.5))
    assert (box.width, box.height) == pytest.approx((200 + 2 * margin, 20 + 2 * margin))
    assert box.tilt == 0
    assert box.score == pytest.approx(1, abs=0.05)


def test_the_corners_of_a_tilted_line_are_found() -> None:
    tilt, across, down = math.radians(12), 90, 9
    cosine, sine = math.cos(tilt), math.sin(tilt)
    ways = ((-across, -down), (across, -down), (across, down), (-across, down))
    drawn = [(160 + x * cosine - y * sine, 80 + x * sine + y * cosine) for x, y in ways]
    (box,) = find_boxes(marked(*drawn))
    assert math.degrees(box.tilt) == pytest.approx(12, abs=1.5)
    left, top = box.corners[:2]
    assert left < drawn[0][0] + 4
    assert top < drawn[0][1] + 4


def test_faint_tall_and_tiny_areas_are_no_lines() -> None:
    assert find_boxes(marked((50, 20), (60, 20), (60, 140), (50, 140))) == []
    assert find_boxes(marked((50, 20), (90, 20), (90, 21), (50, 21))) == []
    assert find_boxes(marked((50, 60), (249, 60), (249, 79), (50, 79)) * np.float32(0.4)) == []


def test_noise_and_a_wall_of_lines_are_bounded() -> None:
    noise = np.random.default_rng(1).random((640, 640)).astype(np.float32)
    assert find_boxes(noise) == []
    wall = np.zeros((640, 640), np.float32)
    for top in range(0, 640, 8):
        wall[top : top + 4, 10:300] = wall[top : top + 4, 330:620] = 1
    assert len(find_boxes(wall)) == MAX_BOXES
