from __future__ import annotations

import pytest

from bot.domain.alerts import Alert, WatchMatch
from bot.domain.query import MAX_TERMS, MatchKind, QueryHit
from bot.domain.search import PAGE_SIZE
from bot.domain.search_results import Reason, SearchPage, SearchResult
from bot.domain.timeline import Segment
from bot.i18n import ENGLISH, LANGUAGES, Translator
from bot.render.search_results import (
    alert_text,
    format_ranges,
    page_heading,
    page_lines,
    result_line,
)
from bot.render.summary import MESSAGE_LIMIT

MAX_ID = 2**63 - 1
SEGMENTS = tuple(Segment("*" * 100, start, start + 10, 0.987) for start in range(600, 1200, 20))


def test_the_best_ranges_are_listed_by_time() -> None:
    scores = (0.6, 0.9, 0.5, 0.8, 0.7)
    segments = [Segment("cat", 10 * n, 10 * n + 3, score) for n, score in enumerate(scores)]
    assert format_ranges(segments) == "0:10–0:13, 0:30–0:33, 0:40–0:43 +2"
    assert format_ranges(segments[:1]) == "0:00–0:03"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_page_and_alert_fit_into_a_message(language: str) -> None:
    translate = Translator(language)
    ids = {
        "message_id": MAX_ID,
        "guild_id": MAX_ID,
        "channel_id": MAX_ID,
        "author_id": MAX_ID,
    }
    hit = QueryHit(**ids, fingerprint="", matches=(), position=10, clips=10)
    kinds = (MatchKind.TAG, MatchKind.TEXT, MatchKind.SENTENCE, MatchKind.SYNONYM)
    reasons = tuple(Reason(kinds[number % 4], "*" * 100, SEGMENTS) for number in range(MAX_TERMS))
    found = (SearchResult(hit, reasons),) * PAGE_SIZE
    page = SearchPage("*" * 150, found, 10**6, 10**5 - 1, more=True)
    lines = page_lines(translate, page, MAX_ID)
    assert len(lines) == PAGE_SIZE
    assert len("\n".join([page_heading(translate, page), *lines])) <= MESSAGE_LIMIT
    matches = (WatchMatch("*" * 100, 10, SEGMENTS),) * 250
    alert = Alert(MAX_ID, MAX_ID, MAX_ID, MAX_ID, MAX_ID, 10, matches, linked_id=MAX_ID)
    assert len(alert_text(translate, alert)) <= MESSAGE_LIMIT


def result(*reasons: Reason) -> str:
    hit = QueryHit(9, 1, 2, None, "", ())
    return result_line(ENGLISH, SearchResult(hit, reasons), most=4).split(" · <#2>")[0]


def shown(name: str, *ranges: tuple[int, int], kind: MatchKind = MatchKind.TAG) -> Reason:
    return Reason(kind, name, tuple(Segment(name, *each, 0.97) for each in ranges))


def test_a_result_says_why() -> None:
    link = "<https://discord.com/channels/1/2/9>"
    text = shown("VICTORY ROYALE", (42, 44), kind=MatchKind.TEXT)
    cat, piano = shown("cat", (1, 3), (5, 8)), shown("piano", (6, 9))
    assert result(cat) == f"[0:01–0:03, 0:05–0:08]({link}) cat .97"
    assert result(text) == f"[0:42–0:44]({link}) text: VICTORY ROYALE"
    assert result(cat, piano) == f"[0:06–0:08]({link}) cat .97 and piano .97"
    apart = f"[0:01–0:03, 0:05–0:08]({link}) cat .97 · 0:42–0:44 text: VICTORY ROYALE"
    assert result(cat, text) == apart
    assert (
        result(Reason(MatchKind.FILE_NAME, "a_cat.mp4"))
        == f"[this message]({link}) file: a\\_cat.mp4"
    )
    assert result() == f"[this message]({link})"
    assert result(cat, Reason(MatchKind.SENTENCE, "A cat.")).endswith(
        "cat .97 and description: A cat."
    )
    many = [shown(name, (1, 3)) for name in "abcdef"]
    assert result(*many, *many).endswith("a .97, b .97, c .97 and d .97 · 2 more")
