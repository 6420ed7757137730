"""How long searches take among many clips, and how large the tables get.

``uv run python benchmarks/finding.py --clips 1000000 --database sqlite:////tmp/many.sqlite`` fills
the database first if it is empty; without ``--database``, a temporary SQLite file. ``--check``
compares the made-up rows with those that the stores write. ``--plans`` prints how the database
reads, ``--sizes`` the bytes a clip.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finding_clips import BIG, CHANNELS, COMMON, RARE, SMALL, VICTORY, check, fill
from sqlalchemy import event, func, select, text

from bot.domain.query import (
    MatchKind,
    Order,
    ResolvedClause,
    ResolvedQuery,
    Term,
    TermMatch,
)
from bot.domain.search import PAGE_SIZE, Visibility
from bot.domain.text_lines import letters
from bot.storage.concepts import ConceptStore
from bot.storage.database import Database
from bot.storage.search import COUNTED, FoundClips, SearchStore
from bot.storage.tables import metadata, posted_clips

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

EVERYWHERE = Visibility(frozenset(CHANNELS[BIG]))
THREE = Visibility(frozenset(list(CHANNELS[BIG])[5:8]))


@dataclass(frozen=True, slots=True)
class Measured:
    """A kind of search: what it is called, and one of it at a time."""

    name: str
    run: Callable[[], Awaitable[object]]


def query(*clauses: ResolvedClause, sight: Visibility = EVERYWHERE) -> ResolvedQuery:
    """Return a search in the large server."""
    return ResolvedQuery(clauses, guild_id=BIG, visibility=sight)


def said(words: str) -> ResolvedClause:
    """Return a clause that looks for a text."""
    return ResolvedClause((TermMatch(Term(words), (), letters(words)),))


async def tag(known: ConceptStore, name: str) -> ResolvedClause:
    """Return a clause that looks for a tag, and for its name in texts, as a word does."""
    found = (await known.named({name})).values()
    concepts = tuple((each.number, MatchKind.TAG) for each in found)
    return ResolvedClause((TermMatch(Term(name), concepts, letters(name)),))


async def searches(database: Database) -> list[Measured]:
    """Return all kinds of searches."""
    store, known = SearchStore(database), ConceptStore(database)
    common, frequent, rare = (
        await tag(known, COMMON),
        await tag(known, "concept 40"),
        await tag(known, RARE),
    )
    seldom = await tag(known, "concept 4800")
    many = (await known.named({f"concept {number}" for number in range(100, 160)})).values()
    kind = TermMatch(Term("pet"), tuple((each.number, MatchKind.SYNONYM) for each in many), "zzpet")
    small = Visibility(frozenset(CHANNELS[SMALL]))
    last = partial(store.page, limit=PAGE_SIZE, offset=COUNTED)
    first = partial(store.page, limit=PAGE_SIZE)
    best = partial(store.page, order=Order.BEST, limit=PAGE_SIZE)
    return [
        Measured("common tag", partial(first, query(common))),
        Measured("tag in 1 of 5,000 clips", partial(first, query(seldom))),
        Measured("tag seen once", partial(first, query(rare))),
        Measured("common tag, three channels", partial(first, query(common, sight=THREE))),
        Measured(
            "common tag, small server",
            partial(first, replace(query(common, sight=small), guild_id=SMALL)),
        ),
        Measured("two common tags", partial(first, query(common, frequent))),
        Measured("a common and a rare tag", partial(first, query(common, seldom))),
        Measured("a tag and a text", partial(first, query(frequent, said("victory")))),
        Measured("60 kinds", partial(first, query(ResolvedClause((kind,))))),
        Measured("frequent text", partial(first, query(said(VICTORY)))),
        Measured("part of a rare text", partial(first, query(said("xinuxi ba")))),
        Measured("text that nobody has", partial(first, query(said("qqzzqq")))),
        Measured("text with one letter off", partial(first, query(said("victary royale")))),
        Measured("last page of a common tag", partial(last, query(common))),
        Measured("best of two common tags", partial(best, query(common, frequent))),
        *_suggestions(store),
    ]


def _suggestions(store: SearchStore) -> Iterator[Measured]:
    for name, sight in (("all channels", EVERYWHERE), ("three channels", THREE)):
        where: dict[str, Any] = {"guild_id": BIG, "visibility": sight}
        yield Measured(f"suggested tags, {name}", partial(store.suggest, "con", **where))
        yield Measured(f"suggested texts, {name}", partial(store.suggest_texts, "vic", **where))


async def measure(database: Database, times: int, only: str, *, plans: bool) -> None:
    """Print how long each kind of search takes; the first time is not counted."""
    print("| search | median ms | p95 ms | CPU ms |\n|---|--:|--:|--:|")
    for each in await searches(database):
        if only not in each.name:
            continue
        statements = _Statements(database)
        with statements:
            found = await each.run()
        walls, cpus = [], []
        for _ in range(times):
            wall, cpu = time.perf_counter(), time.process_time()
            await each.run()
            walls.append(1000 * (time.perf_counter() - wall))
            cpus.append(1000 * (time.process_time() - cpu))
        median, high = statistics.median(walls), sorted(walls)[int(times * 0.95)]
        count = found.count if isinstance(found, FoundClips) else "names"
        print(
            f"| {each.name} ({count}) | {median:.0f} | {high:.0f} | {statistics.median(cpus):.0f} |"
        )
        if plans:
            await statements.explain()


class _Statements:
    """Remembers the statements of a search, to print their plans."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = database._reader.sync_engine  # noqa: SLF001 - to listen to it
        self._seen: list[tuple[str, Any]] = []

    def __enter__(self) -> None:
        event.listen(self._engine, "before_cursor_execute", self._note)

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, _c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            self._seen.append((statement, parameters))

    async def explain(self) -> None:
        """Print the plan of each statement, and the time that PostgreSQL's server takes for all."""
        spent = 0.0
        explain = (
            "EXPLAIN (ANALYZE, COSTS OFF)" if self._database.is_postgresql else "EXPLAIN QUERY PLAN"
        )
        async with self._database.reading() as connection:
            for statement, parameters in self._seen:
                began = time.perf_counter()
                (await connection.exec_driver_sql(statement, parameters)).all()
                print(f"-- {1000 * (time.perf_counter() - began):.1f} ms: {statement[:150]!r}")
                if self._database.is_postgresql:
                    await connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1")
                for row in await connection.exec_driver_sql(f"{explain} {statement}", parameters):
                    print("    ", row[-1])
                    if "Time:" in row[-1]:
                        spent += float(row[-1].split()[-2])
        print(f"-- the server took {spent:.1f} ms")


async def print_sizes(database: Database) -> None:
    """Print the bytes a clip in each table with its indexes."""
    total = 0.0
    async with database.reading() as connection:
        clips = await connection.scalar(select(func.count()).select_from(posted_clips)) or 1
        for name in [*sorted(metadata.tables), "posted_texts_index"]:
            size = "SELECT pg_total_relation_size(:name)"
            if name == "posted_texts_index":
                size = "SELECT pg_relation_size(:name)"
            if not database.is_postgresql:
                # Indexes and the tables of FTS5 are named for their table.
                size = (
                    "SELECT sum(pgsize) FROM dbstat WHERE aggregate = 1 AND (name = :name"
                    " OR name LIKE 'sqlite_autoindex_' || :name || '_%'"
                    " OR name LIKE 'ix_' || :name || '_%'"
                    " OR (:name = 'posted_texts_index' AND name LIKE 'posted_texts_index_%'))"
                )
            found = (await connection.scalar(text(size), {"name": name})) or 0
            if found > 100 * clips / 1000:
                print(f"{name}: {found / clips:,.0f} bytes a clip")
            if not (database.is_postgresql and name == "posted_texts_index"):
                total += found
    print(f"all: {total / clips:,.0f} bytes a clip")


async def main(url: str, given: argparse.Namespace) -> None:
    """Fill a database if it is empty, and measure."""
    async with Database.open(url) as database:
        async with database.reading() as connection:
            filled = await connection.scalar(select(posted_clips.c.message_id).limit(1))
        if filled is None:
            began = time.perf_counter()
            await fill(database, given.clips)
            print(f"filled in {time.perf_counter() - began:.0f} s")
        if given.sizes:
            await print_sizes(database)
        await measure(database, given.times, given.only, plans=given.plans)


async def compare(folder: str) -> None:
    """Compare the made-up rows with those that the stores write."""
    urls = [f"sqlite:///{Path(folder) / name}.sqlite" for name in ("stores", "made")]
    async with Database.open(urls[0]) as one, Database.open(urls[1]) as other:
        await check(one, other)
    print("the rows are the same")


if __name__ == "__main__":
    random.seed(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", default="")
    parser.add_argument("--database")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--sizes", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        default = f"sqlite:///{Path(temporary) / 'found.sqlite'}"
        if options.check:
            asyncio.run(compare(temporary))
        else:
            asyncio.run(main(options.database or default, options))
