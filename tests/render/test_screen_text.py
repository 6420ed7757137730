from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from PIL import Image

from bot.domain import timeline
from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.outcome import Tagged
from bot.domain.settings import GuildSettings
from bot.domain.tagging import Tagging
from bot.domain.text_lines import TextLine
from bot.i18n import ENGLISH, Translator
from bot.render import exports
from bot.render.page import page
from bot.render.picture import describe, draw
from bot.render.report import make_report
from bot.render.screen_text import text_ranges
from bot.render.summary import MESSAGE_LIMIT, Style, TaggedClip, plain, summarize
from bot.services.reports import ReportBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence


TITLE = (TextLine("VICTORY ROYALE", 4, 8, 0.97), TextLine("#1 of 100", 5, 8, 0.9))
# What a stranger might show on the screen to be repeated by the bot.
EVIL = (
    TextLine("@everyone **<@123> [x](http://evil.example)** `rm`", 0, 9, 0.9),
    TextLine("\u202egnp.exe \x1b[31m</script><script>alert(1)</script>", 0, 20, 0.9),
    TextLine("=HYPERLINK(0) --> ||spoiler||", 11, 20, 0.9),
)


def clip(text: Sequence[TextLine], *names: str) -> TaggedClip:
    frames = tuple(
        Frame(second * 1000, tuple(Concept(name, 0.9) for name in names)) for second in range(20)
    )
    info = ClipInfo(ClipFormat.MP4, 1, 20_000, "sha256:a")
    tagging = Tagging(info, frames, TaggerIdentity("local", "m", 0.5), text=tuple(text))
    return TaggedClip("a.mp4", timeline.build(frames, 20_000, 0.5), tagging)


def test_a_reply_has_one_quiet_line_a_range() -> None:
    content = summarize([clip(TITLE, "cat")]).content
    assert content.splitlines()[1:] == [
        "`0:00–0:20` cat .90",
        '-# `0:04–0:08` "VICTORY ROYALE · \\#1 of 100"',
    ]
    german = summarize([clip(TITLE, "cat")], Style(Translator("de"))).content
    assert german.endswith("„VICTORY ROYALE · \\#1 of 100“")


def test_only_the_most_important_text_is_in_a_reply_and_shortened() -> None:
    lines = [TextLine(f"Line {number} " + "x" * 100, number, number + 1, 0.9) for number in (1, 5)]
    lines += [TextLine("It stays", 8, 19, 0.9), TextLine("ok", 11, 12, 0.9)]
    *_, first, second, third = summarize([clip(lines, "cat")]).content.splitlines()
    assert first.startswith('-# `0:01–0:02` "Line 1 xxx')
    assert first.endswith('x…"')
    assert second.startswith('-# `0:05–0:06` "Line 5')
    assert third == '-# `0:08–0:19` "It stays" · +1'


def test_a_clip_with_text_and_no_tags_says_both() -> None:
    report = make_report([clip(TITLE)])
    assert "VICTORY ROYALE" in report.content
    assert [file.name for file in report.files] == ["timeline.png"]


def test_strangers_text_does_nothing_in_a_reply() -> None:
    content = summarize([clip(EVIL, "cat")]).content
    assert r"\@everyone \*\*\<\@123\> \[x\]\(http\:\/\/evil.example\)\*\* \`rm\`" in content
    assert "\u202e" not in content
    assert "\x1b" not in content
    assert r"\|\|spoiler\|\|" in content


def test_a_wall_of_text_fits_into_a_message() -> None:
    wall = [TextLine("#" * 120, second, second + 1, 0.9) for second in range(20)]
    clips = [replace(clip(wall, *(f"tag{n}" for n in range(40))), name=str(n)) for n in range(10)]
    assert len(summarize(clips).content) <= MESSAGE_LIMIT


def test_all_text_is_in_the_plain_text_and_in_json() -> None:
    assert '0:04–0:08  "VICTORY ROYALE · #1 of 100"' in plain([clip(TITLE, "cat")])
    shown = clip(TITLE, "cat")
    assert exports.tagged("a", shown.tagging, shown.timeline)["text"] == [
        {"text": "VICTORY ROYALE", "start": 4, "end": 8, "score": 0.97},
        {"text": "#1 of 100", "start": 5, "end": 8, "score": 0.9},
    ]
    assert "text" not in exports.tagged("a", replace(shown.tagging, text=()), shown.timeline)


def test_csv_has_a_column_for_text_only_if_there_is_some() -> None:
    rows = exports.csv([clip(TITLE, "cat")]).splitlines()
    assert rows == [
        "clip,tag,start,end,score,text",
        "a.mp4,cat,0,20,0.9,",
        "a.mp4,,4,8,0.97,VICTORY ROYALE",
        "a.mp4,,5,8,0.9,#1 of 100",
    ]
    assert exports.csv([clip((), "cat")]).splitlines()[0] == "clip,tag,start,end,score"
    assert "a.mp4,,11,20,0.9,'=HYPERLINK(0) --> ||spoiler||" in exports.csv([clip(EVIL)])


def test_subtitles_have_cues_for_text_in_order_of_time() -> None:
    cues = exports.webvtt(clip((*TITLE, *EVIL[2:]), "cat")).split("\n\n")
    assert cues[1:3] == [
        "00:00:00.000 --> 00:00:20.000\ncat",
        '00:00:04.000 --> 00:00:08.000\n"VICTORY ROYALE · #1 of 100"',
    ]
    assert cues[3].strip().endswith('"=HYPERLINK(0) --&gt; ||spoiler||"')


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_lists_text_and_none_of_it_is_markup(language: str) -> None:
    shown = clip(EVIL, "cat")
    html = page("a", shown.tagging, shown.timeline, None, Translator(language))
    assert '<button type="button" data-start="11" data-end="20">' in html
    assert "<script>alert" not in html
    assert "\u202e" not in html
    empty = page("a", clip(()).tagging, shown.timeline, None, ENGLISH)
    assert 'id="text"' not in empty


def test_text_has_a_row_in_the_picture_and_in_its_description() -> None:
    with_text, without = clip(TITLE, "cat"), clip((), "cat")
    sizes = [
        Image.open(io.BytesIO(draw("a", each.timeline, text=each.tagging.text or ()))).size
        for each in (with_text, without)
    ]
    assert sizes[0] == (sizes[1][0], sizes[1][1] + 48)
    said = describe("a", with_text.timeline, text=TITLE)
    assert said == (
        'Timeline of a, 20 s: cat 0:00–0:20. Text on the screen: "VICTORY ROYALE · #1 of 100" '
        "0:04–0:08"
    )


def test_lines_that_stand_together_are_one_range() -> None:
    apart = [TextLine("one", 0, 3, 0.9), TextLine("two", 1, 4, 0.9), TextLine("three", 4, 9, 0.9)]
    assert [(each.start, each.end, each.text) for each in text_ranges(apart)] == [
        (0, 4, "one · two"),
        (4, 9, "three"),
    ]


async def test_a_server_can_switch_text_off() -> None:
    reports = ReportBuilder(*cast("Any", (None, None, None)))
    tagging = clip(TITLE, "cat").tagging
    on = await reports.clip(Tagged("a", ""), tagging, GuildSettings(1), 0.5)
    off = await reports.clip(Tagged("a", ""), tagging, GuildSettings(1, text=False), 0.5)
    assert on.tagging.text == TITLE
    assert off.tagging.text is None
