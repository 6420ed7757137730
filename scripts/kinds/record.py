"""Records programs on a display that nobody sees, while keys and the mouse are used at random.

    uv run --group models python -m scripts.kinds.record FOLDER

It needs Debian with ``xvfb``, ``xdotool``, ``dbus-x11`` and the packages of ``sources``; a program
that is not installed is left out. OpenGL runs in software. Run it in a container: it starts
hundreds of programs and plays with them.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shlex
import signal
import struct
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bot.domain.kind import Kind
from scripts.kinds.sources import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.media.decode.scaling import Picture

SIZE = (960, 600)
SECONDS, WARM_UP = 25.0, 7.0
MAX_PICTURES = 30
DISPLAY = ":87"
GAME_KEYS = ("Return", "space", "Left", "Right", "Up", "Down", "ctrl", *"wasdzxn1")
WORDS = ("import", "def", "return", "class", "error", "hello", "what", "is", "this", "for", "in")
# Of pictures: what counts as black, the smallest ones, and how different two in a row must be.
MAX_BLACK, MIN_WIDTH, MIN_HEIGHT, MIN_CHANGE, MIN_DEVIATION = 24, 150, 120, 0.3, 4
CLICKS, SENTENCES, KEYS = 0.3, 0.4, 0.3  # shares of what is done


def command_of(package: str) -> str | None:
    """Return the command in a package's desktop entry, or else its program among the games."""
    listed = Path(f"/var/lib/dpkg/info/{package}.list")
    if not listed.exists():
        return None
    files = listed.read_text().splitlines()
    for entry in (Path(file) for file in files if file.endswith(".desktop")):
        found = re.search(r"^Exec=(.*)$", entry.read_text(errors="replace"), re.MULTILINE)
        if found:
            return re.sub(r"%[a-zA-Z]", "", found[1]).strip()
    return next((file for file in files if file.startswith("/usr/games/")), None)


def record(command: str, chance: random.Random, *, playing: bool) -> list[Picture]:
    """Run a program and return its pictures, about a second apart, without repeated ones."""
    pictures: list[Picture] = []
    with tempfile.TemporaryDirectory() as home, _display(home) as frame_buffer:
        environment = dict(os.environ, DISPLAY=DISPLAY, HOME=home, LIBGL_ALWAYS_SOFTWARE="1")
        environment |= {"SDL_AUDIODRIVER": "dummy", "QT_X11_NO_MITSHM": "1"}
        with _running(["dbus-run-session", "--", *shlex.split(command)], environment) as program:
            end, due = time.monotonic() + WARM_UP + SECONDS, time.monotonic() + WARM_UP
            while time.monotonic() < end and program.poll() is None:
                _use(environment, _game_input(chance) if playing else _typing(chance))
                if time.monotonic() > due:
                    due = time.monotonic() + 1
                    _add(pictures, read_dump(frame_buffer))
    return pictures[:: max(1, len(pictures) // MAX_PICTURES)]


def read_dump(path: Path) -> Picture:
    """Read the picture in a file of Xvfb's, in the format of xwd(1)."""
    content = path.read_bytes()
    header = struct.unpack(">25I", content[:100])
    width, height, row = header[4], header[5], header[12]
    pixels = np.frombuffer(content, np.uint8, row * height, header[0] + header[19] * 12)
    return pixels.reshape(height, row)[:, : width * 4].reshape(height, width, 4)[..., 2::-1]


def without_border(pictures: list[Picture]) -> list[Picture]:
    """Cut off what is black in all pictures: a small window leaves most of the display black."""
    lit = np.any([picture.max(axis=2) > MAX_BLACK for picture in pictures], axis=0)
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    if len(rows) < MIN_HEIGHT or len(columns) < MIN_WIDTH:
        return []
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return [picture[area] for picture in pictures]


@contextmanager
def _display(folder: str) -> Iterator[Path]:
    command = ["Xvfb", DISPLAY, "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-fbdir", folder]
    with _running(command, dict(os.environ)):
        time.sleep(1)
        yield Path(folder) / "Xvfb_screen0"


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(  # noqa: S603 - the programs of ``sources``
        command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True
    ) as program:
        try:
            yield program
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def _use(environment: dict[str, str], actions: list[str]) -> None:
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(["xdotool", *actions], env=environment, check=False, timeout=10)  # noqa: S603, S607
    time.sleep(0.2)


def _game_input(chance: random.Random) -> list[str]:
    if chance.random() < CLICKS:
        return [*_mouse(chance), "click", "1"]
    key = chance.choice(GAME_KEYS)
    return ["keydown", key, "sleep", f"{chance.uniform(0.1, 0.5):.2f}", "keyup", key]


def _typing(chance: random.Random) -> list[str]:
    what = chance.random()
    if what < SENTENCES:
        return ["type", " ".join(chance.choices(WORDS, k=chance.randrange(2, 9)))]
    if what < SENTENCES + KEYS:
        return ["key", chance.choice(("Return", "Down", "Next"))]
    return [*_mouse(chance), "click", chance.choice("155")]


def _mouse(chance: random.Random) -> list[str]:
    return ["mousemove", *(str(chance.randrange(side)) for side in SIZE)]


def _add(pictures: list[Picture], picture: Picture) -> None:
    changed = not pictures or np.abs(picture.astype(np.int16) - pictures[-1]).mean() > MIN_CHANGE
    if changed and picture.std() > MIN_DEVIATION:
        pictures.append(picture)


def main() -> None:
    """Record all programs that have no pictures yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    for source in listed():
        target = folder / source.kind / source.name
        command = source.command or command_of(source.packages[0])
        if not command or target.exists() or source.kind not in {Kind.GAME, Kind.SCREEN}:
            continue
        chance = random.Random(source.name)  # noqa: S311 - which keys are pressed
        pictures = without_border(record(command, chance, playing=source.kind is Kind.GAME))
        target.mkdir(parents=True)
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).save(target / f"{number:03}.png")
        print(f"{source.kind}: {source.name}: {len(pictures)}")


if __name__ == "__main__":
    main()
