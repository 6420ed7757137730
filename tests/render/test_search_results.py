from __future__ import annotations

import pytest

from bot.domain.alerts import Alert, WatchMatch
from bot.domain.concepts import TaggerIdentity
from bot.domain.search import PAGE_SIZE, SearchHit
from bot.domain.timeline import Segment
from bot.i18n import LANGUAGES, Translator
from bot.render.sanitize import for_discord
from bot.render.search_results import alert_text, format_ranges, result_line
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
    tagger = TaggerIdentity("local", "net", 0.5)
    ids = {
        "message_id": MAX_ID,
        "guild_id": MAX_ID,
        "channel_id": MAX_ID,
        "author_id": MAX_ID,
    }
    facts = {"score": 0.9, "threshold": 0.5, "position": 10, "clips": 10}
    hit = SearchHit(**ids, fingerprint="", tagger=tagger, **facts)  # type: ignore[arg-type]  # fields of several types
    heading = translate("**{tag}** in {count} clips", tag=for_discord("*" * 100, 40), count=10**6)
    where = translate("Page {number} of {count}", number=10**5, count=10**5)
    lines = [result_line(translate, hit, "*" * 100, SEGMENTS)] * PAGE_SIZE
    assert len("\n".join([f"{heading} · {where}", *lines])) <= MESSAGE_LIMIT
    matches = (WatchMatch("*" * 100, 10, SEGMENTS),) * 250
    alert = Alert(MAX_ID, MAX_ID, MAX_ID, MAX_ID, MAX_ID, 10, matches, linked_id=MAX_ID)
    assert len(alert_text(translate, alert)) <= MESSAGE_LIMIT
