from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.domain.clip import ClipFormat
from bot.errors import Damaged
from bot.media.decode import container
from bot.media.decode.container import open_clip, picture_track
from tests.media.made_clips import Recipe, growing_clip, make_clip

if TYPE_CHECKING:
    from pathlib import Path


def sizes(path: Path) -> list[tuple[int, int]]:
    with open_clip(path, ClipFormat.AVI) as opened:
        track = picture_track(opened)
        return [(frame.width, frame.height) for frame in opened.decode(track)]


def test_pictures_that_grow_beyond_the_limit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, grown = (64, 48), (128, 96)
    path = growing_clip(tmp_path / "clip", small, grown)
    assert sizes(path) == [small, grown]
    monkeypatch.setattr(container, "MAX_PIXELS", 128 * 96 - 1)
    with pytest.raises(Damaged):
        sizes(path)


def test_only_the_given_file_and_format_can_be_opened(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Recipe(ClipFormat.MKV))
    with open_clip(path, ClipFormat.MKV) as opened:
        assert opened.name.startswith("file:/")
        assert opened.options["protocol_whitelist"] == "file"
        assert opened.options["format_whitelist"] == "matroska"
        assert opened.options["max_pixels"] == str(4 * container.MAX_PIXELS)
    with pytest.raises(Damaged), open_clip(path, ClipFormat.MP4):
        pass
