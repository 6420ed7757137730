from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from bot.domain.clip import ClipFormat
from bot.errors import Damaged, NotAVideo
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from tests.conftest import CLIPS
from tests.media.made_clips import WAYS, Recipe, gif, growing_clip, make_clip

if TYPE_CHECKING:
    from pathlib import Path

    from bot.media.decode.source import SampledFrame

TIMES = Recipe(ClipFormat.GIF, pictures=54)  # 5.4 s with ten pictures per second
# ISO 14496-12 section 8.3.2: how far the matrix of a track header (version 0) is from its type
MATRIX = 44
QUARTER_TURN = (0, 0x00010000, 0, -0x00010000, 0, 0, 0, 0, 0x40000000)  # clockwise
MIRROR = (-0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000)
ROUNDED_TURN = (52, 0x00010000, 0, -0x00010000, 52, 0, 0, 0, 0x40000000)
MIRRORED_TURN = (0, 0x00010000, 0, 0x00010000, 0, 0, 0, 0, 0x40000000)
ODD_ANGLE = (0xB504, 0xB504, 0, -0xB504, 0xB504, 0, 0, 0, 0x40000000)  # 45 degrees


def frames(path: Path, clip_format: ClipFormat, seconds: int) -> list[SampledFrame]:
    return list(sample(path, clip_format, seconds=seconds, views=[View(32)]))


def half_dark(path: Path) -> Path:
    """Write a wide clip whose left half is black and whose right half is white."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, 32:] = 255
    with av.open(str(path), "w", format="mp4") as container:
        track = container.add_stream("libx264", rate=10)
        assert isinstance(track, VideoStream)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def turn(path: Path, matrix: tuple[int, ...] = QUARTER_TURN) -> Path:
    """Put a display matrix into a clip's track header, as phones do."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + MATRIX
    content[place : place + 36] = b"".join(n.to_bytes(4, "big", signed=True) for n in matrix)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("clip_format", list(WAYS))
def test_every_container_gives_a_frame_of_each_second(clip_format: ClipFormat) -> None:
    found = frames(CLIPS / f"montage.{clip_format}", clip_format, 16)
    assert [frame.second for frame in found] == list(range(16))
    assert [frame.time // 1000 for frame in found] == list(range(16))
    assert {frame.pictures[0].shape[0] for frame in found} == {32}
    assert {frame.pictures[0].dtype for frame in found} == {np.dtype(np.uint8)}


def test_a_second_is_represented_by_the_picture_in_its_middle(tmp_path: Path) -> None:
    found = frames(make_clip(tmp_path / "clip", replace(TIMES, pictures=50)), ClipFormat.GIF, 5)
    assert [frame.time for frame in found] == [500, 1500, 2500, 3500, 4500]


def test_a_last_second_without_a_middle_has_its_last_picture(tmp_path: Path) -> None:
    found = frames(make_clip(tmp_path / "clip", TIMES), ClipFormat.GIF, 6)
    assert [(frame.second, frame.time) for frame in found][-2:] == [(4, 4500), (5, 5300)]


def test_a_single_picture_is_one_frame(tmp_path: Path) -> None:
    found = frames(make_clip(tmp_path / "clip", replace(TIMES, pictures=1)), ClipFormat.GIF, 1)
    assert [(frame.second, frame.time) for frame in found] == [(0, 0)]


def test_no_more_seconds_are_sampled_than_requested(tmp_path: Path) -> None:
    assert len(frames(make_clip(tmp_path / "clip", TIMES), ClipFormat.GIF, 2)) == 2


def test_a_step_leaves_seconds_out(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip", TIMES)
    found = list(sample(path, ClipFormat.GIF, seconds=6, views=[View(32)], step=5))
    assert [(frame.second, frame.time) for frame in found] == [(0, 500), (5, 5300)]


def test_each_view_has_its_picture(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip", TIMES)  # 64 by 48
    views = [View(32, whole=True), View(32), View(16)]
    (found,) = sample(path, ClipFormat.GIF, seconds=1, views=views)
    assert [picture.shape for picture in found.pictures] == [(24, 32, 3), (32, 43, 3), (16, 21, 3)]


def test_a_picture_serves_every_second_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "clip.gif"
    path.write_bytes(gif([500, 40]))
    found = frames(path, ClipFormat.GIF, 6)
    assert [(frame.second, frame.time) for frame in found] == [
        *((second, 0) for second in range(5)),
        (5, 5000),
    ]


@pytest.mark.parametrize("clip_format", [ClipFormat.MP4, ClipFormat.MKV, ClipFormat.OGG])
def test_pictures_are_at_the_seconds_where_browsers_show_them(
    clip_format: ClipFormat, tmp_path: Path
) -> None:
    late = make_clip(tmp_path / "late", Recipe(clip_format, pictures=20, start=3, sound=1.0))
    early = make_clip(tmp_path / "early", Recipe(clip_format, pictures=20))
    shown = [frame.pictures[0].mean().round() for frame in frames(early, clip_format, 2)]
    found = frames(late, clip_format, 5)
    assert [frame.time // 1000 for frame in found] == [0, 1, 2, 3, 4]
    assert [frame.pictures[0].mean().round() for frame in found[3:]] == shown
    assert {frame.pictures[0].mean().round() for frame in found[:3]} == {0}  # the first picture


def test_a_live_streams_clock_is_left_out(tmp_path: Path) -> None:
    late = make_clip(tmp_path / "late", Recipe(ClipFormat.MKV, pictures=20, start=3600))
    assert [frame.time // 1000 for frame in frames(late, ClipFormat.MKV, 2)] == [0, 1]


def test_a_rotated_clip_is_shown_upright(tmp_path: Path) -> None:
    path = half_dark(tmp_path / "clip.mp4")
    (lying,) = frames(path, ClipFormat.MP4, 1)
    (upright,) = frames(turn(path), ClipFormat.MP4, 1)
    assert lying.pictures[0].shape == (32, 43, 3)
    assert upright.pictures[0].shape == (43, 32, 3)
    assert upright.pictures[0][:15].mean() < 40  # the left side is now at the top
    assert upright.pictures[0][-15:].mean() > 200


@pytest.mark.parametrize(
    ("matrix", "dark"),
    [
        (MIRROR, "right"),
        (ROUNDED_TURN, "top"),
        (MIRRORED_TURN, "top"),
        (ODD_ANGLE, "left"),
    ],
)
def test_mirrors_and_turns_are_applied_as_in_players(
    matrix: tuple[int, ...], dark: str, tmp_path: Path
) -> None:
    path = turn(half_dark(tmp_path / "clip.mp4"), matrix)
    (found,) = frames(path, ClipFormat.MP4, 1)
    picture = found.pictures[0]
    sides = {
        "left": picture[:, :12],
        "right": picture[:, -12:],
        "top": picture[:12],
    }
    assert sides[dark].mean() < 40


def test_a_file_with_only_sound_is_not_a_video(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip", Recipe(ClipFormat.MP4, pictures=0, sound=1.0))
    with pytest.raises(NotAVideo):
        frames(path, ClipFormat.MP4, 1)


@pytest.mark.parametrize("clip_format", [ClipFormat.MP4, ClipFormat.MOV])
def test_a_clip_cut_before_its_index_is_damaged(clip_format: ClipFormat, tmp_path: Path) -> None:
    whole = (CLIPS / f"montage.{clip_format}").read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Damaged):
        frames(path, clip_format, 16)


def shaped(path: Path, width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Return height and width of the picture sampled from a clip of this shape."""
    with av.open(str(path), "w", format="mp4") as container:
        track = container.add_stream("libx264", rate=10)
        assert isinstance(track, VideoStream)
        track.width, track.height, track.pix_fmt = width, height, "yuv420p"
        track.codec_context.sample_aspect_ratio = pixel_aspect
        frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), "rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 10)
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return frames(path, ClipFormat.MP4, 1)[0].pictures[0].shape[:2]


def test_wide_pixels_are_stretched(tmp_path: Path) -> None:
    assert shaped(tmp_path / "a.mp4", 64, 64, Fraction(2, 1)) == (32, 64)
    assert shaped(tmp_path / "b.mp4", 64, 64, Fraction(1, 2)) == (64, 32)


def test_pictures_of_changing_sizes_are_scaled_to_one(tmp_path: Path) -> None:
    path = growing_clip(tmp_path / "clip", *[(64, 48)] * 10, *[(64, 96)] * 10)
    shapes = [frame.pictures[0].shape for frame in frames(path, ClipFormat.AVI, 2)]
    assert shapes == [(32, 43, 3)] * 2


def test_extreme_shapes_are_squeezed(tmp_path: Path) -> None:
    assert shaped(tmp_path / "a.mp4", 2048, 16, Fraction(1)) == (32, 128)
