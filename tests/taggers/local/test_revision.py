"""Stored taggings are reused until the revision changes, so it must change when results do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.taggers.local.identity import REVISION
from scripts.record_revision import CLIPS, RECORDING, observe, observe_made_up

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORDED = json.loads(RECORDING.read_text())
MIN_SCORE = 0.3  # lower scores are never shown at the default threshold, nor smoothed upwards
TOLERANCE = 0.02  # processors and builds of FFmpeg round differently
ADVICE = "raise REVISION in bot/taggers/local/identity.py, then run scripts/record_revision.py"


def test_the_recording_is_of_the_current_revision() -> None:
    assert RECORDED["revision"] == REVISION, "run scripts/record_revision.py"
    assert RECORDED["clips"].keys() == CLIPS.keys()


@pytest.mark.parametrize("clip", CLIPS)
def test_results_change_only_with_the_revision(clip: str) -> None:
    recorded, observed = RECORDED["clips"][clip], observe(clip, CLIPS[clip])
    assert [frame["time"] for frame in observed] == [frame["time"] for frame in recorded], ADVICE
    for before, now in zip(recorded, observed, strict=True):
        assert differences(before["scores"], now["scores"]) == {}, ADVICE


def test_computing_scores_changes_only_with_the_revision() -> None:
    for before, now in zip(RECORDED["made up"], observe_made_up(), strict=True):
        assert differences(before, now, 0.001) == {}, ADVICE


def differences(
    before: Mapping[str, float], now: Mapping[str, float], tolerance: float = TOLERANCE
) -> dict[str, tuple[float, float]]:
    """Return the scores that changed by more than the tolerance."""
    pairs = {name: (before.get(name, 0.0), now.get(name, 0.0)) for name in before.keys() | now}
    return {
        name: pair
        for name, pair in pairs.items()
        if max(pair) >= MIN_SCORE and abs(pair[0] - pair[1]) > tolerance
    }
