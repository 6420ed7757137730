from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bot.domain.clip import ClipFormat
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from bot.taggers.local.image_stats import center_crop, is_drawn, is_flat, picture_statistics
from tests.conftest import CLIPS

if TYPE_CHECKING:
    from bot.media.decode.scaling import Picture


def drawing(title: str, *, gradient: bool = False) -> Picture:
    page = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
    if not gradient:
        page = Image.new("RGB", (320, 240), "navy")
    ImageDraw.Draw(page).text((60, 90), title, fill="white", font_size=40)
    return np.asarray(page)


@pytest.mark.parametrize("picture", [drawing("A title"), drawing("", gradient=True)])
def test_titles_and_gradients_count_as_drawn(picture: Picture) -> None:
    assert is_drawn(picture)
    assert not is_flat(picture)


def test_photographs_do_not_count_as_drawn() -> None:
    frames = sample(CLIPS / "montage.mp4", ClipFormat.MP4, seconds=16, views=[View(224)])
    stats = [(is_drawn(frame.pictures[0]), is_flat(frame.pictures[0])) for frame in frames]
    assert stats[12] == (True, True)  # the blank slide
    assert not any(is_flat or is_drawn for is_drawn, is_flat in stats[:8])


def test_the_crop_is_the_center() -> None:
    picture = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert center_crop(picture, 3).tolist() == picture[1:4, 2:5].tolist()


@pytest.mark.parametrize("size", [(224, 224), (1, 320), (320, 1), (2, 2)])
def test_pictures_of_any_shape_have_statistics(size: tuple[int, int]) -> None:
    grey = np.full((*size, 3), 128, np.uint8)
    for picture in (grey, np.random.default_rng(1).integers(0, 256, grey.shape, np.uint8)):
        assert np.isfinite(picture_statistics(picture)).all()
