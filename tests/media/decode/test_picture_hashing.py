"""Perceptual hashes of real clips and of what people do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bot.domain.clip import ClipFormat
from bot.domain.perceptual_hash import MAX_SECONDS
from bot.media.decode.picture_hashing import PictureHasher
from bot.media.decode.sampling import sample
from bot.media.decode.thumbnails import VIEW
from tests.conftest import CLIPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.domain.perceptual_hash import PerceptualHash
    from bot.media.decode.scaling import Picture

    Change = Callable[[Picture], Picture]


def pictures_of(name: str) -> list[Picture]:
    clip_format = ClipFormat(name.rpartition(".")[2])
    frames = sample(CLIPS / name, clip_format, seconds=16, views=(VIEW,))
    return [frame.pictures[0] for frame in frames]


def hash_of(pictures: list[Picture]) -> PerceptualHash:
    hasher = PictureHasher()
    for second, picture in enumerate(pictures):
        hasher.add(second, picture)
    return hasher.hash(len(pictures))


@pytest.fixture(scope="module")
def montage() -> list[Picture]:
    return pictures_of("montage.mp4")


@pytest.mark.parametrize("ending", ["gif", "avi", "webm", "ogg"])
def test_another_container_and_codec_looks_the_same(ending: str, montage: list[Picture]) -> None:
    copy = hash_of(pictures_of(f"montage.{ending}"))
    assert hash_of(montage).looks_like(copy)
    keys = zip(hash_of(montage).keys(), copy.similar_keys(), strict=True)
    assert any(key in similar for key, similar in keys)


def cropped(picture: Picture) -> Picture:
    margins = [round(side * 0.03) for side in picture.shape[:2]]
    return picture[margins[0] : -margins[0], margins[1] : -margins[1]]


def boxed(picture: Picture) -> Picture:
    return np.pad(picture, [(30, 30), (10, 0), (0, 0)])


def watermarked(picture: Picture) -> Picture:
    marked = picture.copy()
    marked[-20:-4, -60:-4] = 0
    marked[-16:-8, -56:-8] = 255
    return marked


def dimmed(picture: Picture) -> Picture:
    return (picture * 0.8 + 10).astype(np.uint8)


@pytest.mark.parametrize("change", [cropped, boxed, watermarked, dimmed])
def test_what_editors_do_to_a_clip_leaves_it_the_same(
    change: Change, montage: list[Picture]
) -> None:
    assert hash_of(montage).looks_like(hash_of(list(map(change, montage))))


def test_other_clips_look_different(montage: list[Picture]) -> None:
    original = hash_of(montage)
    assert not original.looks_like(hash_of([picture[:, ::-1] for picture in montage]))
    assert not original.looks_like(hash_of([picture[::-1] for picture in montage]))
    assert not original.looks_like(hash_of(montage[::-1]))
    assert not original.looks_like(hash_of(pictures_of("city.mp4")))


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_blank_clip_looks_like_no_other(shade: int) -> None:
    blank = hash_of([np.full((90, 160, 3), shade, np.uint8)] * 10)
    assert not blank.is_useful
    assert not blank.looks_like(blank)


def test_a_clip_that_is_too_long_has_an_empty_hash(montage: list[Picture]) -> None:
    hasher = PictureHasher()
    for second in range(MAX_SECONDS + 5):
        hasher.add(second, montage[second % 16])
    assert len(hasher._pictures) == MAX_SECONDS
    assert not hasher.hash(MAX_SECONDS + 5).is_useful
    assert hasher.hash(MAX_SECONDS).is_useful


def test_a_clip_of_which_nothing_was_decoded_has_an_empty_hash() -> None:
    assert not PictureHasher().hash(5).is_useful
