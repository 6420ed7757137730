"""Pictures with known text: subtitles, memes, captions, stickers, titles, games and screens.

They are drawn over free photographs with free fonts out of Debian packages. Each scene is drawn
from its number alone, so every run measures the same ones. Tuning uses other fonts, other
photographs and other sentences than reporting.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import quality_photographs
from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = WIDTH, HEIGHT = 1280, 720
KINDS = ("subtitle", "meme", "caption", "sticker", "title", "game", "screen")
# Debian packages, and a part of the names of the fonts used from each.
FONTS = {
    "tuning": {
        "fonts-open-sans": ("OpenSans-Bold.", "OpenSans-Semibold.", "OpenSans-Regular."),
        "fonts-lato": ("Lato-Black.", "Lato-Bold.", "Lato-Regular."),
        "fonts-league-spartan": ("LeagueSpartan-Bold.",),
        "fonts-comic-neue": ("ComicNeue-Bold.",),
        "fonts-hack": ("Hack-Regular.",),
    },
    "reported": {
        "fonts-roboto-unhinted": ("Roboto-Bold.", "Roboto-Medium.", "RobotoCondensed-Bold."),
        "fonts-inter": ("Inter-Black.otf", "Inter-SemiBold.otf", "Inter-Regular.otf"),
        "fonts-bebas-neue": ("BebasNeue-Bold.",),
        "fonts-roboto-slab": ("RobotoSlab-Bold.",),
        "fonts-lobstertwo": ("LobsterTwo-Bold.",),
        "fonts-quicksand": ("Quicksand-Bold.",),
        "fonts-jetbrains-mono": ("JetBrainsMono-Regular.",),
    },
}
SENTENCES = {
    "tuning": (
        "When the pizza finally arrives",
        "I told you not to touch it",
        "Nobody expected this ending",
        "My cat on a Monday morning",
        "Wait for it",
        "He did it again",
        "How it started",
        "Das ist nicht mein Fahrrad",
        "Je ne suis pas d'accord",
        "¿Qué está pasando aquí?",
        "You have been warned",
        "Best day of the summer",
        "This is fine",
        "Somebody call the doctor",
    ),
    "reported": (
        "When the teacher says group work",
        "Where are we going tonight?",
        "One does not simply walk home",
        "Nobody: absolutely nobody",
        "Look at this little guy",
        "The dog ate my homework",
        "We should have turned left",
        "Me after five minutes of running",
        "Das Wetter wird morgen besser",
        "Ça commence à huit heures",
        "Mañana será otro día",
        "She said yes!",
        "Never gonna give you up",
        "It works on my machine",
        "Part two is coming soon",
        "Please stay on the line",
    ),
}
BANNERS = {
    "tuning": ("GAME OVER", "LEVEL COMPLETE", "NEW HIGH SCORE", "YOU DIED", "ROUND 3"),
    "reported": ("VICTORY ROYALE", "MISSION FAILED", "DOUBLE KILL", "FINISH HIM", "PRESS START"),
}
SCREENS = {
    "tuning": (
        "$ git status",
        "On branch main",
        "nothing to commit, working tree clean",
        "$ make test",
        "collected 42 items",
        "all tests passed in 3 seconds",
        "$ docker compose up",
        "Starting the database",
    ),
    "reported": (
        "def read_file(path):",
        "with open(path) as source:",
        "return source.read()",
        "Error: connection refused",
        "Settings saved successfully",
        "Alice: are you coming tonight?",
        "Bob: yes, at half past eight",
        "Search results for weather",
        "Download finished",
        "Your order has been shipped",
    ),
}
COLOURS = ("#ffffff", "#ffe14d", "#00e5ff", "#ff4d6d", "#7cff6b", "#ffffff", "#ffffff")
DARK = ("#0b0b0f", "#1e1e1e", "#300a24", "#0b3d2e", "#1f2a44")


@dataclass(frozen=True, slots=True)
class TextScene:
    """A picture and the lines that stand on it."""

    kind: str
    picture: Image.Image
    lines: tuple[str, ...]


class SceneMaker:
    """Draws scenes of one part, ``tuning`` or ``reported``, with what is in ``folder``."""

    def __init__(self, folder: Path, part: str) -> None:
        self.part = part
        self._folder = folder
        self._photographs = [each for each in quality_photographs.listed() if each.part == part]
        self._drawn: list[str] = []
        self.random = random.Random(0)  # noqa: S311 - scenes, not secrets

    def make(self, kind: str, number: int) -> TextScene:
        """Draw a scene."""
        self.random = random.Random(f"{self.part} {kind} {number}")  # noqa: S311 - see above
        self._drawn = []
        draw: Callable[[], Image.Image] = getattr(self, f"_{kind}")
        return TextScene(kind, draw(), tuple(self._drawn))

    def photograph(self, number: int) -> Image.Image:
        """Return a photograph without any text of ours, filling the picture."""
        chosen = self._photographs[number % len(self._photographs)]
        return ImageOps.fit(quality_photographs.opened(chosen, self._folder), SIZE)

    @property
    def photographs(self) -> int:
        """How many photographs there are."""
        return len(self._photographs)

    def _background(self) -> Image.Image:
        return self.photograph(self.random.randrange(len(self._photographs)))

    def _sentence(self) -> str:
        return self.random.choice(SENTENCES[self.part])

    def _font(self, size: int, *, fixed: bool = False) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(
            self.random.choice(_fonts(self._folder, self.part, fixed=fixed)), size
        )

    def _write(
        self,
        picture: Image.Image,
        at: tuple[float, float],
        line: str,
        font: ImageFont.FreeTypeFont,
        **style: object,
    ) -> None:
        """Write a line that is to be read."""
        self._drawn.append(line)
        ImageDraw.Draw(picture).text(at, line, font=font, **style)  # type: ignore[arg-type]

    def _fitted(self, line: str, size: int) -> ImageFont.FreeTypeFont:
        """Return a font in which a line is no wider than the picture."""
        font = self._font(size)
        while font.getlength(line) > WIDTH * 0.94:
            font = font.font_variant(size=font.size * 0.9)
        return font

    def _subtitle(self) -> Image.Image:
        picture = self._background()
        size = self.random.choice((28, 34, 40, 48))
        for row in range(self.random.choice((1, 1, 2))):
            line = self._sentence()
            at = WIDTH / 2, HEIGHT - 50 - row * size * 1.35
            self._write(
                picture,
                at,
                line,
                self._fitted(line, size),
                fill=self.random.choice(("#ffffff", "#ffe14d")),
                stroke_width=self.random.choice((0, 2, 3)),
                stroke_fill="black",
                anchor="mm",
            )
        return picture

    def _meme(self) -> Image.Image:
        picture = self._background()
        for y in (80, HEIGHT - 80):
            line = self._sentence().upper()
            font = self._fitted(line, self.random.choice((64, 84, 100)))
            edge = self.random.choice((3, 5))
            style = {"fill": "white", "stroke_width": edge, "stroke_fill": "black", "anchor": "mm"}
            self._write(picture, (WIDTH / 2, y), line, font, **style)
        return picture

    def _caption(self) -> Image.Image:
        bar = 120
        page = Image.new("RGB", SIZE, "white")
        page.paste(ImageOps.fit(self._background(), (WIDTH, HEIGHT - bar)), (0, bar))
        line = self._sentence()
        font = self._fitted(line, self.random.choice((36, 48, 60)))
        self._write(page, (30, bar / 2), line, font, fill="black", anchor="lm")
        return page

    def _sticker(self) -> Image.Image:
        """Draw a line on a coloured plate, a little askew."""
        picture, line = self._background(), self._sentence()
        font = self._fitted(line, self.random.choice((34, 44, 56)))
        width, height = font.getlength(line) + 40, font.size * 1.6
        plate = Image.new("RGBA", (int(width), int(height)), (0, 0, 0, 0))
        ground, ink = self.random.choice(
            (("#ffffff", "#111111"), ("#111111", "#ffffff"), ("#e1306c", "#ffffff"))
        )
        draw = ImageDraw.Draw(plate)
        draw.rounded_rectangle((0, 0, width - 1, height - 1), height / 4, fill=ground)
        self._drawn.append(line)
        draw.text((width / 2, height / 2), line, font=font, fill=ink, anchor="mm")
        turned = plate.rotate(self.random.uniform(-8, 8), Image.Resampling.BICUBIC, expand=True)
        left = self.random.randint(0, max(0, WIDTH - turned.width))
        top = self.random.randint(0, HEIGHT - turned.height)
        picture.paste(turned, (left, top), turned)
        return picture

    def _title(self) -> Image.Image:
        picture = Image.new("RGB", SIZE, self.random.choice(DARK))
        line = self._sentence()
        font = self._fitted(line, self.random.choice((60, 80, 110)))
        fill = self.random.choice(COLOURS)
        self._write(picture, (WIDTH / 2, HEIGHT / 2), line, font, fill=fill, anchor="mm")
        return picture

    def _game(self) -> Image.Image:
        """Draw a banner and the figures of a heads-up display over a picture."""
        picture = ImageOps.posterize(self._background(), 4)
        line = self.random.choice(BANNERS[self.part])
        font = self._fitted(line, self.random.choice((80, 110, 140)))
        fill = self.random.choice(COLOURS)
        style = {"fill": fill, "stroke_width": 4, "stroke_fill": "#202040", "anchor": "mm"}
        self._write(picture, (WIDTH / 2, HEIGHT / 3), line, font, **style)
        hud = self._font(30)
        edge = {"stroke_width": 2, "stroke_fill": "black"}
        self._write(picture, (30, 24), "PLAYER ONE", hud, fill="white", **edge)
        health = f"HEALTH {self.random.randint(10, 99)}"
        self._write(picture, (30, HEIGHT - 60), health, hud, fill="#7cff6b", **edge)
        return picture

    def _screen(self) -> Image.Image:
        dark = self.random.random() < 0.6  # noqa: PLR2004 - more dark ones than light ones
        picture = Image.new("RGB", SIZE, self.random.choice(DARK) if dark else "#fafafa")
        size = self.random.choice((20, 24, 28))
        font = self._font(size, fixed=self.random.random() < 0.7)  # noqa: PLR2004 - mostly code
        ink = self.random.choice(("#e6e6e6", "#7cff6b", "#9cdcfe")) if dark else "#202124"
        lines = self.random.sample(SCREENS[self.part], 6)
        for row, line in enumerate(lines):
            self._write(picture, (40, 60 + row * size * 1.8), line, font, fill=ink)
        return picture


@cache
def _fonts(folder: Path, part: str, *, fixed: bool) -> list[str]:
    """Return the files of a part's fonts: those whose letters are all equally wide, or the others.

    Downloads the missing packages.
    """
    found = []
    for package, names in FONTS[part].items():
        home = folder / package
        if not home.exists():
            _run("apt-get", "--quiet", "download", package, into=folder)
            (archive,) = folder.glob(f"{package}_*.deb")
            _run("dpkg-deb", "--extract", archive.name, package, into=folder)
        is_fixed = package in {"fonts-hack", "fonts-jetbrains-mono"}
        if is_fixed == fixed:
            files = sorted(home.rglob("*.?tf"))
            found += [str(next(file for file in files if name in file.name)) for name in names]
    return found


def _run(*command: str, into: Path) -> None:
    subprocess.run(command, check=True, cwd=into)  # noqa: S603 - ours
