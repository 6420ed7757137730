"""Size of the search index and duration of searches: ``python benchmarks/search.py``.

Clips are a minute long, with twenty concepts a second out of 5,000 (as rare as words), in four
servers. ``--clips`` is their number, ``--database`` an empty database; by default a temporary
SQLite file.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.search import SearchQuery, Visibility
from bot.domain.tagging import Tagging
from bot.storage.database import Database
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.search import SearchStore
from bot.storage.tables import search_scores
from bot.storage.taggings import TaggingStore

if TYPE_CHECKING:
    from collections.abc import Awaitable

SECONDS, SCENE, SEEN, GUILDS = 60, 10, 20, 4
NAMES = [f"concept {number}" for number in range(5000)]
RARITY = [1 / (number + 1) for number in range(len(NAMES))]
TAGGER = TaggerIdentity("local", "made-up", 0.5)
CHANNELS = range(10, 30)
TABLES = ("taggings", "search_scores", "search_taggings", "search_concepts", "posted_clips")


def frames(chance: random.Random) -> tuple[Frame, ...]:
    """Make up the frames of a clip, with a new scene every few seconds."""
    made: list[Frame] = []
    scene: list[str] = []
    for second in range(SECONDS):
        if second % SCENE == 0:
            scene = list(dict.fromkeys(chance.choices(NAMES, RARITY, k=SEEN * 3 // 2)))[:SEEN]
        concepts = tuple(Concept(name, round(chance.random(), 4)) for name in scene)
        made.append(Frame(second * 1000, concepts))
    return tuple(made)


async def fill(database: Database, clips: int) -> None:
    """Store and post clips, and print the CPU time."""
    chance = random.Random(1)  # noqa: S311 - numbers to measure with
    taggings, posted = TaggingStore(database), PostedClipStore(database)
    began = time.process_time()
    for number in range(clips):
        info = ClipInfo(ClipFormat.MP4, 1, SECONDS * 1000, f"sha256:{number:064x}")
        await taggings.save(Tagging(info, frames(chance), TAGGER))
        where = (number % GUILDS + 1, CHANNELS[number % len(CHANNELS)], number % 50)
        await posted.add([PostedClip(number + 1, info.fingerprint, *where, datetime.now(UTC))])
    print(f"filled: {1000 * (time.process_time() - began) / clips:.1f} ms of CPU a clip")


async def print_sizes(database: Database) -> None:
    """Print the size of each table with its indexes."""
    async with database.reading() as connection:
        rows = await connection.scalar(select(func.count()).select_from(search_scores))
        print(f"rows in the index: {rows:,}")
        for table in TABLES:
            size = "SELECT pg_total_relation_size(:name)"
            if not database.is_postgresql:
                # A table's indexes are named for it.
                size = (
                    "SELECT sum(pgsize) FROM dbstat WHERE name = :name"
                    " OR name LIKE 'sqlite_autoindex_' || :name || '%'"
                    " OR name LIKE 'ix_' || :name || '%'"
                )
            found = await connection.scalar(text(size), {"name": table})
            print(f"{table}: {(found or 0) / 1e6:.1f} MB")


async def timed(what: str, work: Awaitable[object]) -> None:
    """Await some work and print its duration."""
    began, cpu = time.perf_counter(), time.process_time()
    await work
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    print(f"{what}: {1000 * wall:.0f} ms, {1000 * used:.0f} ms of it on this process' CPU")


async def search(database: Database) -> None:
    """Search one server for a frequent and for rare concepts, and suggest tags."""
    index, visibility = SearchStore(database), Visibility(frozenset(CHANNELS))
    for name in (NAMES[0], NAMES[50], NAMES[-1]):
        concept = await index.named(name)
        if concept is None:
            continue
        query = SearchQuery(concept.number, 1, visibility=visibility)
        hits = await index.count(query)
        await timed(f"{name}, {hits} hits, count", index.count(query))
        await timed(f"{name}, {hits} hits, a page", index.find(query, limit=8))
    for typed in ("", "con", "50"):
        await timed(f"suggest {typed!r}", index.suggest(typed, guild_id=1, visibility=visibility))


async def main(url: str, clips: int) -> None:
    """Measure on a database."""
    async with Database.open(url) as database:
        await fill(database, clips)
        await print_sizes(database)
        await search(database)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        default = f"sqlite:///{Path(folder) / 'found.sqlite'}"
        asyncio.run(main(given.database or default, given.clips))
