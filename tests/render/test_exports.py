from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import timeline
from bot.domain.concepts import Concept, Frame
from bot.domain.tagging import SecondRange
from bot.render import exports
from bot.render.summary import TaggedClip
from tests.storage.samples import make_tagging

NAMES = st.text(min_size=1, max_size=30)


def clip(name: str, *seconds: dict[str, float]) -> TaggedClip:
    frames = [
        Frame(second * 1000, tuple(Concept(*scored) for scored in scores.items()))
        for second, scores in enumerate(seconds)
    ]
    built = timeline.build(frames, len(seconds) * 1000, 0.5)
    return TaggedClip(name, built, make_tagging(tuple(frames)))


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv_has_a_row_for_each_segment_of_every_clip() -> None:
    text = exports.csv(
        [
            clip("a.mp4", {"cat": 0.9}, {"cat": 0.95, 'a "big", dog': 0.6}),
            clip("b.mp4", {"sea": 0.8}),
        ]
    )
    assert text == (
        "clip,tag,start,end,score\r\n"
        "a.mp4,cat,0,2,0.95\r\n"
        'a.mp4,"a ""big"", dog",1,2,0.6\r\n'
        "b.mp4,sea,0,1,0.8\r\n"
    )


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\r=", " =", "\uff1d", "\u200b="])
def test_csv_cells_are_never_formulas(begin: str) -> None:
    evil = f'{begin}HYPERLINK("http://127.0.0.1","x")'
    _, row = read(exports.csv([clip(evil, {evil: 0.9})]))
    assert [cell[0] for cell in row[:2]] == ["'", "'"]


@given(NAMES, NAMES)
def test_csv_round_trips_with_any_names(name: str, tag: str) -> None:
    rows = read(exports.csv([clip(name, {tag: 0.9})]))
    assert [len(row) for row in rows] == [5, 5]
    assert rows[1][2:] == ["0", "1", "0.9"]
    assert not rows[1][0].startswith(tuple("=+-@\t\r"))


def test_webvtt_has_a_cue_for_each_span() -> None:
    text = exports.webvtt(
        clip("a.mp4", {"cat": 0.9}, {"cat": 0.8, "R&B <i>": 0.95}, {}, {"--> 00:09": 0.7})
    )
    assert text == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.000\ncat\n\n"
        "00:00:01.000 --> 00:00:02.000\nR&amp;B &lt;i&gt; · cat\n\n"
        "00:00:03.000 --> 00:00:04.000\n--&gt; 00:09\n"
    )


def test_webvtt_handles_hours_and_empty_clips() -> None:
    long = exports.webvtt(clip("a.mp4", *[{"cat": 0.9}] * 3723))
    assert long == "WEBVTT\n\n00:00:00.000 --> 01:02:03.000\ncat\n"
    assert exports.webvtt(clip("a.mp4", {})) == "WEBVTT\n"


@given(NAMES)
def test_tag_names_cannot_end_or_start_a_cue(tag: str) -> None:
    lines = exports.webvtt(clip("a.mp4", {tag: 0.9}, {"cat": 0.9})).split("\n")
    assert len(lines) == (8 if tag != "cat" else 5)
    assert [line for line in lines if "-->" in line] == lines[2::3]
    assert not any(bad in lines[3] for bad in "<>\r\x0b\x0c\x85\u2028\u2029")


def test_json_names_seconds_that_could_not_be_read_only_if_there_are_any() -> None:
    shown = clip("a.mp4", {"cat": 0.9})
    assert "unreadable" not in exports.tagged("a.mp4", shown.tagging, shown.timeline)
    damaged = replace(shown.tagging, unreadable=(SecondRange(4, 6),))
    told = exports.tagged("a.mp4", damaged, shown.timeline)
    assert told["unreadable"] == [{"start": 4, "end": 6}]


def test_json_mentions_a_proxy_only_if_there_was_one() -> None:
    shown = clip("a.mp4", {"cat": 0.9})
    assert "proxied" not in exports.tagged("a.mp4", shown.tagging, shown.timeline)
    proxied = replace(shown.tagging, proxied=True)
    assert exports.tagged("a.mp4", proxied, shown.timeline)["proxied"] is True


def test_json_is_one_line_without_escapes() -> None:
    line = exports.to_json({"clip": "猫\n.mp4"})
    assert line == '{"clip": "猫\\n.mp4"}'
    assert json.loads(line) == {"clip": "猫\n.mp4"}
