"""Skipping packets changes no picture: each is the same as when everything is decoded."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.clip import ClipFormat
from bot.errors import Damaged
from bot.media.decode.container import picture_bytes
from bot.media.decode.decode_plan import DecodeRun, PlannedPicture
from bot.media.decode.packet_index import may_skip
from bot.media.decode.sampling import _pick_wanted, sample
from bot.media.decode.scaling import FrameScaler, View
from tests.conftest import CLIPS
from tests.media import made_clips
from tests.media.moving_clips import Way, moving_clip, remuxed

if TYPE_CHECKING:
    from pathlib import Path

    from av.packet import Packet
    from av.video.stream import VideoStream

    from bot.media.decode.scaling import Picture
    from bot.media.decode.source import SampledFrame

VIEWS = [View(32)]
SWIFT = (("cpu-used", "5"), ("lag-in-frames", "16"))
QUIET = ("x265-params", "log-level=none:keyint=60:bframes=3")


def h264(**options: object) -> Way:
    named = tuple((name.replace("_", "-"), str(value)) for name, value in options.items())
    return Way(ClipFormat.MP4, "libx264", named)


UNPLANNED = "no keyframes, intra refresh"
WAYS = {
    "frequent keyframes": h264(g=12, bf=3),
    "a keyframe every second": h264(g=25, bf=0),
    "a keyframe every two seconds": h264(g=50, bf=3),
    "one keyframe": h264(g=999, bf=3),
    "open groups": h264(g=30, bf=3, x264_params="open-gop=1:keyint=30"),
    "open groups at a slow pace": Way(
        ClipFormat.MKV,
        "libx264",
        (("bf", "3"), ("x264-params", "open-gop=1:keyint=8:min-keyint=4")),
        times=range(0, 50_000, 700),
    ),
    "begun in the middle by an edit list": Way(
        ClipFormat.MP4, "libx264", (("g", "50"), ("bf", "3")), times=range(-1000, 4000, 40)
    ),
    UNPLANNED: h264(g=30, bf=0, intra_refresh=1),
    "interlaced": h264(g=40, bf=2, x264_params="tff=1"),
    "HEVC": Way(ClipFormat.MP4, "libx265", (QUIET,)),
    "HEVC in layers": Way(
        ClipFormat.MKV, "libx265", ((QUIET[0], f"{QUIET[1]}:temporal-layers=2"),)
    ),
    "VP8": Way(ClipFormat.WEBM, "libvpx", (("g", "60"), ("auto-alt-ref", "1"), *SWIFT)),
    "VP9": Way(ClipFormat.WEBM, "libvpx-vp9", (("g", "60"), *SWIFT)),
    "AV1": Way(ClipFormat.MP4, "libsvtav1", (("g", "60"), ("preset", "12"))),
    "MPEG-4": Way(ClipFormat.MOV, "mpeg4", (("g", "30"), ("bf", "2"))),
    "MPEG-4 without times": Way(ClipFormat.AVI, "mpeg4", (("g", "30"), ("bf", "2"))),
    "MPEG-2": Way(ClipFormat.MKV, "mpeg2video", (("g", "40"), ("bf", "2"))),
    "Motion JPEG": Way(ClipFormat.AVI, "mjpeg", pixels="yuvj420p"),
    "ProRes": Way(ClipFormat.MOV, "prores", pixels="yuv422p10le"),
    "GIF": Way(ClipFormat.GIF, "gif", pixels="rgb8", times=range(0, 5000, 100)),
}


def everything(path: Path) -> dict[int, list[Picture]]:
    """Return every picture of a clip by its time in milliseconds, decoded by plain PyAV."""
    found: dict[int, list[Picture]] = {}
    with av.open(str(path)) as container:
        track = container.streams.video[0]
        scaler = FrameScaler(
            VIEWS, track.width * float(track.sample_aspect_ratio or 1), track.height
        )
        packets = (each for each in container.demux(track) if each.size or each.dts is None)
        frames = [frame for packet in packets for frame in packet.decode() if frame.pts is not None]
        first = min(0, *(frame.time for frame in frames))
        for frame in frames:
            found.setdefault(round((frame.time - first) * 1000), []).append(scaler.scale(frame)[0])
    return found


def check(path: Path, clip_format: ClipFormat) -> list[SampledFrame]:
    """Compare a clip's samples with full decoding; return the samples."""
    pictures = everything(path)
    seconds = -(-(max(pictures) + 1) // 1000)
    found = list(sample(path, clip_format, seconds=seconds, views=VIEWS))
    assert [frame.second for frame in found] == list(range(seconds))
    for frame in found:
        on_screen = max(time for time in pictures if time <= max(0, frame.second * 1000 + 500))
        assert frame.time == on_screen or frame.time // 1000 == frame.second
        assert any(np.array_equal(each, frame.pictures[0]) for each in pictures[frame.time])
    return found


@pytest.mark.parametrize("name", WAYS)
def test_pictures_are_those_of_full_decoding(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bot.media.decode.sampling")
    way = WAYS[name]
    check(moving_clip(tmp_path / "clip", way), way.format)
    assert bool(caplog.records) == (name == UNPLANNED)


@pytest.mark.parametrize("clip_format", list(made_clips.WAYS))
def test_pictures_of_every_container_are_those_of_full_decoding(clip_format: ClipFormat) -> None:
    assert len(check(CLIPS / f"montage.{clip_format}", clip_format)) == 16


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    codec=st.sampled_from(["libx264", "libx264", "libvpx", "libvpx-vp9"]),
    distance=st.integers(1, 80),
    between=st.integers(0, 4),
    pauses=st.lists(st.sampled_from([17, 33, 40, 100, 700, 2500]), min_size=3, max_size=70),
)
def test_pictures_of_a_variable_frame_rate_are_those_of_full_decoding(
    codec: str, distance: int, between: int, pauses: list[int], tmp_path: Path
) -> None:
    times = [sum(pauses[:number]) for number in range(len(pauses))]
    own = [("bf", str(between))] if codec == "libx264" else SWIFT
    way = Way(ClipFormat.MKV, codec, (("g", str(distance)), *own), times=times)
    check(moving_clip(tmp_path / "clip", way), ClipFormat.MKV)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "libvpx", "libvpx-vp9"])
def test_packets_falsely_marked_as_keyframes_are_not_trusted(codec: str, tmp_path: Path) -> None:
    def claim(number: int, packet: Packet[VideoStream]) -> bool:
        packet.is_keyframe = packet.is_keyframe or number % 3 == 0
        return True

    options = (QUIET,) if codec == "libx265" else (("g", "70"), *(SWIFT if "vpx" in codec else ()))
    source_format = ClipFormat.WEBM if codec.startswith("libvpx") else ClipFormat.MP4
    source = moving_clip(tmp_path / "source", Way(source_format, codec, options))
    check(remuxed(source, tmp_path / "clip", claim), ClipFormat.MKV)


def test_a_keyframe_must_decode_as_a_keyframe(tmp_path: Path) -> None:
    path = moving_clip(tmp_path / "clip", WAYS["one keyframe"])
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    scaler = FrameScaler(VIEWS, frames[0].width, frames[0].height)
    for frame in frames:
        run = DecodeRun(0, frame.pts or 0, 0, [PlannedPicture(0, 0, frame.pts or 0, 0)])
        if frame is frames[0]:
            assert list(_pick_wanted(run, iter([frame]), scaler))
        else:
            with pytest.raises(Damaged):
                list(_pick_wanted(run, iter([frame]), scaler))


@pytest.mark.parametrize(
    ("pixels", "bytes_"),
    [("yuv420p", 64 * 48 * 3 // 2), ("yuv420p10le", 64 * 48 * 3), ("yuv444p", 64 * 48 * 3)],
)
def test_memory_of_a_picture_depends_on_its_pixel_format(
    pixels: str, bytes_: int, tmp_path: Path
) -> None:
    path = moving_clip(tmp_path / "clip", Way(ClipFormat.MKV, "libx264", pixels=pixels))
    with av.open(str(path)) as container:
        track = container.streams.video[0]
        scale = track.width * track.height / (64 * 48)
        assert picture_bytes(track) == bytes_ * scale


@pytest.mark.parametrize(
    ("name", "may"), [("one keyframe", True), ("HEVC", True), ("HEVC in layers", False)]
)
def test_reference_pictures_are_not_skipped(name: str, *, may: bool, tmp_path: Path) -> None:
    path = moving_clip(tmp_path / "clip", WAYS[name])
    with av.open(str(path)) as container:
        assert may_skip(container.streams.video[0]) == may


def test_a_keyframe_within_the_second_is_enough(tmp_path: Path) -> None:
    way = WAYS["a keyframe every second"]
    found = check(moving_clip(tmp_path / "clip", way), way.format)
    assert [frame.time for frame in found] == [0, 1000, 2000, 3000, 4000]


def test_the_middle_picture_is_used_if_it_is_decoded_anyway(tmp_path: Path) -> None:
    way = h264(g=50, bf=0)  # it ends at the start of the second second
    found = check(moving_clip(tmp_path / "clip", way), way.format)
    assert [frame.time for frame in found] == [480, 1000, 2480, 3000, 4000]


def test_lost_packets_do_not_fail_the_clip(tmp_path: Path) -> None:
    source = moving_clip(tmp_path / "source", h264(g=30, bf=0))
    path = remuxed(source, tmp_path / "clip", lambda number, _: number % 4 != 3)
    found = list(sample(path, ClipFormat.MKV, seconds=5, views=VIEWS))
    assert [frame.second for frame in found] == list(range(5))
