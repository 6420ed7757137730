from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from bot.domain import timeline
from bot.domain.concepts import Concept, Frame
from bot.render import picture
from bot.render.picture import MOST_ROWS, WIDTH, describe, draw

if TYPE_CHECKING:
    from bot.domain.timeline import Timeline

GROUNDS = {(30, 31, 34), (43, 45, 49)}


def built(seen: dict[str, dict[int, float]], seconds: int, threshold: float = 0.5) -> Timeline:
    frames = [
        Frame(
            second * 1000,
            tuple(Concept(n, by[second]) for n, by in seen.items() if second in by),
        )
        for second in range(seconds)
    ]
    return timeline.build(frames, seconds * 1000, threshold)


def drawn(told: Timeline, name: str = "a.mp4") -> Image.Image:
    image = Image.open(io.BytesIO(draw(name, told)))
    assert (image.format, image.width) == ("PNG", WIDTH)
    return image.convert("RGB")


def colour(image: Image.Image, row: int, part: float) -> tuple[int, ...]:
    """Return the colour in the middle of a row, at a part (0-1) of the clip's time."""
    x = 312 + round((900 - 312) * part)
    found = image.getpixel((x, picture._top(row) + 24))
    assert isinstance(found, tuple)
    return found


def test_a_tags_seconds_are_coloured_and_no_others() -> None:
    image = drawn(built({"cat": {0: 0.9, 3: 0.9}, "dog": {1: 0.6, 2: 0.6}}, 4))
    for row, seen in ((0, {0, 3}), (1, {1, 2})):
        for second in range(4):
            here = colour(image, row, (second + 0.5) / 4)
            assert (here not in GROUNDS) == (second in seen), (row, second)


def test_a_surer_second_is_lighter() -> None:
    image = drawn(built({"cat": {0: 0.55, 1: 0.7, 2: 0.85, 3: 0.99}}, 4))
    light = [sum(colour(image, 0, (second + 0.5) / 4)) for second in range(4)]
    assert light == sorted(light)
    assert len(set(light)) == 4


def test_the_strongest_tags_come_first_and_the_rest_is_counted() -> None:
    seen = {f"tag {n:02}": {0: 0.6 + n / 100} for n in range(MOST_ROWS + 3)}
    told = built(seen, 2)
    image = drawn(told)
    assert image.height == drawn(built(dict(list(seen.items())[:MOST_ROWS]), 2)).height
    light = [sum(colour(image, row, 0.25)) for row in range(MOST_ROWS)]
    assert light == sorted(light, reverse=True)
    assert describe("a.mp4", told).startswith("Timeline of a.mp4, 2 s: tag 14 0:00–0:01; tag 13 ")


def test_with_nothing_to_show_it_says_so() -> None:
    told = built({"cat": {0: 0.4}}, 3)
    assert drawn(told).height > 100
    assert describe("a.mp4", told) == "Timeline of a.mp4, 3 s: nothing above 0.5"


@pytest.mark.parametrize(
    "name", ["cat", "猫の写真", "собака", "قطة", "παραλία", "고양이", "แมว", "बिल्ली"]
)
def test_names_in_many_scripts_have_letters_of_their_own(name: str) -> None:
    lettering = picture._Lettering(ImageDraw.Draw(Image.new("RGB", (10, 10))))
    for character in name:
        ((_, font),) = lettering._parts(character, 27)
        assert picture._has(font, character), character


def test_what_is_too_long_is_cut_short_of_the_bars() -> None:
    lettering = picture._Lettering(ImageDraw.Draw(Image.new("RGB", (10, 10))))
    fitted = lettering.fitted("a very long name that goes on", 27, 200)
    assert fitted.endswith("…")
    assert lettering.width(fitted, 27) <= 200
    assert lettering.fitted("cat", 27, 200) == "cat"


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=60), st.text(min_size=1, max_size=60), st.integers(1, 900))
def test_any_name_and_any_length_can_be_drawn(name: str, tag: str, seconds: int) -> None:
    told = built({tag: {0: 0.9, seconds - 1: 0.99}}, seconds)
    assert drawn(told, name).width == WIDTH
    assert len(describe(name, told)) <= 1000


def test_marks_are_few_and_at_round_times() -> None:
    assert list(picture._marks(16)) == [0, 5, 10, 15]
    assert list(picture._marks(1)) == [0, 1]
    assert [len(picture._marks(n)) <= 9 for n in range(1, 4000)] == [True] * 3999
