from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.domain import timeline as timelines
from bot.domain.concepts import Concept, Frame
from bot.domain.tagging import Thumbnail
from bot.i18n import ENGLISH
from bot.render import filmstrip, picture
from bot.render.picture import MAX_ROWS, WIDTH, describe, draw

if TYPE_CHECKING:
    from bot.domain.timeline import Timeline

GROUNDS = {(30, 31, 34), (43, 45, 49), (68, 71, 79)}


def built(seen: dict[str, dict[int, float]], seconds: int, threshold: float = 0.5) -> Timeline:
    frames = [
        Frame(
            second * 1000,
            tuple(Concept(n, by[second]) for n, by in seen.items() if second in by),
        )
        for second in range(seconds)
    ]
    return timelines.build(frames, seconds * 1000, threshold)


def drawn(
    timeline: Timeline, name: str = "a.mp4", thumbnails: tuple[Thumbnail, ...] = ()
) -> Image.Image:
    image = Image.open(io.BytesIO(draw(name, timeline, thumbnails=thumbnails)))
    assert (image.format, image.width) == ("PNG", WIDTH)
    return image.convert("RGB")


def colours(timeline: Timeline, row: int) -> list[tuple[int, ...]]:
    """Return the colour in the middle of each second of a row."""
    image, sheet = drawn(timeline), picture._Sheet(timeline, (), ENGLISH)
    middles = [
        (sheet.x(second) + sheet.x(second + 1)) // 2 for second in range(len(timeline.seconds))
    ]
    found = [image.getpixel((x, sheet.top + row * 48 + 24)) for x in middles]
    return [each for each in found if isinstance(each, tuple)]


def light(colour: tuple[int, ...]) -> float:
    return sum(part * weight for part, weight in zip(colour, (0.21, 0.72, 0.07), strict=True))


def test_exactly_the_seconds_of_a_tag_are_coloured() -> None:
    timeline = built({"cat": {0: 0.9, 3: 0.9}, "dog": {1: 0.6, 2: 0.6}}, 4)
    for row, seen in ((0, {0, 3}), (1, {1, 2})):
        found = colours(timeline, row)
        assert {at for at, here in enumerate(found) if here not in GROUNDS} == seen


def test_a_second_with_a_higher_score_is_lighter() -> None:
    found = [
        light(each) for each in colours(built({"cat": {0: 0.51, 1: 0.7, 2: 0.85, 3: 0.99}}, 4), 0)
    ]
    assert found == sorted(set(found))


def test_every_colour_has_contrast_with_the_background() -> None:
    # https://www.w3.org/WAI/WCAG22/Understanding/non-text-contrast.html
    for colour in picture._RAMP:
        assert contrast(colour, picture._STRIPE) >= 3
    for colour in (picture._TEXT, picture._MUTED):
        assert contrast(colour, picture._STRIPE) >= 4.5


def contrast(colour: tuple[int, ...], ground: tuple[int, ...]) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""

    def luminance(colour: tuple[int, ...]) -> float:
        parts = [part / 255 for part in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(c * weight for c, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    return (luminance(colour) + 0.05) / (luminance(ground) + 0.05)


def test_the_strongest_tags_come_first_and_the_rest_is_counted() -> None:
    seen = {f"tag {n:02}": {0: 0.6 + n / 100} for n in range(MAX_ROWS + 3)}
    timeline = built(seen, 2)
    fewer = built(dict(list(seen.items())[:MAX_ROWS]), 2)
    assert drawn(timeline).height == drawn(fewer).height + picture._MORE
    assert [row.name for row in picture.rows_of(timeline)] == sorted(seen, reverse=True)
    first, last = colours(timeline, 0)[0], colours(timeline, MAX_ROWS - 1)[0]
    assert light(first) > light(last)
    assert describe("a.mp4", timeline).startswith(
        "Timeline of a.mp4, 2 s: tag 12 0:00–0:01; tag 11 "
    )
    assert describe("a.mp4", timeline).endswith("; tag 03 0:00–0:01; +3 more")
    other = replace(
        timeline, seconds=tuple(_without(second, "tag 00") for second in timeline.seconds)
    )
    assert draw("a.mp4", other) != draw("a.mp4", timeline)


def _without(second: timelines.Second, tag: str) -> timelines.Second:
    return replace(second, tags=tuple(each for each in second.tags if each.name != tag))


def test_a_picture_without_tags_says_so() -> None:
    timeline = built({"cat": {0: 0.4}}, 3)
    assert drawn(timeline).height > 100
    assert describe("a.mp4", timeline) == "Timeline of a.mp4, 3 s. Nothing scored above 0.5."


@settings(max_examples=20)
@given(st.text(max_size=60), st.text(min_size=1, max_size=60), st.integers(1, 900))
def test_any_name_and_any_length_can_be_drawn(name: str, tag: str, seconds: int) -> None:
    timeline = built({tag: {0: 0.9, seconds - 1: 0.99}}, seconds)
    assert drawn(timeline, name).width == WIDTH
    assert len(describe(name, timeline)) <= 1000


def test_time_labels_are_few_and_round() -> None:
    assert list(picture._ticks(16)) == [0, 5, 10, 15]
    assert list(picture._ticks(1)) == [0, 1]
    assert [len(picture._ticks(n)) <= 9 for n in range(1, 4000)] == [True] * 3999


RED, BLUE = (220, 20, 20), (20, 20, 220)


def thumbnail(
    second: int, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (96, 54)
) -> Thumbnail:
    jpeg = io.BytesIO()
    Image.new("RGB", size, colour).save(jpeg, "JPEG")
    return Thumbnail(second, jpeg.getvalue())


def test_a_filmstrip_is_drawn_above_the_rows() -> None:
    timeline = built({"cat": {0: 0.9}, "dog": {5: 0.9, 6: 0.9}}, 8)
    image = drawn(timeline, thumbnails=(thumbnail(0), thumbnail(5, BLUE)))
    assert image.height == drawn(timeline).height + filmstrip.HEIGHT + 2 * filmstrip.GAP
    sheet = picture._Sheet(timeline, (), ENGLISH)
    for second, near in ((0, RED), (5, BLUE)):
        found = image.getpixel((sheet.x(second) + 20, sheet.top + filmstrip.HEIGHT // 2))
        assert isinstance(found, tuple)
        assert all(abs(a - b) < 30 for a, b in zip(found, near, strict=True)), second


def test_thumbnails_show_changes_near_their_times() -> None:
    timeline = built({"cat": {0: 0.9, 1: 0.9}, "dog": dict.fromkeys(range(5, 9), 0.9)}, 12)
    tiles = filmstrip.strip(
        [thumbnail(second) for second in range(12)],
        timeline.spans,
        lambda second: 100 + 50 * second,
        12,
    )
    assert [tile.second for tile in tiles] == [0, 5, 9]
    for tile in tiles:
        x = 100 + 50 * tile.second
        assert tile.left <= x < tile.left + tile.image.width
        assert tile.image.height == filmstrip.HEIGHT
    for tile, following in pairwise(tiles):
        assert tile.left + tile.image.width + filmstrip.GAP <= following.left


def test_a_single_thumbnail_is_not_stretched_and_is_above_its_time() -> None:
    timeline = built({"cat": {0: 0.9}}, 10)
    for second in (0, 5, 9):
        (tile,) = filmstrip.strip([thumbnail(second)], timeline.spans, lambda at: 100 + 60 * at, 10)
        assert tile.image.width == round(round(filmstrip.HEIGHT * 96 / 54) * 1.3)
        assert tile.left <= 100 + 60 * second < tile.left + tile.image.width


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 700), max_size=24, unique=True).map(sorted),
    st.integers(1, 700),
    st.sampled_from([(96, 54), (30, 54), (54, 54), (400, 20), (1, 500)]),
)
def test_tiles_stay_in_the_strip_and_never_overlap(
    seconds: list[int], length: int, size: tuple[int, int]
) -> None:
    timeline = built({"cat": dict.fromkeys(range(0, length, 3), 0.9)}, length)
    thumbnails = [thumbnail(second, size=size) for second in seconds if second < length]
    tiles = filmstrip.strip(
        thumbnails, timeline.spans, lambda second: 150 + 650 * second // length, length
    )
    assert bool(tiles) == bool(thumbnails)
    ends = [(tile.left, tile.left + tile.image.width) for tile in tiles]
    assert all(a[1] < b[0] for a, b in pairwise(ends))
    assert all(left >= 150 and right <= 800 for left, right in ends)


PNG = io.BytesIO()
Image.new("RGB", (5, 5)).save(PNG, "PNG")


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"no picture",
        thumbnail(0).jpeg[:200],
        thumbnail(0).jpeg[:-60],
        thumbnail(0).jpeg.replace(b"\xff\xda", b"\xff\xd9"),
        thumbnail(0, size=(1000, 600)).jpeg,
        thumbnail(0).jpeg + bytes(200_000),
        PNG.getvalue(),
    ],
    ids=["nothing", "text", "head", "short", "no scan", "many pixels", "many bytes", "PNG"],
)
def test_a_thumbnail_that_is_not_a_small_jpeg_is_left_out(bad: bytes) -> None:
    timeline = built({"cat": {0: 0.9}}, 2)
    assert draw("a.mp4", timeline, thumbnails=[Thumbnail(0, bad)]) == draw("a.mp4", timeline)
    with_another = drawn(timeline, thumbnails=(Thumbnail(0, bad), thumbnail(1)))
    assert with_another.height > drawn(timeline).height


@settings(max_examples=200)
@given(st.integers(0, 700), st.binary(min_size=1, max_size=4))
def test_broken_thumbnails_do_not_break_the_picture(at: int, bytes_: bytes) -> None:
    jpeg = thumbnail(0).jpeg
    filmstrip.open_thumbnail(jpeg[:at] + bytes_ + jpeg[at + len(bytes_) :])
