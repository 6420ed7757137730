"""Everything made from a timeline agrees on which tags are shown in which second.

The HTML page, which finds segments itself, is tested in the same way in ``test_page.py``.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from bot.domain import timeline
from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.search import find_segments
from bot.domain.settings import Smoothing
from bot.domain.tagging import Tagging
from bot.i18n import ENGLISH
from bot.render import exports
from bot.render.picture import rows_of
from bot.render.summary import TaggedClip
from bot.render.tag_list import tag_pages

TAGS = ("cat", "dog", "sea")
# Few scores, so that many are dips and many are exactly at the threshold or half of it.
SCORES = st.sampled_from([0.2, 0.25, 0.3, 0.5, 0.6, 0.9])
CONCEPTS = st.builds(Concept, st.sampled_from(TAGS), SCORES)
FRAMES = st.lists(
    st.builds(Frame, st.integers(0, 11_000), st.lists(CONCEPTS, max_size=3).map(tuple)), max_size=20
)
SMOOTHINGS = st.builds(Smoothing, st.integers(0, 3), st.integers(1, 3))


def shown_seconds(
    frames: list[Frame], length: int, threshold: float, smoothing: Smoothing
) -> dict[str, set[int]]:
    """Apply the rule literally: a tag in a second, or in a dip between two such seconds."""
    raw: defaultdict[tuple[str, int], float] = defaultdict(float)
    for frame in frames:
        for concept in frame.concepts:
            key = concept.name, frame.second
            raw[key] = max(raw[key], concept.score)
    shown = {}
    for tag in TAGS:
        above = [at for at in range(length) if raw[tag, at] > threshold]
        runs: list[list[int]] = []
        for at in above:
            dip = list(range(runs[-1][-1] + 1, at)) if runs else []
            if runs and len(dip) <= smoothing.gap and all(raw[tag, d] > threshold / 2 for d in dip):
                runs[-1] += [*dip, at]
            else:
                runs.append([at])
        shown[tag] = {at for run in runs if len(run) >= smoothing.shortest for at in run}
    return {tag: seconds for tag, seconds in shown.items() if seconds}


def ranges(seconds: set[int]) -> list[tuple[int, int]]:
    starts = sorted(at for at in seconds if at - 1 not in seconds)
    ends = sorted(at + 1 for at in seconds if at + 1 not in seconds)
    return list(zip(starts, ends, strict=True))


@given(FRAMES, st.integers(1, 10), st.sampled_from([0.4, 0.5]), SMOOTHINGS)
def test_text_picture_exports_search_and_alerts_agree(
    frames: list[Frame], length: int, threshold: float, smoothing: Smoothing
) -> None:
    duration = length * 1000
    built = timeline.build(frames, duration, threshold, smoothing=smoothing)
    info = ClipInfo(ClipFormat.MP4, 1, duration, "sha256:a")
    clip = TaggedClip("a", built, Tagging(info, tuple(frames), TaggerIdentity("local", "m", 0.5)))
    expected = shown_seconds(frames, length, threshold, smoothing)

    assert {row.name: set(row.scores) for row in rows_of(built)} == expected
    exported = json.loads(exports.to_json(exports.tagged("a", clip.tagging, built)))
    seconds = {(tag["name"], s["second"]) for s in exported["seconds"] for tag in s["tags"]}
    assert seconds == {(tag, at) for tag, shown in expected.items() for at in shown}
    segments = {(s["tag"], s["start"], s["end"]) for s in exported["segments"]}
    assert segments == {(tag, *r) for tag, shown in expected.items() for r in ranges(shown)}
    rows = list(csv.reader(io.StringIO(exports.csv([clip]), newline="")))[1:]
    assert {(tag, int(start), int(end)) for _, tag, start, end, _ in rows} == segments
    text = "\n".join(page.text for page in tag_pages([clip], ENGLISH))
    for tag in TAGS:
        assert (f"\n{tag} " in text) == (tag in expected)
        found = find_segments(frames, duration, tag, threshold, smoothing)
        if tag in expected:
            # Searches and alerts also name segments that are too short, if the tag has no others.
            assert [(s.start, s.end) for s in found] == ranges(expected[tag])
