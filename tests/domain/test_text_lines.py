from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING

import pytest

from bot.domain.text_lines import MAX_LINES, SeenLine, TextLine, join_lines

if TYPE_CHECKING:
    from collections.abc import Sequence


def line(text: str, score: float = 0.9, y: float = 0.5, x: float = 0.5) -> SeenLine:
    return SeenLine(text, score, x, y, height=0.1)


def joined(*seconds: str | SeenLine | Sequence[SeenLine] | None) -> list[tuple[str, int, int]]:
    """Join seconds, each with one line, several or none."""
    frames = []
    for second, each in enumerate(seconds):
        one = line(each) if isinstance(each, str) else each
        lines = [one] if isinstance(one, SeenLine) else one or []
        frames.append((second, lines))
    return [(found.text, found.start, found.end) for found in join_lines(frames)]


def test_a_line_that_stays_is_one_line_with_its_best_reading() -> None:
    seconds = None, "VICTOEY ROYALE", "VICTORY ROYALE", "VICTORY ROYALE", "VICTORY R0YALE", None
    assert joined(*seconds) == [("VICTORY ROYALE", 1, 5)]


def test_a_line_missed_for_a_second_goes_on() -> None:
    assert joined("Hello there", None, "Hello there", None, None, None, "Hello there") == [
        ("Hello there", 0, 3),
        ("Hello there", 6, 7),
    ]


def test_lines_that_follow_each_other_at_one_place_stay_apart() -> None:
    assert joined("Where are you?", "Where are you?", "On my way!", "On my way!") == [
        ("Where are you?", 0, 2),
        ("On my way!", 2, 4),
    ]


def test_a_line_that_scrolls_by_is_one_line() -> None:
    rolling = [[line("Directed by Ann", y=y), line("Music by Bob", y=y + 0.2)] for y in (0.7, 0.4)]
    assert joined(*rolling) == [("Directed by Ann", 0, 2), ("Music by Bob", 0, 2)]


def test_a_counter_is_left_out_and_a_year_is_not() -> None:
    assert joined("0:01", "0:02", "0:03", "0:04") == []
    assert joined("2024", "2024", "2024") == [("2024", 0, 3)]


def test_a_line_whose_figure_changes_is_one_line() -> None:
    assert len(joined("HEALTH 54", "HEALTH 53", "HEALTH 48", "HEALTH 12")) == 1


@pytest.mark.parametrize(
    "uncertain", [line("x", 0.99), line("§§", 0.99), line("what", 0.5), line("once only", 0.7)]
)
def test_uncertain_lines_and_single_letters_are_left_out(uncertain: SeenLine) -> None:
    assert joined(uncertain) == []


def test_a_watermark_that_comes_and_goes_has_one_range() -> None:
    seconds = [["@somebody", None, None, None][second % 4] for second in range(40)]
    assert joined(*seconds) == [("@somebody", 0, 37)]


def test_a_hostile_clip_keeps_the_lines_that_stay_longest() -> None:
    draw = random.Random(1)  # noqa: S311 - test data
    frames = [
        (
            second,
            [
                line("".join(draw.choices(string.ascii_letters, k=120)), y=row / 100)
                for row in range(100)
            ],
        )
        for second in range(40)
    ]
    for second, lines in frames:
        lines[0] = line(f"The title {'stays' if second > 3 else ''}", y=0)
    found = join_lines(frames)
    assert len(found) == MAX_LINES
    assert TextLine("The title stays", 0, 40, 0.9) in found
