"""The video track that players show is the one that is tagged."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.stream import VideoStream

from bot.domain.clip import ClipFormat
from bot.media.decode.container import open_clip, picture_track

if TYPE_CHECKING:
    from pathlib import Path

MUXERS = {ClipFormat.MP4: "mp4", ClipFormat.MKV: "matroska"}
FIRST, SECOND = 64, 80  # the tracks' widths


def chosen(path: Path, clip_format: ClipFormat, *tracks: tuple[int, bool]) -> int:
    """Write tracks of so many pictures, default or not; return the width of the chosen one."""
    with av.open(str(path), "w", format=MUXERS[clip_format]) as container:
        added = []
        for width, (_, default) in zip((FIRST, SECOND), tracks, strict=True):
            track = container.add_stream("libx264", rate=10)
            assert isinstance(track, VideoStream)
            track.width, track.height, track.pix_fmt = width, 48, "yuv420p"
            track.disposition = Disposition.default if default else Disposition.hearing_impaired
            added.append(track)
        for track, (pictures, _) in zip(added, tracks, strict=True):
            for number in range(pictures):
                grey = np.full((48, track.width, 3), 90, np.uint8)
                frame = av.VideoFrame.from_ndarray(grey, "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    with open_clip(path, clip_format) as opened:
        return picture_track(opened).width


@pytest.mark.parametrize("clip_format", MUXERS)
def test_the_default_track_comes_before_others(clip_format: ClipFormat, tmp_path: Path) -> None:
    assert chosen(tmp_path / "a", clip_format, (9, False), (9, True)) == SECOND
    assert chosen(tmp_path / "b", clip_format, (9, True), (9, False)) == FIRST
    assert chosen(tmp_path / "c", clip_format, (9, True), (9, True)) == FIRST


@pytest.mark.parametrize("clip_format", MUXERS)
def test_a_moving_track_comes_before_a_still_one(clip_format: ClipFormat, tmp_path: Path) -> None:
    assert chosen(tmp_path / "a", clip_format, (1, True), (9, False)) == SECOND
    assert chosen(tmp_path / "b", clip_format, (9, False), (1, True)) == FIRST
    assert chosen(tmp_path / "c", clip_format, (1, True), (1, False)) == FIRST
