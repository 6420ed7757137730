"""A new clip is compared with queries as the index does it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.domain.personal_alerts import QuietHours
from bot.domain.query import MatchKind, parse
from bot.domain.query_match import Found, NewClip, match, tags_of
from bot.domain.text_lines import TextLine
from bot.domain.timeline import Segment

CLIP = NewClip(
    "holiday-2026.mp4",
    tags_of([Segment("Cat", 0, 2, 0.8), Segment("Cat", 5, 6, 0.97), Segment("hot dog", 3, 4, 0.9)]),
    "Fortnite",
    (TextLine("VICTORY ROYALE!", 42, 45, 0.9),),
    "A cat sits on a piano.",
)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("CÄT", [MatchKind.TAG]),
        ('"hot dog" cat', [MatchKind.TAG, MatchKind.TAG]),
        ("horse or cat", [MatchKind.TAG]),
        ("fortnite", [MatchKind.TAG]),
        ("game:fortnite", [MatchKind.TAG]),
        ("game:fort", [MatchKind.TAG]),
        ("tag:cat", [MatchKind.TAG]),
        ("tag:holiday", None),
        ("victory", [MatchKind.TEXT]),
        ("text:royale", [MatchKind.TEXT]),
        ("vict0ry", [MatchKind.TEXT]),
        ("victoory", [MatchKind.TEXT]),
        ("vicory", [MatchKind.TEXT]),
        ('"vict0ry"', None),
        ("r0yle", None),
        ("holiday", [MatchKind.FILE_NAME]),
        ("piano", [MatchKind.SENTENCE]),
        ("cat -horse", [MatchKind.TAG]),
        ("by:<@1>", []),
        ("horse", None),
        ("cat horse", None),
        ("cat -victory", None),
        ("game:cat", None),
        ("text:piano", None),
        ("said:cat", None),
        ("a", None),
    ],
)
def test_a_clip_matches_if_all_clauses_hold(query: str, kinds: list[MatchKind] | None) -> None:
    found = match(parse(query), CLIP)
    assert (found if found is None else [each.kind for each in found]) == kinds


def test_the_reason_is_the_best_score_and_its_second() -> None:
    assert match(parse("cat"), CLIP) == (Found(MatchKind.TAG, "Cat", 0.97, 5),)


def test_other_names_of_a_tag_count_as_synonyms() -> None:
    found = match(parse("kitty"), CLIP, lambda _term: {"cat": MatchKind.SYNONYM})
    assert found == (Found(MatchKind.SYNONYM, "Cat", 0.97, 5),)


@pytest.mark.parametrize(
    ("hour", "minute", "end"),
    [
        (21, 59, None),
        (22, 0, datetime(2026, 11, 25, 5, 30, tzinfo=UTC)),
        (3, 15, datetime(2026, 11, 24, 5, 30, tzinfo=UTC)),
        (5, 30, None),
        (12, 0, None),
    ],
)
def test_quiet_hours_may_go_past_midnight_in_any_time_zone(
    hour: int, minute: int, end: datetime | None
) -> None:
    quiet = QuietHours(23 * 60, 6 * 60 + 30, offset=60)
    assert quiet.end_after(datetime(2026, 11, 24, hour, minute, tzinfo=UTC)) == end
