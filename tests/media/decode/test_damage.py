"""Damage costs no more than the seconds it is in, and a limit of ours is never called damage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.clip import ClipFormat
from bot.errors import Damaged, Protected, TooLargePicture
from bot.media.decode import container
from bot.media.decode.probe_child import probe
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from tests.media.made_clips import emptied
from tests.media.moving_clips import Way, moving_clip

if TYPE_CHECKING:
    from pathlib import Path

H264 = Way(ClipFormat.MP4, "libx264", (("g", "25"), ("bf", "2")))
VP9 = Way(ClipFormat.WEBM, "libvpx-vp9", (("g", "25"), ("cpu-used", "5"), ("lag-in-frames", "0")))
HEVC = Way(ClipFormat.MP4, "libx265", (("x265-params", "log-level=none:keyint=25:min-keyint=25"),))


def readable(path: Path) -> list[int]:
    """Probe and sample a clip; return its seconds that could be read."""
    found = probe({"files": [str(path)], "longest": 600_000, "packets": 200_000}, lambda _: None)
    seconds = -(-found["duration"] // 1000)
    sampled = sample(path, ClipFormat(found["format"]), seconds=seconds, views=[View(32)])
    return [frame.second for frame in sampled]


@pytest.mark.parametrize("way", [H264, VP9, HEVC], ids=lambda way: way.codec)
def test_seconds_whose_pictures_are_damaged_are_left_out(way: Way, tmp_path: Path) -> None:
    path = moving_clip(tmp_path / "clip", way)
    assert readable(emptied(path, 2, 2.999)) == [0, 1, 3, 4]
    assert readable(emptied(path, 3)) == [0, 1]


def test_a_damaged_picture_costs_nothing_if_its_second_has_another(tmp_path: Path) -> None:
    path = moving_clip(tmp_path / "clip", H264)
    assert readable(emptied(path, 2.4, 2.6)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "way",
    [
        replace(H264, muxing=(("movflags", "+faststart"),)),
        replace(H264, muxing=(("movflags", "frag_keyframe+empty_moov"),)),
        Way(ClipFormat.AVI, "mpeg4", (("g", "25"),)),
        Way(ClipFormat.MKV, "libx264", (("g", "25"),)),
    ],
    ids=["faststart", "fragments", "AVI", "MKV"],
)
def test_a_clip_that_was_cut_off_is_tagged_up_to_there(way: Way, tmp_path: Path) -> None:
    path = moving_clip(tmp_path / "clip", way)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 5])
    assert readable(path) in ([0, 1, 2], [0, 1, 2, 3])
    path.write_bytes(whole[:-20])
    assert readable(path)[:4] == [0, 1, 2, 3]


def test_a_clip_of_which_nothing_decodes_is_damaged(tmp_path: Path) -> None:
    path = emptied(moving_clip(tmp_path / "clip", H264), 0)
    with pytest.raises(Damaged):
        readable(path)


def test_an_encrypted_clip_is_protected(tmp_path: Path) -> None:
    encryption = ("encryption_scheme", "cenc-aes-ctr"), ("encryption_key", "76" * 16)
    key_id = ("encryption_kid", "a7" * 16)
    path = moving_clip(tmp_path / "clip", replace(H264, muxing=(*encryption, key_id)))
    with pytest.raises(Protected, match="protected"):
        readable(path)


def test_a_picture_larger_than_our_limit_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = moving_clip(tmp_path / "clip", VP9)
    monkeypatch.setattr(container, "MAX_PIXELS", 96 * 64 - 1)
    with pytest.raises(TooLargePicture, match="too large a picture for this bot"):
        readable(path)
