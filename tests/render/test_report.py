from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from bot.domain import timeline
from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.tagging import Tagging, Thumbnail
from bot.render import report
from bot.render.picture import describe, draw
from bot.render.summary import RefusedClip, TaggedClip

if TYPE_CHECKING:
    from bot.render.summary import ReportedClip


def clip(name: str, score: float = 0.9, *, spoiler: bool = False) -> TaggedClip:
    jpeg = io.BytesIO()
    Image.new("RGB", (96, 54), (200, 10, 10)).save(jpeg, "JPEG")
    frames = (Frame(0, (Concept("cat", score),)),)
    info = ClipInfo(ClipFormat.MP4, 1, 1000, "sha256:0")
    thumbnails = (Thumbnail(0, jpeg.getvalue()),)
    tagging = Tagging(info, frames, TaggerIdentity("local", "model", 0.5), thumbnails)
    return TaggedClip(name, timeline.build(frames, 1000, 0.5), tagging, spoiler)


def test_a_clip_has_a_picture_with_thumbnails_and_alt_text() -> None:
    tagged = clip("a.mp4", spoiler=True)
    (file,) = report.make_report([tagged]).files
    assert file.content == draw("a.mp4", tagged.timeline, thumbnails=tagged.tagging.thumbnails)
    assert file.content != draw("a.mp4", tagged.timeline)
    assert file.description == f"1 s: cat. {describe('a.mp4', tagged.timeline)}"
    assert (file.name, file.spoiler) == ("timeline.png", True)


def test_only_clips_with_tags_have_a_picture_if_the_server_wants_it() -> None:
    refused = RefusedClip("c.mp4", "No.")
    clips: list[ReportedClip] = [clip("a.mp4"), clip("b.mp4", 0.1), refused, clip("d.mp4")]
    made = report.make_report(clips)
    assert [file.name for file in made.files] == ["timeline-1.png", "timeline-4.png"]
    assert report.make_report(clips, picture=False).files == ()
