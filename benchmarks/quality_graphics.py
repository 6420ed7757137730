"""Drawings that clips show between photographs: titles, charts, screens. None has a tag."""

from __future__ import annotations

import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = WIDTH, HEIGHT = 854, 480
FONT = Path(__file__).parent.parent / "bot" / "render" / "fonts" / "DejaVuSans.ttf"
BLUES, REDS = ("#3366cc", "#5865f2", "#1f4e79"), ("#dc3912", "#eb459e", "#57f287")


def tuning() -> list[Image.Image]:
    """Return the drawings that rules were tuned on."""
    return [
        title("MY SUMMER", "a film by us", "white", "#101018"),
        bars(),
        gradient(),
        lines_of_text("#1e1e1e", 16, 23, seed=2),
        Image.new("RGB", SIZE, "#f4f4f4"),
        slide(),
        Image.effect_noise(SIZE, 60).convert("RGB"),
        smiley(),
    ]


def reported() -> list[Image.Image]:
    """Return the drawings that results are reported for."""
    radial = Image.radial_gradient("L").resize(SIZE)
    purple = (radial, radial.point(lambda v: v // 2), radial.point(lambda v: 255 - v))
    return [
        credits_roll(),
        pie(),
        lines_of_text("#300a24", 22, 40, seed=4),
        chat(),
        colour_bars(),
        Image.merge("RGB", purple),
        curves(),
        title("Thanks for watching!", "", "#ffd166", "#0b3d2e"),
    ]


def _page(colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("RGB", SIZE, colour)
    return page, ImageDraw.Draw(page)


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: str,
    anchor: str,
) -> None:
    draw.text(at, text, font=ImageFont.truetype(FONT, size), fill=colour, anchor=anchor)


def title(line: str, below: str, colour: str, ground: str) -> Image.Image:
    """Draw a title card."""
    page, draw = _page(ground)
    _write(draw, (WIDTH / 2, HEIGHT / 2 - 20), line, 60, colour, "mm")
    _write(draw, (WIDTH / 2, HEIGHT / 2 + 45), below, 30, colour, "mm")
    return page


def bars() -> Image.Image:
    """Draw a bar chart."""
    page, draw = _page("white")
    heights = random.Random(1)  # noqa: S311 - a chart
    for place in range(8):
        left, top = 90 + place * 90, 420 - heights.randint(60, 330)
        draw.rectangle((left, top, left + 60, 420), fill=(BLUES[0], REDS[0])[place % 2])
    draw.line((70, 420, 830, 420), fill="black", width=2)
    _write(draw, (WIDTH / 2, 30), "Sales by month", 30, "black", "mm")
    return page


def gradient() -> Image.Image:
    """Draw a gradient from top to bottom."""
    page, draw = _page("black")
    for row in range(HEIGHT):
        shade = row / HEIGHT
        colour = (20 + round(150 * shade), 40 + round(60 * shade), 120 + round(100 * shade))
        draw.line((0, row, WIDTH, row), fill=colour)
    return page


def lines_of_text(ground: str, size: int, step: int, *, seed: int) -> Image.Image:
    """Draw a screen of code or of a terminal."""
    page, draw = _page(ground)
    letters = random.Random(seed)  # noqa: S311 - filler text
    for row in range(HEIGHT // step):
        left = 16 + 20 * letters.randint(0, 3)
        text = "".join(letters.choice("abcdefgh_ ()=") for _ in range(letters.randint(5, 45)))
        colour = letters.choice(["#d4d4d4", "#9cdcfe", "#ce9178", "#569cd6"])
        _write(draw, (left, 12 + row * step), text, size, colour, "la")
    return page


def slide() -> Image.Image:
    """Draw a slide of a talk."""
    page, draw = _page("#fdfdfd")
    draw.rectangle((0, 0, WIDTH, 90), fill=BLUES[2])
    _write(draw, (40, 45), "Quarterly review", 40, "white", "lm")
    for row, text in enumerate(("Revenue grew", "Three new offices", "Costs below the plan")):
        draw.ellipse((50, 140 + row * 90, 62, 152 + row * 90), fill=BLUES[2])
        _write(draw, (85, 146 + row * 90), text, 28, "#222", "lm")
    return page


def smiley() -> Image.Image:
    """Draw a face."""
    page, draw = _page("#ffe066")
    draw.ellipse((277, 90, 577, 390), fill="#ffcc00", outline="black", width=8)
    for left in (350, 464):
        draw.ellipse((left, 180, left + 40, 220), fill="black")
    draw.arc((340, 200, 514, 340), 20, 160, fill="black", width=8)
    return page


def credits_roll() -> Image.Image:
    """Draw credits."""
    page, draw = _page("black")
    for row, (what, who) in enumerate(
        (("Directed by", "Ada North"), ("Written by", "B. Example"), ("Camera", "C. Focus"))
    ):
        _write(draw, (WIDTH / 2 - 20, 110 + row * 120), what, 26, "#999", "rm")
        _write(draw, (WIDTH / 2 + 20, 110 + row * 120), who, 28, "white", "lm")
    return page


def pie() -> Image.Image:
    """Draw a pie chart with a legend."""
    page, draw = _page("#eef2f5")
    shares = ((130, "#4e79a7"), (90, "#f28e2b"), (80, "#e15759"), (60, "#76b7b2"))
    start = -90
    for row, (share, colour) in enumerate(shares):
        draw.pieslice((120, 70, 470, 420), start, start + share, fill=colour)
        start += share
        draw.rectangle((560, 140 + row * 50, 590, 170 + row * 50), fill=colour)
        _write(draw, (605, 155 + row * 50), f"Part {row + 1}", 26, "#333", "lm")
    return page


def chat() -> Image.Image:
    """Draw a chat program."""
    page, draw = _page("#36393f")
    for row in range(6):
        top = 30 + row * 74
        draw.ellipse((24, top, 64, top + 40), fill=(BLUES[1], *REDS[1:])[row % 3])
        _write(draw, (84, top), f"user{row}", 18, "#fff", "la")
        _write(draw, (84, top + 24), "has anyone seen the clip?"[: 12 + 2 * row], 18, "#ddd", "la")
    return page


def colour_bars() -> Image.Image:
    """Draw a test picture."""
    page, draw = _page("black")
    colours = ("#c0c0c0", "#c0c000", "#00c0c0", "#00c000", "#c000c0", "#c00000", "#0000c0")
    for place, colour in enumerate(colours):
        draw.rectangle((place * 122, 0, (place + 1) * 122, HEIGHT), fill=colour)
    return page


def curves() -> Image.Image:
    """Draw a line chart."""
    page, draw = _page("white")
    for number, colour in enumerate(("#d62728", "#2ca02c", "#1f77b4")):
        draw.line(
            [(60 + x * 8, 240 + math.sin(x / 7 + number) * (100 - 25 * number)) for x in range(92)],
            fill=colour,
            width=4,
        )
    draw.line((60, 30, 60, 440, 820, 440), fill="black", width=2)
    return page
