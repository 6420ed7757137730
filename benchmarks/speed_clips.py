"""The clips that speed is measured on: zoomed photographs and a street, with grain."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from av.container import OutputContainer

SOURCES = Path(__file__).parent.parent / "tests" / "clips"
SECONDS, RATE = 60, 30
SCENE = 4  # seconds
# Seconds of montage.mp4 whose picture is used as a scene; None is the street.
SCENES = (1.0, None, 5.0, None, 9.0, None)
GRAIN = 4.0  # standard deviation, of 255


@dataclass(frozen=True, slots=True)
class SpeedClip:
    """A clip to make: its size, bits per second, and frames between keyframes."""

    name: str
    title: str
    width: int
    height: int
    bits: int
    distance: int
    codec: str = "libx264"


CLIPS = (
    SpeedClip("720p-1s", "720p, 2.7 Mbit/s, a keyframe every second", 1280, 720, 2_700_000, 30),
    SpeedClip("720p-2s", "720p, 2.7 Mbit/s, each 2 seconds", 1280, 720, 2_700_000, 60),
    SpeedClip("720p-10s", "720p, 2.7 Mbit/s, each 10 seconds", 1280, 720, 2_700_000, 300),
    SpeedClip("1080p-2s", "1080p, 6 Mbit/s, each 2 seconds", 1920, 1080, 6_000_000, 60),
    SpeedClip("vp9-4s", "VP9, 720p, 3.9 Mbit/s, each 4 s", 1280, 720, 2_000_000, 128, "libvpx-vp9"),
)
# Encoded as sites do: x264's defaults with B-frames, keyframes at equal distances.
_OPTIONS = {
    "libx264": {"preset": "fast", "sc_threshold": "0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
}


def make_clips(clips: Sequence[SpeedClip], folder: Path) -> dict[str, Path]:
    """Make the clips that ``folder`` lacks; return all by name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {clip.name: folder / _file(clip) for clip in clips}
    missing = [clip for clip in clips if not paths[clip.name].exists()]
    for size in sorted({(clip.width, clip.height) for clip in missing}):
        _make([clip for clip in missing if (clip.width, clip.height) == size], folder)
    return paths


def repeated(source: Path, target: Path, times: int) -> Path:
    """Write a clip's packets several times in a row, without decoding."""
    with av.open(str(source)) as first, av.open(str(target), "w") as joined:
        copy = joined.add_stream_from_template(first.streams.video[0])
        for turn in range(times):
            with av.open(str(source)) as once:
                track = once.streams.video[0]
                later = round(turn * SECONDS / (track.time_base or 1))
                for packet in once.demux(track):
                    if packet.pts is None or packet.dts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = (
                        packet.pts + later,
                        packet.dts + later,
                        copy,
                    )
                    joined.mux(packet)
    return target


def _file(clip: SpeedClip) -> str:
    return f"{clip.name}.{'webm' if clip.codec == 'libvpx-vp9' else 'mp4'}"


def _make(clips: list[SpeedClip], folder: Path) -> None:
    """Encode the same pictures for several clips of one size."""
    with ExitStack() as stack:
        parts = [folder / f"part-{_file(clip)}" for clip in clips]
        files = [stack.enter_context(av.open(str(part), "w")) for part in parts]
        tracks = [_track(file, clip) for file, clip in zip(files, clips, strict=True)]
        for number, picture in enumerate(_pictures(clips[0].width, clips[0].height)):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            for file, track in zip(files, tracks, strict=True):
                file.mux(track.encode(frame))
        for file, track in zip(files, tracks, strict=True):
            file.mux(track.encode(None))
    for part, clip in zip(parts, clips, strict=True):
        part.rename(folder / _file(clip))


def _track(file: OutputContainer, clip: SpeedClip) -> VideoStream:
    options = {**_OPTIONS[clip.codec], "g": str(clip.distance)}
    track = file.add_stream(clip.codec, rate=RATE, options=options)
    if not isinstance(track, VideoStream):
        raise TypeError(f"{clip.codec} encodes no pictures")
    track.width, track.height, track.pix_fmt = clip.width, clip.height, "yuv420p"
    track.bit_rate = clip.bits
    return track


def _pictures(width: int, height: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield every picture: scene after scene, zooming in, with grain that never repeats."""
    noise = np.random.default_rng(1)
    grains = [noise.normal(0, GRAIN, (height, width, 1)).astype(np.int16) for _ in range(8)]
    street = cycle(_frames("city.mp4"))
    scene = cycle(_photograph(at) if at is not None else None for at in SCENES)
    for start in range(0, SECONDS * RATE, SCENE * RATE):
        photograph = next(scene)
        filmed = next(street)
        for step in range(min(SCENE * RATE, SECONDS * RATE - start)):
            if step % 3 == 0:  # the street was filmed at a third of the rate
                filmed = next(street)
            shown = _nearer(photograph or filmed, step / (SCENE * RATE), width, height)
            yield np.clip(shown + grains[(start + step) % 8], 0, 255).astype(np.uint8)


def _frames(name: str) -> list[Image.Image]:
    with av.open(str(SOURCES / name)) as source:
        return [frame.to_image() for frame in source.decode(video=0)]  # type: ignore[no-untyped-call]  # PyAV's


def _photograph(at: float) -> Image.Image:
    with av.open(str(SOURCES / "montage.mp4")) as source:
        found = next(frame for frame in source.decode(video=0) if frame.time >= at)
        picture: Image.Image = found.to_image()  # type: ignore[no-untyped-call]  # PyAV's
        return picture


def _nearer(picture: Image.Image, part: float, width: int, height: int) -> npt.NDArray[np.int16]:
    """Crop to an ever smaller box that moves from the top left to the bottom right."""
    scale = min(picture.width / width, picture.height / height) * (0.95 - 0.25 * part)
    wide, high = width * scale, height * scale
    left, top = (picture.width - wide) * part, (picture.height - high) * part
    box = (left, top, left + wide, top + high)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box), np.int16)
