"""Made-up posted clips for ``benchmarks/finding.py``, written as fast as the database takes them.

The rows are those that the stores write, which ``check`` compares. Clips take 15 seconds, have four
concepts a second out of 5,000 (as rare as words), and four of ten have text on the screen. Half of
them are in one server of 200 channels, one in a thousand in a small server.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, text

from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, SenseIdentity, TaggerIdentity
from bot.domain.outcome import Tagged, outcome_to_json
from bot.domain.query import MatchKind
from bot.domain.search import best_scores, first_snowflake, normalize
from bot.domain.seconds import seconds_above
from bot.domain.tagging import Tagging
from bot.domain.text_lines import TextLine, letters
from bot.storage.frame_codec import FRAMES_FORMAT, encode, encode_text
from bot.storage.job_records import JobRecord, JobRecordStore
from bot.storage.posted_clips import PostedClip
from bot.storage.senses import TextStore
from bot.storage.tables import (
    job_record_messages,
    job_record_people,
    job_records,
    metadata,
    posted_clips,
    posted_concepts,
    posted_texts,
    search_concepts,
    search_scores,
    search_taggings,
    sense_observations,
    taggings,
)
from bot.storage.taggings import TaggingStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.storage.database import Database

TAGGER = TaggerIdentity("local", "made-up", 0.5, "r1")
READER = SenseIdentity("text", "1")
SECONDS, SCENE, SEEN = 15, 5, 4
LENGTH = SECONDS * 1000
BIG, SMALL = 1, 2
CHANNELS = {BIG: range(1_000, 1_200), SMALL: range(2_000, 2_003)}
OTHERS = range(10, 60)
COMMON, RARE = "concept 0", "seen once"
VICTORY = "VICTORY ROYALE"
_NAMES = [f"concept {number}" for number in range(5_000)]
_RARITY = [1 / (number + 2) for number in range(len(_NAMES))]
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_SYLLABLES = ("ba", "ko", "ri", "ten", "mu", "lo", "sha", "ve", "pin", "dor", "ga", "xi", "nu")
_LINES = (VICTORY, "ELIMINATED", "GAME OVER", "PRESS START", "ROUND 3", "LEVEL UP", "subscribe")
_BATCH = 2_000
_MADE = 50_000
_PERIOD = timedelta(days=730)
_ONCE = "(SELECT id FROM search_concepts WHERE name = 'seen once')"
_TABLES = (
    *(taggings, sense_observations, search_taggings, search_scores, posted_clips),
    *(posted_concepts, posted_texts, job_records, job_record_messages, job_record_people),
)
_KINDS = 3_000
_SEEN_ONCE = 1_235


@dataclass(frozen=True, slots=True)
class MadeClip:
    """A made-up clip, what is in it, and where it was posted."""

    posted: PostedClip
    tagging: Tagging
    lines: tuple[TextLine, ...]

    @property
    def record(self) -> JobRecord:
        """The record of the job that tagged it."""
        clip = self.posted
        return JobRecord(
            f"message-{clip.message_id}",
            clip.channel_id,
            (Tagged(clip.name or "", clip.fingerprint),),
            clip.guild_id,
            (clip.message_id,),
            (clip.author_id or 0,),
        )


@cache
def _frames(kind: int) -> tuple[Frame, ...]:
    """Make up the frames of a clip with a new scene every few seconds."""
    chance = random.Random(kind)  # noqa: S311 - numbers to measure with
    made: list[Frame] = []
    names: list[str] = []
    for second in range(SECONDS):
        if second % SCENE == 0:
            names = list(dict.fromkeys(chance.choices(_NAMES, _RARITY, k=SEEN + 2)))[:SEEN]
        if kind == _KINDS:
            names = [RARE]
        seen = tuple(Concept(name, round(chance.uniform(0.3, 1), 4)) for name in names)
        made.append(Frame(second * 1000, seen))
    return tuple(made)


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4)))


def _text(chance: random.Random) -> tuple[TextLine, ...]:
    if chance.random() > 0.4:  # noqa: PLR2004 - as above
        return ()
    lines = [" ".join(_word(chance) for _ in range(2)) for _ in range(chance.randint(0, 5))]
    lines += chance.choices(_LINES, k=1) if chance.random() < 0.5 else []  # noqa: PLR2004 - half
    starts = [(line, chance.randrange(SECONDS - 2)) for line in lines]
    return tuple(TextLine(line, start, start + 2, 0.95) for line, start in starts)


def made_clip(number: int, clips: int) -> MadeClip:
    """Make up a clip, always the same for a number out of a number of clips."""
    chance = random.Random(number)  # noqa: S311 - as above
    moment = _FIRST + _PERIOD * (number / clips)
    guild = SMALL if number % 1000 == 1 else BIG if number % 2 else OTHERS[number // 2 % 50]
    channels = CHANNELS.get(guild, range(guild * 10_000, guild * 10_000 + 20))
    channel = chance.choice(channels)
    in_thread = chance.random() < 0.1  # noqa: PLR2004 - one of ten
    clip = PostedClip(
        first_snowflake(moment) + number % 4096,
        f"sha256:0000{chance.getrandbits(240):060x}",
        guild,
        channel * 100 + chance.randrange(50) if in_thread else channel,
        chance.randrange(5_000) + 1,
        moment,
        channel if in_thread else None,
        position=1,
        clips=1,
        name=f"{_word(chance)}-{_word(chance)}.mp4",
    )
    kind = _KINDS if number == _SEEN_ONCE else chance.randrange(_KINDS)
    tagging = Tagging(
        ClipInfo(ClipFormat.MP4, 9_000_000, LENGTH, clip.fingerprint), _frames(kind), TAGGER
    )
    return MadeClip(clip, tagging, _text(chance))


async def fill_by_stores(database: Database, clips: int) -> None:
    """Store made-up clips as the bot does."""
    taggings_, texts, records = (
        TaggingStore(database),
        TextStore(database, READER),
        JobRecordStore(database),
    )
    for number in range(clips):
        made = made_clip(number, clips)
        await taggings_.save(made.tagging)
        if made.lines:
            await texts.save(made.posted.fingerprint, made.lines)
        await records.add(made.record)
        await records.save_outcomes(made.record.job_id, made.record.outcomes, [made.posted])


async def fill(database: Database, clips: int) -> None:
    """Store made-up clips, many at once; of very many, most are earlier ones posted again later."""
    made = min(clips, _MADE)
    await _fill(database, made, clips)
    for number in range(1, clips // made):
        await _repeat(database, number, made, clips)
        print(f"{(number + 1) * made:,} clips stored", flush=True)
    await _settle(database)


async def _repeat(database: Database, number: int, made: int, clips: int) -> None:
    """Store all made-up clips once more, as other clips."""
    period = first_snowflake(_FIRST + _PERIOD * made / clips) - first_snowflake(_FIRST)
    changed = {
        "fingerprint": f"'sha256:{number:04x}' || substr(fingerprint, 12)",
        "message_id": f"message_id + {number * period}",
        "job_id": f"job_id || '-{number}'",
        "tagging": f"tagging + {number * made}",
    }
    originals = {
        "fingerprint": "fingerprint LIKE 'sha256:0000%'",
        "message_id": f"message_id < {first_snowflake(_FIRST) + period}",
        "tagging": f"tagging <= {made} AND concept <> {_ONCE}",
        "job_id": "job_id NOT LIKE 'message-%-%'",
    }
    async with database.writing() as connection:
        for table in _TABLES:
            columns = [column.name for column in table.columns]
            step = made if table is search_taggings else 3 * made
            own = {**changed, "id": f"id + {number * step}"}
            values = ", ".join(own.get(name, name) for name in columns)
            which = " AND ".join(originals[name] for name in columns if name in originals)
            if database.is_postgresql:
                which = which.replace("%", "%%")
            await connection.exec_driver_sql(
                f"INSERT INTO {table.name} ({', '.join(columns)})"  # noqa: S608 - our names
                f" SELECT {values} FROM {table.name} WHERE {which}"
            )


async def _fill(database: Database, made: int, clips: int) -> None:
    writer = _Writer(await _concepts(database))
    async with database.writing() as connection:
        if not database.is_postgresql:
            await connection.exec_driver_sql("PRAGMA cache_size = -1500000")
        for first in range(0, made, _BATCH):
            numbers = range(first, min(first + _BATCH, made))
            for table, rows in writer.rows([made_clip(number, clips) for number in numbers]):
                await _insert(connection, table, rows)


async def _concepts(database: Database) -> dict[str, int]:
    names = [*_NAMES, RARE]
    rows = [{"normalized": normalize(name), "name": name} for name in names]
    async with database.writing() as connection:
        await connection.execute(insert(search_concepts), rows)
        found = await connection.execute(select(search_concepts.c.name, search_concepts.c.id))
        return {row.name: row.id for row in found}


async def _insert(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        names = list(rows[0])
        values = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values})"  # noqa: S608 - our names
        bound = [tuple(_bound(row[name]) for name in names) for row in rows]
        await connection.exec_driver_sql(statement, bound)
        return
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None  # noqa: S101 - it is open
    async with raw.cursor() as cursor:
        columns = ", ".join(rows[0])
        async with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
            for row in rows:
                await copy.write_row(tuple(row.values()))


def _bound(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


class _Writer:
    """Makes the rows of all tables, as the stores write them."""

    def __init__(self, concepts: dict[str, int]) -> None:
        self._concepts = concepts
        self._tagging = 0
        self._text = 0
        self._kinds: dict[int, tuple[bytes, list[tuple[int, float, int | None]]]] = {}

    def rows(self, clips: list[MadeClip]) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
        """Yield the rows of some clips, one table after the other."""
        rows: dict[Table, list[dict[str, Any]]] = {table: [] for table in _TABLES}
        for clip in clips:
            self._add_tagging(rows, clip)
            self._add_posted(rows, clip)
            self._add_texts(rows, clip)
            self._add_record(rows, clip)
        yield from rows.items()

    def _seen(self, tagging: Tagging) -> tuple[bytes, list[tuple[int, float, int | None]]]:
        """Return the encoded frames and the scores; many clips have the same."""
        kind = id(tagging.frames)
        if kind not in self._kinds:
            scores, seconds = best_scores(tagging.frames, LENGTH), seconds_above(tagging)
            found = [
                (self._concepts[each.name], each.score, seconds.get(name))
                for name, each in scores.items()
            ]
            self._kinds[kind] = encode(tagging.frames), found
        return self._kinds[kind]

    def _add_tagging(self, rows: dict[Table, list[dict[str, Any]]], clip: MadeClip) -> None:
        frames, scores = self._seen(clip.tagging)
        self._tagging += 1
        key = {
            "fingerprint": clip.posted.fingerprint,
            "tagger": TAGGER.name,
            "model": TAGGER.model,
            "revision": TAGGER.revision,
            "sampling": TAGGER.sampling,
        }
        rows[taggings].append(
            key
            | {
                "format": clip.tagging.info.format.value,
                "size": clip.tagging.info.size,
                "duration": LENGTH,
                "frames": frames,
                "frames_format": FRAMES_FORMAT,
                "created_at": clip.posted.posted_at,
                "thumbnails": None,
                "proxied": False,
                "unreadable": None,
                "description": None,
            }
        )
        threshold = {"default_threshold": TAGGER.default_threshold}
        rows[search_taggings].append({"id": self._tagging} | key | threshold)
        for concept, score, seconds in scores:
            own = {"tagging": self._tagging, "concept": concept, "score": score}
            rows[search_scores].append(own | {"seconds": seconds})
            rows[posted_concepts].append(
                {
                    "concept": concept,
                    "guild_id": clip.posted.guild_id,
                    "message_id": clip.posted.message_id,
                    "tagging": self._tagging,
                    **_place(clip.posted),
                    "score": score,
                }
            )

    def _add_posted(self, rows: dict[Table, list[dict[str, Any]]], clip: MadeClip) -> None:
        posted = clip.posted
        rows[posted_clips].append(
            {
                "message_id": posted.message_id,
                "fingerprint": posted.fingerprint,
                "guild_id": posted.guild_id,
                "channel_id": posted.channel_id,
                "author_id": posted.author_id,
                "posted_at": posted.posted_at,
                "parent_id": posted.parent_id,
                "private": posted.private,
                "position": posted.position,
                "clips": posted.clips,
                "alerted": False,
                "game": None,
            }
        )

    def _add_texts(self, rows: dict[Table, list[dict[str, Any]]], clip: MadeClip) -> None:
        posted = clip.posted
        if clip.lines:
            rows[sense_observations].append(
                {
                    "fingerprint": posted.fingerprint,
                    "sense": READER.name,
                    "revision": READER.revision,
                    "observations": encode_text(clip.lines),
                    "created_at": posted.posted_at,
                }
            )
            said = "\n".join(letters(line.text) for line in clip.lines)
            spans = " ".join(f"{line.start}-{line.end}" for line in clip.lines)
            rows[posted_texts].append(self._text_row(posted, MatchKind.TEXT, said, spans, None))
        stem = letters((posted.name or "").removesuffix(".mp4"))
        name = self._text_row(posted, MatchKind.FILE_NAME, stem, None, posted.name)
        rows[posted_texts].append(name)

    def _text_row(
        self, posted: PostedClip, kind: MatchKind, said: str, spans: str | None, written: str | None
    ) -> dict[str, Any]:
        self._text += 1
        return {
            "id": self._text,
            "guild_id": posted.guild_id,
            "message_id": posted.message_id,
            **_place(posted),
            "fingerprint": posted.fingerprint,
            "kind": int(kind),
            "letters": said,
            "spans": spans,
            "written": written,
        }

    def _add_record(self, rows: dict[Table, list[dict[str, Any]]], clip: MadeClip) -> None:
        record, posted = clip.record, clip.posted
        rows[job_records].append(
            {
                "job_id": record.job_id,
                "guild_id": posted.guild_id,
                "channel_id": posted.channel_id,
                "clips": json.dumps([outcome_to_json(each) for each in record.outcomes]),
                "reply_channel_id": None,
                "reply_id": None,
                "created_at": posted.posted_at,
                "parent_id": None,
            }
        )
        rows[job_record_messages].append({"message_id": posted.message_id, "job_id": record.job_id})
        rows[job_record_people].append({"user_id": posted.author_id, "job_id": record.job_id})


def _place(posted: PostedClip) -> dict[str, Any]:
    return {
        "channel_id": posted.channel_id,
        "parent_id": posted.parent_id or 0,
        "private": posted.private,
    }


async def _settle(database: Database) -> None:
    """Tell PostgreSQL what it finds out by itself in time; it goes on counting from our numbers."""
    if not database.is_postgresql:
        return
    async with database.writing() as connection:
        for name in ("search_taggings", "posted_texts"):
            latest = f"(SELECT coalesce(max(id), 1) FROM {name})"  # noqa: S608 - our names
            await connection.execute(text(f"SELECT setval('{name}_id_seq', {latest})"))
    async with database.reading() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.exec_driver_sql("VACUUM ANALYZE")


async def check(one: Database, other: Database, clips: int = 300) -> None:
    """Fill two empty databases, one through the stores, and compare every row of every table."""
    await fill_by_stores(one, clips)
    await fill(other, clips)
    for table in metadata.sorted_tables:
        rows = [await _rows(database, table) for database in (one, other)]
        assert rows[0] == rows[1], table.name  # noqa: S101 - that is what it is for


async def _rows(database: Database, table: Table) -> list[str]:
    """Return what differs in no way between the two: numbers and times of storing do."""
    skipped = {"id", "tagging", "concept", "created_at", "observations", "frames"}
    columns = [column for column in table.columns if column.name not in skipped]
    if table is search_concepts or not columns:
        return []
    async with database.reading() as connection:
        return sorted(repr(tuple(row)) for row in await connection.execute(select(*columns)))


if __name__ == "__main__":
    asyncio.run(asyncio.sleep(0))
