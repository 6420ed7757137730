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
from typing import TYPE_CHECKING, Any

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
_LARGER = 1344, 756  # a background that the camera moves over
_DARK_SCREENS, _FIXED_FONTS = 0.6, 0.7
DARK = ("#0b0b0f", "#1e1e1e", "#300a24", "#0b3d2e", "#1f2a44")


@dataclass(frozen=True, slots=True)
class TextScene:
    """A background that the camera moves over, and what stands on it with its lines of text."""

    kind: str
    background: Image.Image
    overlay: Image.Image
    lines: tuple[str, ...]

    def picture(self, moment: float) -> Image.Image:
        """Return the scene at a moment, 0-1."""
        left, top = (
            round(moment * (whole - shown))
            for whole, shown in zip(self.background.size, SIZE, strict=True)
        )
        shown = self.background.crop((left, top, left + WIDTH, top + HEIGHT))
        shown.paste(self.overlay, (0, 0), self.overlay)
        return shown


class SceneMaker:
    """Draws scenes of one part, ``tuning`` or ``reported``, with what is in ``folder``."""

    def __init__(self, folder: Path, part: str) -> None:
        self.part = part
        self._folder = folder
        self._photographs = [each for each in quality_photographs.listed() if each.part == part]
        self._drawn: list[str] = []
        self._overlay = Image.new("RGBA", SIZE)
        self._random = random.Random(0)  # noqa: S311 - scenes, not secrets

    @property
    def photographs(self) -> int:
        """How many photographs there are."""
        return len(self._photographs)

    def photograph(self, number: int) -> TextScene:
        """Return a scene with a photograph to which no text was added."""
        chosen = self._photographs[number % len(self._photographs)]
        whole = ImageOps.fit(quality_photographs.opened(chosen, self._folder), _LARGER)
        return TextScene("photograph", whole, Image.new("RGBA", SIZE), ())

    def scene(self, kind: str, number: int) -> TextScene:
        """Return a scene of a kind."""
        self._random = random.Random(f"{self.part} {kind} {number}")  # noqa: S311 - see above
        self._drawn, self._overlay = [], Image.new("RGBA", SIZE)
        draw: Callable[[], Image.Image] = getattr(self, f"_{kind}")
        return TextScene(kind, draw(), self._overlay, tuple(self._drawn))

    def _background(self) -> Image.Image:
        return self.photograph(self._random.randrange(self.photographs)).background

    def _sentence(self) -> str:
        return self._random.choice(SENTENCES[self.part])

    def _font(self, size: int, *, fixed: bool = False) -> ImageFont.FreeTypeFont:
        files = _fonts(self._folder, self.part, fixed=fixed)
        return ImageFont.truetype(self._random.choice(files), size)

    def _fitted(self, line: str, size: int) -> ImageFont.FreeTypeFont:
        """Return a font in which a line is no wider than the picture."""
        font = self._font(size)
        while font.getlength(line) > WIDTH * 0.94:
            font = font.font_variant(size=font.size * 0.9)
        return font

    def _write(
        self,
        at: tuple[float, float],
        line: str,
        font: ImageFont.FreeTypeFont,
        **style: Any,
    ) -> None:
        """Write a line that is to be read."""
        self._drawn.append(line)
        ImageDraw.Draw(self._overlay).text(at, line, font=font, **style)

    def _subtitle(self) -> Image.Image:
        size = self._random.choice((28, 34, 40, 48))
        colour, edge = self._random.choice(("#ffffff", "#ffe14d")), self._random.choice((0, 2, 3))
        for row in range(self._random.choice((1, 1, 2))):
            line = self._sentence()
            at = WIDTH / 2, HEIGHT - 50 - row * size * 1.35
            style = {"fill": colour, "stroke_width": edge, "stroke_fill": "black", "anchor": "mm"}
            self._write(at, line, self._fitted(line, size), **style)
        return self._background()

    def _meme(self) -> Image.Image:
        for y in (80, HEIGHT - 80):
            line = self._sentence().upper()
            font = self._fitted(line, self._random.choice((64, 84, 100)))
            edge = self._random.choice((3, 5))
            style = {"fill": "white", "stroke_width": edge, "stroke_fill": "black", "anchor": "mm"}
            self._write((WIDTH / 2, y), line, font, **style)
        return self._background()

    def _caption(self) -> Image.Image:
        """Draw a white bar above the picture, and a line on it."""
        bar = 120
        ImageDraw.Draw(self._overlay).rectangle((0, 0, WIDTH, bar), "white")
        line = self._sentence()
        font = self._fitted(line, self._random.choice((36, 48, 60)))
        self._write((30, bar / 2), line, font, fill="black", anchor="lm")
        return self._background()

    def _sticker(self) -> Image.Image:
        """Draw a line on a coloured plate, a little askew."""
        line = self._sentence()
        font = self._fitted(line, self._random.choice((34, 44, 56)))
        width, height = font.getlength(line) + 40, font.size * 1.6
        plate = Image.new("RGBA", (int(width), int(height)))
        ground, ink = self._random.choice(
            (("#ffffff", "#111111"), ("#111111", "#ffffff"), ("#e1306c", "#ffffff"))
        )
        draw = ImageDraw.Draw(plate)
        draw.rounded_rectangle((0, 0, width - 1, height - 1), height / 4, fill=ground)
        self._drawn.append(line)
        draw.text((width / 2, height / 2), line, font=font, fill=ink, anchor="mm")
        turned = plate.rotate(self._random.uniform(-8, 8), Image.Resampling.BICUBIC, expand=True)
        left = self._random.randint(0, max(0, WIDTH - turned.width))
        top = self._random.randint(0, HEIGHT - turned.height)
        self._overlay.paste(turned, (left, top), turned)
        return self._background()

    def _title(self) -> Image.Image:
        line = self._sentence()
        font = self._fitted(line, self._random.choice((60, 80, 110)))
        fill = self._random.choice(COLOURS)
        self._write((WIDTH / 2, HEIGHT / 2), line, font, fill=fill, anchor="mm")
        return Image.new("RGB", SIZE, self._random.choice(DARK))

    def _game(self) -> Image.Image:
        """Draw a banner and the figures of a heads-up display over a picture."""
        line = self._random.choice(BANNERS[self.part])
        font = self._fitted(line, self._random.choice((80, 110, 140)))
        fill = self._random.choice(COLOURS)
        style = {"fill": fill, "stroke_width": 4, "stroke_fill": "#202040", "anchor": "mm"}
        self._write((WIDTH / 2, HEIGHT / 3), line, font, **style)
        display = self._font(30)
        edge = {"stroke_width": 2, "stroke_fill": "black"}
        self._write((30, 24), "PLAYER ONE", display, fill="white", **edge)
        self._write((30, HEIGHT - 60), "HEALTH 72", display, fill="#7cff6b", **edge)
        return ImageOps.posterize(self._background(), 4)

    def _screen(self) -> Image.Image:
        dark = self._random.random() < _DARK_SCREENS
        size = self._random.choice((20, 24, 28))
        font = self._font(size, fixed=self._random.random() < _FIXED_FONTS)
        ink = self._random.choice(("#e6e6e6", "#7cff6b", "#9cdcfe")) if dark else "#202124"
        for row, line in enumerate(self._random.sample(SCREENS[self.part], 6)):
            self._write((40, 60 + row * size * 1.8), line, font, fill=ink)
        return Image.new("RGB", SIZE, self._random.choice(DARK) if dark else "#fafafa")


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
