from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from bot.domain.kind import Kind
from bot.domain.outcome import Tagged
from bot.domain.settings import GuildSettings
from bot.i18n import ENGLISH, Translator
from bot.render import exports
from bot.render.description import describe_clip
from bot.render.page import page
from bot.render.summary import plain, summarize
from bot.services.reports import ReportBuilder
from tests.render.test_description import CAT, ROCKET, clip_of, tagging_of

GAME = {"video game": 0.99}
GAMING = replace(tagging_of(*[CAT | GAME] * 4, *[GAME] * 4, *[ROCKET | GAME] * 8), kind=Kind.GAME)


def test_the_kind_is_in_the_heading_the_page_and_the_json() -> None:
    clip = clip_of(GAMING)
    heading = "16 s · tags above 0.5 · video game\n"
    assert heading in summarize([clip]).content
    assert heading in plain([clip])
    html = page("a.mp4", GAMING, clip.timeline, None, ENGLISH)
    assert "16 s · video game · " in html
    assert exports.tagged("a.mp4", GAMING, clip.timeline)["kind"] == "video game"


def test_a_photographed_clip_is_only_named_so_in_the_json() -> None:
    tagging = replace(tagging_of(CAT), kind=Kind.PHOTO)
    clip = clip_of(tagging)
    assert "photo" not in summarize([clip]).content
    assert describe_clip(tagging, clip.timeline) == "1 s: cat."
    assert exports.tagged("a.mp4", tagging, clip.timeline)["kind"] == "photo"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "A video game, 16 s: cat, then rocket."),
        ("de", "Ein Videospiel, 16 s: cat, dann rocket."),
        ("fr", "Un jeu vidéo, 16 s : cat, puis rocket."),
        ("es", "Un videojuego, 16 s: cat, luego rocket."),
    ],
)
def test_the_description_begins_with_the_kind(language: str, sentence: str) -> None:
    assert describe_clip(GAMING, clip_of(GAMING).timeline, None, Translator(language)) == sentence


def test_a_kind_alone_describes_a_clip() -> None:
    tagging = replace(tagging_of(GAME), kind=Kind.GAME)
    assert describe_clip(tagging, clip_of(tagging).timeline) == "A video game, 1 s."


async def test_a_kind_is_not_told_if_its_tag_is_hidden() -> None:
    reports = ReportBuilder(*cast("Any", (None, None, None)))
    hiding = GuildSettings(1, hidden_tags=frozenset({"Video Game"}))
    shown = await reports.clip(Tagged("a", ""), GAMING, hiding, 0.5)
    (exported, *_) = exports.export_files([shown], {}, hiding, ENGLISH)
    for written in (summarize([shown]).content, json.dumps(str(exported.content))):
        assert "video game" not in written.lower()
