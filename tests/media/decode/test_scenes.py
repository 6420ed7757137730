"""A second shows a picture of the scene that fills most of it, wherever keyframes are."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from bot.domain.clip import ClipFormat
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RATE = 25
X264 = {"preset": "ultrafast"}
CODECS = {
    "keyframes at cuts": ("libx264", {"g": "250", "preset": "medium"}),
    "keyframes at cuts only by chance": ("libx264", {"g": "45", "sc_threshold": "0"}),
    "one keyframe": ("libx264", {"g": "999", "sc_threshold": "0"}),
    "B-frames": ("libx264", {"g": "999", "sc_threshold": "0", "bf": "3", "preset": "medium"}),
    "VP9": ("libvpx-vp9", {"g": "250", "cpu-used": "8", "deadline": "realtime"}),
}


def scenes(path: Path, codec: str, options: dict[str, str], ends: Sequence[float]) -> list[int]:
    """Write scenes, each a still landscape; return the number of the scene each second shows."""
    chance = np.random.default_rng(5)
    pictures = [chance.integers(0, 255, (6, 8, 3), np.uint8) for _ in ends]
    pictures = [each.repeat(24, 0).repeat(24, 1) for each in pictures]
    with av.open(str(path), "w", format="matroska") as container:
        track = container.add_stream(codec, rate=RATE, options={**X264, **options})
        assert isinstance(track, VideoStream)
        track.width, track.height, track.pix_fmt = 192, 144, "yuv420p"
        for number in range(round(ends[-1] * RATE)):
            scene = next(n for n, end in enumerate(ends) if number / RATE < end - 1e-6)
            frame = av.VideoFrame.from_ndarray(pictures[scene], "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    found = sample(path, ClipFormat.MKV, seconds=round(ends[-1]), views=[View(144)])
    return [
        min(range(len(ends)), key=lambda n: np.abs(f.pictures[0] - pictures[n].astype(int)).mean())
        for f in found
    ]


@pytest.mark.parametrize("name", CODECS)
def test_a_second_shows_the_scene_that_fills_most_of_it(name: str, tmp_path: Path) -> None:
    codec, options = CODECS[name]
    # 80 % and 60 % before a cut, 20 % and 40 % after one, and three scenes in one second
    assert scenes(tmp_path / "a", codec, options, [1.8, 4.0]) == [0, 0, 1, 1]
    assert scenes(tmp_path / "b", codec, options, [0.6, 2.2, 4.0]) == [0, 1, 2, 2]
    assert scenes(tmp_path / "c", codec, options, [1.4, 3.0]) == [0, 1, 1]
    assert scenes(tmp_path / "d", codec, options, [1.2, 1.72, 3.0]) == [0, 1, 2]
    assert scenes(tmp_path / "e", codec, options, [2.2, 3.0]) == [0, 0, 1]
