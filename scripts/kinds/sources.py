"""Where the pictures come from: free programs, photographs and drawings, all in public packages.

``sources.tsv`` has the kind, a name, the packages (of Debian, npm or PyPI), the licence, and for
programs the command, unless the package's desktop entry has it.

These are kept out, as quality is also measured with them elsewhere: VizDoom, the Arcade Learning
Environment, crafter, SuperTuxKart, SuperTux, Extreme Tux Racer, OpenTTD, Frozen Bubble, Neverball,
Big Buck Bunny, Megamind, Live2D, Wesnoth, KDE's wallpapers and Geany.
"""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass
from pathlib import Path

from bot.domain.kind import Kind

LIST = Path(__file__).parent / "sources.tsv"
_PARTS, _REPORTED_PART = 8, 7
REPORTED_PHOTOGRAPHS = "photographs-reported"
"""Those of ``benchmarks/photographs.tsv`` that are for reporting."""


@dataclass(frozen=True, slots=True)
class Source:
    """A program, or a package of pictures; ``command`` is empty if its desktop entry has it."""

    kind: Kind
    name: str
    packages: tuple[str, ...]
    command: str


def listed() -> list[Source]:
    """Return all sources in the order of the list."""
    with LIST.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Source(Kind(row["kind"]), row["source"], tuple(row["packages"].split()), row["command"])
        for row in rows
    ]


def is_reported(kind: Kind, name: str) -> bool:
    """Return whether a source is never trained on: ``benchmarks/quality_kinds.py`` reports on it.

    A photograph's caption doesn't make it another source.
    """
    kind = Kind.PHOTO if kind is Kind.MEME else kind
    drawn = zlib.crc32(f"{kind} {name}".encode()) % _PARTS == _REPORTED_PART
    return drawn or name == REPORTED_PHOTOGRAPHS
