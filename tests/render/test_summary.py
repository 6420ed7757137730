from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.concepts import Concept, Frame
from bot.domain.tagging import SecondRange
from bot.domain.timeline import build
from bot.render.summary import (
    MESSAGE_LIMIT,
    RefusedClip,
    Style,
    TaggedClip,
    plain,
    summarize,
)
from tests.storage.samples import make_tagging


def clip(name: str, *seconds: dict[str, float], threshold: float = 0.94) -> TaggedClip:
    frames = [
        Frame(at * 1000, tuple(Concept(n, s) for n, s in scores.items()))
        for at, scores in enumerate(seconds)
    ]
    built = build(frames, len(seconds) * 1000, threshold)
    return TaggedClip(name, built, make_tagging(tuple(frames)))


def test_the_summary_matches_the_documented_form() -> None:
    sloth = {"sloth": 0.992, "wildlife": 0.985, "fur": 0.971, "hand": 0.5}
    tree = {"sloth": 0.995, "tree": 0.9799}
    assert summarize([clip("sloth.gif", *[sloth] * 4, *[tree] * 11)]).content == (
        "**sloth.gif** · 15 s · tags above 0.94\n`0:00–0:04` sloth .99 · wildlife .98 "
        "· fur .97\n`0:04–0:15` sloth .99 · tree .97"
    )


def test_seconds_without_tags_share_one_line() -> None:
    content = summarize([clip("a.mp4", {"x": 0.99}, {}, {}, {"x": 0.99}, {})]).content
    assert content.splitlines()[-1] == "Nothing scored above 0.94 at 0:01–0:03, 0:04–0:05."


def test_seconds_that_could_not_be_read_are_named_once() -> None:
    shown = clip("a.mp4", {"x": 0.99}, {}, {}, {"x": 0.99}, {})
    tagging = replace(shown.tagging, unreadable=(SecondRange(2, 3), SecondRange(4, 5)))
    damaged = replace(shown, tagging=tagging)
    said = ["Nothing scored above 0.94 at 0:01–0:02.", "I couldn't read 0:02–0:03, 0:04–0:05."]
    assert summarize([damaged]).content.splitlines()[-2:] == said
    assert plain([damaged]).splitlines()[-2:] == said


def test_the_best_score_is_named_if_there_are_no_tags() -> None:
    content = summarize([clip("a.mp4", {"x": 0.3}, {"y": 0.934})]).content
    assert content == (
        "**a.mp4** · 2 s · tags above 0.94\nNothing scored above 0.94. The best match was y .93."
    )
    assert summarize([clip("a.mp4", {})]).content.endswith(
        "I couldn't make out anything in this clip."
    )


def test_a_refused_clip_is_listed_beside_a_tagged_one() -> None:
    content = summarize([RefusedClip("b.mp4", "It is broken."), clip("a.mp4", {"x": 0.99})]).content
    assert content.splitlines()[0] == "**b.mp4** · It is broken."
    assert "`0:00–0:01` x .99" in content


def test_text_that_does_not_fit_is_attached() -> None:
    seconds = [{f"tag number {at} of kind {kind}": 0.99 for kind in range(20)} for at in range(90)]
    summary = summarize([clip("long.mp4", *seconds)])
    assert len(summary.content) <= MESSAGE_LIMIT
    assert re.search("… and \\d+ more in tags\\.txt", summary.content)
    assert summary.attachment is not None
    for scores in seconds:
        assert all(name in summary.attachment for name in scores)


def test_a_long_clip_shows_its_strongest_ranges() -> None:
    seconds = [{f"tag {at}": 0.95, **({"cat": 0.991} if 20 <= at < 23 else {})} for at in range(40)]
    seconds[30] = {"dog": 0.999, "wolf": 0.998}
    summary = summarize([clip("long.mp4", *seconds)])
    lines = summary.content.splitlines()
    assert lines[1:3] == ["`0:20–0:23` cat .99", "`0:30–0:31` dog .99 · wolf .99"]
    assert len([line for line in lines if line.startswith("`")]) == 12
    assert lines[-1] == "… and 29 more in tags.txt"
    assert summary.attachment
    assert len(summary.attachment.splitlines()) > 40


def test_the_number_of_tags_per_line_is_a_setting() -> None:
    tags = {f"tag {number}": 0.99 for number in range(9)}
    summary = summarize([clip("a.mp4", tags)], Style(tags_a_line=2))
    assert summary.content.endswith("tag 0 .99 · tag 1 .99 · +7")
    assert summary.attachment is None


def test_shortened_lines_are_complete_in_the_attachment() -> None:
    seconds = [{f"tag {at} of kind {kind}": 0.99 for kind in range(40)} for at in range(4)]
    summary = summarize([clip("rich.mp4", *seconds)])
    assert summary.content.count(" · +32") == 4
    assert summary.attachment is not None
    assert all(name in summary.attachment for scores in seconds for name in scores)


def test_a_short_clip_stays_complete_beside_a_long_one() -> None:
    seconds = [{f"tag number {at} of kind {kind}": 0.99 for kind in range(9)} for at in range(90)]
    summary = summarize([clip("long.mp4", *seconds), clip("short.mp4", {"only this": 0.99})])
    assert "`0:00–0:01` only this .99" in summary.content
    assert "`0:00–0:01` tag number 0 of kind 0 .99 · tag number 0 of kind 1 .99" in summary.content


names = st.text(min_size=1, max_size=120)
clips = st.one_of(
    st.builds(RefusedClip, names, st.just("It is broken.")),
    st.builds(
        lambda name, seconds: clip(name, *seconds, threshold=0.2),
        names,
        st.lists(st.dictionaries(names, st.floats(0, 1), max_size=8), min_size=1, max_size=40),
    ),
)


@given(st.lists(clips, min_size=1, max_size=10))
def test_a_message_is_never_over_the_limit(reported: list[TaggedClip | RefusedClip]) -> None:
    summary = summarize(reported)
    assert 0 < len(summary.content.encode("utf-16-le")) // 2 <= MESSAGE_LIMIT


def test_plain_text_is_aligned() -> None:
    text = plain([clip("a.mp4", *[{"x": 0.99}] * 600, {"y": 0.99})])
    assert text == ("a.mp4 · 10:01 min · tags above 0.94\n 0:00–10:00  x .99\n10:00–10:01  y .99\n")
