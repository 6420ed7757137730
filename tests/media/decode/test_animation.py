"""Animated WebP, AVIF and PNG pictures are clips; still ones are pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from bot.domain.clip import ClipFormat
from bot.errors import Damaged, TooLargePicture, TooLong, UnsupportedFormat
from bot.media.decode import animation
from bot.media.decode.probe import Probe, probe
from bot.media.decode.probe_child import probe as probe_here
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View

if TYPE_CHECKING:
    from pathlib import Path

    from bot.media.sandbox.pool import Sandbox

FORMATS = {ClipFormat.WEBP: "WEBP", ClipFormat.AVIF: "AVIF", ClipFormat.APNG: "PNG"}
COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]
DELAYS = [300, 900, 1500, 10]  # milliseconds; the last is 100 in browsers


def animated(path: Path, clip_format: ClipFormat, pictures: int = 4) -> Path:
    images = [Image.new("RGB", (64, 48), colour) for colour in COLOURS[:pictures]]
    rest = {"save_all": True, "append_images": images[1:], "duration": DELAYS[:pictures]}
    images[0].save(path, FORMATS[clip_format], **(rest if pictures > 1 else {}))
    return path


@pytest.mark.parametrize("clip_format", FORMATS)
async def test_an_animated_picture_is_a_clip(
    clip_format: ClipFormat, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = animated(tmp_path / "clip", clip_format)
    assert await probe(sandbox, path, longest=60_000) == Probe(clip_format, 2800, 64, 48)
    found = list(sample(path, clip_format, seconds=3, views=[View(32), View(16, whole=True)]))
    assert [(frame.second, frame.time) for frame in found] == [(0, 300), (1, 1200), (2, 1200)]
    shown = [max(range(4), key=lambda n: -distance(f.pictures[0][0, 0], n)) for f in found]
    assert shown == [1, 2, 2]
    assert {each.shape for frame in found for each in frame.pictures} == {(32, 43, 3), (12, 16, 3)}


def distance(pixel: object, colour: int) -> int:
    pairs = zip(pixel, COLOURS[colour], strict=True)  # type: ignore[call-overload]  # an array
    return sum(abs(int(one) - other) for one, other in pairs)


@pytest.mark.parametrize("clip_format", FORMATS)
def test_a_still_picture_is_refused_as_one(clip_format: ClipFormat, tmp_path: Path) -> None:
    path = animated(tmp_path / "clip", clip_format, pictures=1)
    with pytest.raises(UnsupportedFormat, match="images"):
        probe_here({"files": [str(path)], "longest": 60_000, "packets": 99}, lambda _: None)


@pytest.mark.parametrize("clip_format", FORMATS)
def test_limits_apply_to_animated_pictures(
    clip_format: ClipFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = animated(tmp_path / "clip", clip_format)
    request = {"files": [str(path)], "longest": 60_000, "packets": 99}
    with pytest.raises(TooLong):
        probe_here({**request, "longest": 2799}, lambda _: None)
    with pytest.raises(TooLargePicture, match="more pictures"):
        probe_here({**request, "packets": 3}, lambda _: None)
    monkeypatch.setattr(animation, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(TooLargePicture, match="too large a picture"):
        probe_here(request, lambda _: None)


@pytest.mark.parametrize("clip_format", FORMATS)
def test_a_damaged_animated_picture_is_read_as_far_as_it_decodes(
    clip_format: ClipFormat, tmp_path: Path
) -> None:
    path = animated(tmp_path / "clip", clip_format)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 4 // 5])
    try:
        found = list(sample(path, clip_format, seconds=1, views=[View(32)]))
    except Damaged:
        return  # AVIF and WebP are read as a whole
    assert [frame.second for frame in found] == [0]
