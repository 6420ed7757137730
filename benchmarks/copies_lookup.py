"""Measure how long looking up a copy takes: ``python benchmarks/copies_lookup.py``.

Fills ``--database`` (by default a temporary SQLite file) with ``--clips`` hashes of made-up clips,
a twentieth of them as long as the one sought, and prints the times of lookups.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Table, insert, text

from bot.domain.concepts import TaggerIdentity
from bot.domain.perceptual_hash import STEPS, PerceptualHash, PictureHash
from bot.storage.copies import CopyStore
from bot.storage.database import Database
from bot.storage.tables import perceptual_hashes, posted_clips, search_taggings, taggings

TAGGER = TaggerIdentity("clarifai", "made-up", 0.94)
SECONDS, GUILDS, LOOKUPS, BATCH = 15, 4, 50, 5_000
LENGTH = SECONDS * 1000
ROWS = {"tagger": TAGGER.name, "model": TAGGER.model, "revision": "", "sampling": TAGGER.sampling}


def made(number: int) -> PerceptualHash:
    """Make up the hash of a clip: neighbouring steps are alike, as in pictures."""
    chance = random.Random(number)  # noqa: S311 - numbers to measure with
    level, steps = 0.0, []
    for _ in range(STEPS):
        level = level * 0.6 + chance.gauss(0, 20)
        steps.append(max(-127, min(127, round(level))))
    rises = sum(1 << bit for bit, step in enumerate(steps) if step > 0)
    falls = ~rises & (1 << STEPS) - 1
    seconds = tuple(PictureHash(rises, falls, chance.getrandbits(64)) for _ in range(SECONDS))
    return PerceptualHash(seconds, tuple(steps))


async def fill(database: Database, clips: int) -> None:
    """Store the hashes, in batches."""
    for first in range(1, clips + 1, BATCH):
        numbers = range(first, min(first + BATCH, clips + 1))
        rows = await asyncio.to_thread(_rows, numbers)
        async with database.writing() as connection:
            for table, values in rows.items():
                await connection.execute(insert(table), values)
    async with database.writing() as connection:
        await connection.execute(text("ANALYZE"))


def _rows(numbers: range) -> dict[Table, list[dict[str, object]]]:
    rows: dict[Table, list[dict[str, object]]] = {
        table: [] for table in (taggings, search_taggings, perceptual_hashes, posted_clips)
    }
    now = datetime.now(UTC)
    for number in numbers:
        name, found = f"sha256:{number}", made(number)
        length = LENGTH if number % 20 == 0 else 20_000 + number % 580_000
        own = {"fingerprint": name, **ROWS}
        rows[taggings].append(
            {
                **own,
                "format": "mp4",
                "size": 1,
                "duration": length,
                "frames": b"",
                "frames_format": 1,
                "created_at": now,
            }
        )
        rows[search_taggings].append({"id": number, **own, "default_threshold": 0.94})
        keys = {f"key_{place}": key for place, key in enumerate(found.keys(), 1)}
        hashed = {"duration": length, "hash": found.as_bytes(), "original": True, **keys}
        rows[perceptual_hashes].append({"tagging": number, **hashed})
        rows[posted_clips].append(
            {
                "message_id": number,
                "fingerprint": name,
                "guild_id": number // 20 % GUILDS,
                "channel_id": 1,
                "posted_at": now,
            }
        )
    return rows


async def main() -> None:
    """Fill the database and look clips up: known ones, and ones without a copy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--database")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = asked.database or f"sqlite:///{Path(folder) / 'copies.db'}"
        async with Database.open(url) as database:
            await fill(database, asked.clips)
            store = CopyStore(database)
            for title, numbers in (
                ("known", range(20, 20 * LOOKUPS + 1, 20)),
                ("unknown", range(-LOOKUPS, 0)),
            ):
                await _look_up(store, title, numbers)


async def _look_up(store: CopyStore, title: str, numbers: range) -> None:
    found, walls = 0, []
    for number in numbers:
        sought = made(number)
        began = time.perf_counter()
        originals = await store.originals_of(
            sought, LENGTH, TAGGER, f"guild-{number // 20 % GUILDS}"
        )
        walls.append((time.perf_counter() - began) * 1000)
        found += f"sha256:{number}" in originals
    middle, longest = statistics.median(walls), max(walls)
    print(f"{title}: {found} of {len(walls)} found, {middle:.1f} ms, at most {longest:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
