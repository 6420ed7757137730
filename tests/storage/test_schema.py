from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, SenseIdentity, TaggerIdentity
from bot.domain.job import Reply
from bot.domain.kind import Kind
from bot.domain.query import MatchKind, ResolvedClause, ResolvedQuery, Term, TermMatch
from bot.domain.settings import GuildSettings
from bot.domain.tagging import SecondRange, Tagging
from bot.domain.text_lines import TextLine
from bot.errors import ConfigError
from bot.storage import migrations, schema, text_index
from bot.storage.database import Database
from bot.storage.engine import DatabaseAddress, begin_for_writing, create_engine
from bot.storage.frame_codec import encode_text
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import JobRecord, JobRecordStore
from bot.storage.meta import MetaStore
from bot.storage.search import SearchStore
from bot.storage.senses import TextStore
from bot.storage.tables import metadata, usage
from bot.storage.taggings import TaggingStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import ReflectedIndex
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tests.stand_ins.postgres import PostgresServer

# The tables that the last development version made on SQLite.
BEFORE_RELEASE = Path(__file__).with_name("before_release.sql")

SCRIPTS = ScriptDirectory(str(Path(migrations.__file__).parent))

# Rows as each released revision stored them; a new revision adds its own entry.
# The bytes are one frame in format 1: {"names":["cat"],"frames":[[1000,[0],[0.95]]]}
FRAMES = (
    "789cab56ca4bcc4d2d56b28a564a4e2c518ad5514a2b820a441b1a1818e8441bc402b19ea5696c6c6c2d0051b30ddc"
)
ROWS: dict[str, Sequence[tuple[str, Mapping[str, object]]]] = {
    "2001": [
        (
            """INSERT INTO taggings VALUES ('sha256:ab', 'local', 'net', 'r1', 1000,
                'mp4', 9, 2000, :frames, 1, '2026-01-02 03:04:05.000006', NULL, FALSE)""",
            {"frames": bytes.fromhex(FRAMES)},
        ),
        ("INSERT INTO thresholds VALUES (42, 'local:net', 0.7)", {}),
        ("INSERT INTO meta VALUES ('commands', 'abc')", {}),
        ("INSERT INTO rate_limits VALUES ('clarifai', 1767323045.5)", {}),
        (
            """INSERT INTO posted_clips VALUES
                (1, 'sha256:ab', 2, 3, 4, '2026-01-02 03:04:05', 8, FALSE, 1, 1, FALSE)""",
            {},
        ),
        ("INSERT INTO usage VALUES ('message-1 sha256:ab', 'guild-2', '2026-01', 9)", {}),
        ("INSERT INTO usage VALUES ('message-5 sha256:ab', 'guild-2', '2026-01', 3)", {}),
        ("INSERT INTO opt_outs VALUES (5)", {}),
        ("INSERT INTO guild_settings VALUES (42, 'autotag', 'false')", {}),
        ("INSERT INTO guild_settings VALUES (42, 'retention_days', '30')", {}),
        (
            """INSERT INTO job_records VALUES
                ('message-1', 2, 3, '[4, 5]', '[]', 3, 9, '2026-01-02 03:04:05')""",
            {},
        ),
        ("INSERT INTO job_record_messages VALUES (1, 'message-1')", {}),
        ("INSERT INTO search_concepts VALUES (1, 'cat', 'cat')", {}),
        (
            "INSERT INTO search_taggings VALUES (1, 'sha256:ab', 'local', 'net', 'r1', 1000, 0.5)",
            {},
        ),
        ("INSERT INTO search_scores VALUES (1, 1, 0.95)", {}),
        ("INSERT INTO watches VALUES (2, 'cat', 'Cat', 3, 0.7)", {}),
    ],
    "2002": [
        (
            """INSERT INTO taggings VALUES ('sha256:ab', 'local', 'net', 'r1', 1000,
                'mp4', 9, 2000, :frames, 1, '2026-01-02 03:04:05.000006', NULL, FALSE)""",
            {"frames": bytes.fromhex(FRAMES)},
        ),
        ("INSERT INTO thresholds VALUES (42, 'local:net', 0.7)", {}),
        ("INSERT INTO meta VALUES ('commands', 'abc')", {}),
        ("INSERT INTO guild_settings VALUES (42, 'autotag', 'false')", {}),
        ("INSERT INTO guild_settings VALUES (42, 'retention_days', '30')", {}),
        ("INSERT INTO usage VALUES ('2026-01 guild-2', 'guild-2', '2026-01', 9)", {}),
        (
            """INSERT INTO job_records VALUES
                ('message-1', 2, 3, '[]', 3, 9, '2026-01-02 03:04:05', 8)""",
            {},
        ),
        ("INSERT INTO job_record_messages VALUES (1, 'message-1')", {}),
        ("INSERT INTO job_record_people VALUES (4, 'message-1')", {}),
        ("INSERT INTO reply_deletions VALUES (9, 3, '2026-01-02 03:04:05')", {}),
    ],
}


@pytest.fixture
def database_url(new_database_url: str) -> str:
    return new_database_url


@pytest.fixture
def sqlite_url(new_sqlite_url: str) -> str:
    return new_sqlite_url


def with_tagging(revision: str, columns: str) -> list[tuple[str, Mapping[str, object]]]:
    """Return the rows of a revision, with more columns in the one of ``taggings``."""
    (tagging, values), *others = ROWS[revision]
    return [(f"{tagging.removesuffix(')')}, {columns})", values), *others]


# Revision 2003 adds the seconds that could not be read.
ROWS["2003"] = with_tagging("2002", "'[[1,2]]'")
# Revision 2004 only adds tables.
ROWS["2004"] = [
    *ROWS["2003"],
    (
        """INSERT INTO index_runs VALUES
            (1, 2, 4, 'running', 5, 1, 1, 3, 7, '2026-01-02 03:04:05')""",
        {},
    ),
    ("INSERT INTO index_messages VALUES (1, 6, 3, 1)", {}),
]
# Revision 2005 adds the sentence about a clip.
ROWS["2005"] = with_tagging("2004", "'A cat sits.'")
# Revision 2006 only adds a table.
ROWS["2006"] = [
    *ROWS["2005"],
    (
        """INSERT INTO sense_observations VALUES
            ('sha256:ab', 'text', '1', :lines, '2026-01-02 03:04:05')""",
        {"lines": encode_text([TextLine("HELLO", 0, 2, 0.9)])},
    ),
]
# Revision 2007 says in which game a clip was recorded.
ROWS["2007"] = [
    *ROWS["2006"],
    ("INSERT INTO search_concepts VALUES (1, 'tetris', 'Tetris')", {}),
    (
        """INSERT INTO posted_clips VALUES
            (1, 'sha256:ab', 2, 3, 4, '2026-01-02 03:04:05', 8, FALSE, 1, 1, FALSE, 1)""",
        {},
    ),
]

# Revision 2008 adds the author to the messages of index runs.
ROWS["2008"] = [
    *(row for row in ROWS["2007"] if "index_messages" not in row[0]),
    ("INSERT INTO index_messages VALUES (1, 6, 3, 1, 4)", {}),
]

# Revision 2009 only adds a table.
ROWS["2009"] = [
    *ROWS["2008"],
    (
        """INSERT INTO search_taggings VALUES
            (1, 'sha256:ab', 'local', 'net', 'r1', 1000, 0.5)""",
        {},
    ),
    (
        """INSERT INTO perceptual_hashes VALUES
            (1, 2000, :hash, TRUE, 1, 2, NULL, 4, 5, 6, 65535)""",
        {"hash": bytes(200)},
    ),
]

# Revision 2010 only adds a table.
ROWS["2010"] = [
    *ROWS["2009"],
    ("INSERT INTO usage_shares VALUES ('ab12', '2026-01-02', 9)", {}),
]

# Revision 2011 only adds a table.
ROWS["2011"] = [
    *ROWS["2010"],
    ("INSERT INTO tag_corrections VALUES (2, 'sha256:ab', 1, '2026-01-02 03:04:05')", {}),
]

# Revision 2012 only adds a table.
ROWS["2012"] = [
    *ROWS["2011"],
    (
        """INSERT INTO recent_searches VALUES
            (1, 4, 2, '{"query": "cat"}', '2026-01-02 03:04:05')""",
        {},
    ),
]

# Revision 2013 only adds tables.
ROWS["2013"] = [
    *ROWS["2012"],
    ("INSERT INTO saved_queries VALUES (1, 4, 2, 'cat', 5, 3)", {}),
    (
        """INSERT INTO alert_recipients VALUES
            (4, 'de', 1320, 420, 60, 1, '2026-01-02 03:04:05')""",
        {},
    ),
    ("INSERT INTO notified_messages VALUES (1)", {}),
    ("INSERT INTO personal_alerts VALUES (1, 4, 1, 2, 3, 8, 'cat .95', NULL)", {}),
]

# Revision 2014 indexes posted clips, and has the seconds of each concept.
ROWS["2014"] = [
    *ROWS["2013"],
    ("INSERT INTO search_scores VALUES (1, 1, 0.95, 3)", {}),
    ("INSERT INTO posted_concepts VALUES (1, 2, 1, 1, 3, 8, FALSE, 0.95)", {}),
    (
        """INSERT INTO posted_texts VALUES
            (1, 2, 1, 3, 8, FALSE, 'sha256:ab', 3, 'hello', '0-2', NULL)""",
        {},
    ),
]

# Revision 2015 adds the kind of clip.
ROWS["2015"] = with_tagging("2014", "'cartoon'")


def test_files_are_named_for_their_revisions() -> None:
    newest_first = [script.revision for script in SCRIPTS.walk_revisions()]
    assert schema.revisions() == newest_first[::-1]
    assert schema.revisions()[0] == "2001"


def differences(connection: Connection) -> list[object]:
    options: dict[str, Any] = {"version_table": migrations.VERSION_TABLE}
    # Its own tables on SQLite, an index of PostgreSQL: the other tests compare them.
    options["include_name"] = lambda name, *_: not str(name).startswith(text_index.NAME)
    context = MigrationContext.configure(connection, opts=options)
    found: list[object] = compare_metadata(context, metadata)
    return found


@asynccontextmanager
async def writing(url: str) -> AsyncIterator[AsyncConnection]:
    """Return a transaction on a database without tables."""
    engine = await create_engine(DatabaseAddress.parse(url), busy_timeout=1)
    try:
        async with begin_for_writing(engine).begin() as connection:
            yield connection
    finally:
        await engine.dispose()


def described_index(index: ReflectedIndex) -> str:
    """Describe an index with its condition."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return repr({**index, "dialect_options": options})


def everything(connection: Connection) -> dict[str, list[object]]:
    """Describe a database completely: its tables and their rows."""
    found = inspect(connection)
    described: dict[str, list[object]] = {}
    for name in found.get_table_names():
        columns = [{**column, "type": repr(column["type"])} for column in found.get_columns(name)]
        described[name] = [
            columns,
            found.get_pk_constraint(name),
            sorted(map(described_index, found.get_indexes(name))),
            sorted(found.get_foreign_keys(name), key=repr),
            sorted(found.get_unique_constraints(name), key=repr),
            found.get_check_constraints(name),
            found.get_table_options(name),
            [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))],  # noqa: S608 - a table's name
        ]
    return described


@pytest.mark.parametrize("made", [schema.upgrade, schema.bring_up_to_date])
async def test_migrations_create_the_current_tables(
    database_url: str, made: Callable[[Connection], None]
) -> None:
    async with writing(database_url) as connection:
        await connection.run_sync(made)
        assert await connection.run_sync(differences) == []


async def test_a_new_database_equals_a_migrated_one(
    database_url: str, sqlite_url: str, postgres: PostgresServer
) -> None:
    async with writing(database_url) as connection:
        await connection.run_sync(schema.bring_up_to_date)
        made = await connection.run_sync(everything)
    with ExitStack() as stack:
        other = (
            sqlite_url.replace(".db", "-2.db")
            if database_url == sqlite_url
            else stack.enter_context(postgres.database())
        )
        async with writing(other) as connection:
            await connection.run_sync(schema.upgrade)
            assert await connection.run_sync(everything) == made
    tables = {name for name in made if not name.startswith(text_index.NAME)}
    assert tables == {*metadata.tables, migrations.VERSION_TABLE}


def populate(url: str, revision: str) -> None:
    """Create the database of an earlier revision, without the threads of an asyncio driver."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        schema.upgrade(connection, revision)
        for statement, values in ROWS[revision]:
            connection.execute(text(statement), values)
    engine.dispose()


@pytest.mark.parametrize("revision", schema.revisions())
async def test_values_stored_by_an_older_version_are_kept(database_url: str, revision: str) -> None:
    populate(database_url, revision)
    async with Database.open(database_url) as database:
        identity = TaggerIdentity("local", "net", 0.5, "r1")
        assert await TaggingStore(database).find("sha256:ab", identity) == Tagging(
            ClipInfo(ClipFormat.MP4, 9, 2000, "sha256:ab"),
            (Frame(1000, (Concept("cat", 0.95),)),),
            identity,
            unreadable=(SecondRange(1, 2),) if revision >= "2003" else (),
            description="A cat sits." if revision >= "2005" else None,
            kind=Kind.CARTOON if revision >= "2015" else None,
        )
        settings = await GuildSettingsStore(database).load(42)
        assert settings == GuildSettings(42, {"local:net": 0.7}, autotag=False, retention_days=30)
        assert await MetaStore(database).get("commands") == "abc"
        stored = (TextLine("HELLO", 0, 2, 0.9),) if revision >= "2006" else None
        text_store = TextStore(database, SenseIdentity("text", "1"))
        assert await text_store.find("sha256:ab") == stored


async def test_clips_of_an_older_version_are_found(database_url: str) -> None:
    populate(database_url, "2013")
    outcome = '[{"name": "Piano.mp4", "fingerprint": "sha256:ab"}]'
    async with writing(database_url) as connection:
        await connection.execute(text("INSERT INTO search_scores VALUES (1, 1, 0.95)"))
        await connection.execute(text("DELETE FROM tag_corrections"))
        renamed = text("UPDATE job_records SET clips = :clips")
        await connection.execute(renamed, {"clips": outcome})
    async with Database.open(database_url) as database:
        store = SearchStore(database)
        for words, kind in (
            ("ell", MatchKind.TEXT),
            ("catsits", MatchKind.SENTENCE),
            ("piano", MatchKind.FILE_NAME),
            ("", MatchKind.TAG),
        ):
            concepts = () if words else ((1, MatchKind.TAG),)
            term = TermMatch(Term(words), concepts, words)
            query = ResolvedQuery((ResolvedClause((term,)),), guild_id=2)
            (hit,) = (await store.page(query, limit=9)).hits
            assert (hit.message_id, hit.matches[0].kind) == (1, kind)


async def test_people_threads_and_usage_of_the_first_revision_are_kept(database_url: str) -> None:
    populate(database_url, "2001")
    async with Database.open(database_url) as database:
        record = await JobRecordStore(database).find("message-1")
        assert record == JobRecord(
            "message-1",
            3,
            guild_id=2,
            message_ids=(1,),
            people=(4, 5),
            reply=Reply(3, 9),
            parent_id=8,
        )
        async with database.reading() as connection:
            (row,) = (await connection.execute(select(usage))).all()
            assert row == ("2026-01 guild-2", "guild-2", "2026-01", 12)


async def test_a_new_database_has_the_newest_schema(database: Database) -> None:
    async with database.reading() as connection:
        revision = await connection.run_sync(schema.current_revision)
        assert revision == SCRIPTS.get_current_head()
        assert await connection.run_sync(schema.is_current)


async def refusal(url: str) -> str:
    """Return the one sentence with which a database is refused."""
    with pytest.raises(ConfigError) as caught:
        async with Database.open(url):
            pytest.fail("it was opened all the same")
    (mistake,) = caught.value.mistakes
    return mistake


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005", "1001"])
async def test_a_database_from_before_the_release_is_refused(
    database_url: str, revision: str
) -> None:
    async with writing(database_url) as connection:
        await connection.execute(text("CREATE TABLE schema_revision (version_num VARCHAR(32))"))
        insert = text("INSERT INTO schema_revision VALUES (:revision)")
        await connection.execute(insert, {"revision": revision})
        await connection.execute(text("CREATE TABLE taggings (fingerprint TEXT)"))
    assert "before the first release" in await refusal(database_url)


async def test_the_last_tables_before_the_release_are_refused_and_kept(
    sqlite_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "framehound.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(BEFORE_RELEASE.read_text())
        before = list(old.iterdump())
    assert "please move it away" in await refusal(sqlite_url)
    with closing(sqlite3.connect(path)) as old:
        assert list(old.iterdump()) == before


async def test_jobs_without_their_database_are_refused(sqlite_url: str, tmp_path: Path) -> None:
    queue = tmp_path / "framehound-jobs.db"
    queue.touch()
    assert str(queue) in await refusal(sqlite_url)
    queue.unlink()
    async with Database.open(sqlite_url):
        queue.touch()
    async with Database.open(sqlite_url) as database:
        assert await MetaStore(database).get("a") is None


async def test_a_newer_schema_is_refused(database_url: str) -> None:
    async with Database.open(database_url) as database, database.writing() as connection:
        await connection.execute(text("UPDATE schema_revision SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="update this one") as caught:
        async with Database.open(database_url):
            pytest.fail("it was opened all the same")
    assert len(caught.value.mistakes) == 1


@pytest.mark.parametrize("made", [schema.upgrade, schema.bring_up_to_date])
async def test_a_failed_migration_leaves_nothing_behind(
    database_url: str, made: Callable[[Connection], None]
) -> None:
    def upgrade_and_fail(connection: Connection) -> None:
        made(connection)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        async with writing(database_url) as connection:
            await connection.run_sync(upgrade_and_fail)
    async with writing(database_url) as connection:
        assert await connection.run_sync(schema.current_revision) is None
    async with Database.open(database_url) as database:
        assert await MetaStore(database).get("commands") is None


@pytest.mark.parametrize("before", [None, "2001"])
async def test_a_new_or_old_database_can_be_opened_concurrently(
    database_url: str, before: str | None
) -> None:
    async def open_and_note(key: str) -> None:
        async with Database.open(database_url) as database:
            await MetaStore(database).set(key, key)

    if before is not None:
        populate(database_url, before)
    keys = [f"program {number}" for number in range(6)]
    await asyncio.gather(*map(open_and_note, keys))
    async with Database.open(database_url) as database:
        assert [await MetaStore(database).get(key) for key in keys] == keys


async def test_several_processes_may_start_on_a_new_database_at_once(database_url: str) -> None:
    code = (
        "import asyncio, sys; from bot.storage.database import Database\n"
        "async def start() -> None:\n"
        "    sys.stdin.read()\n"
        "    async with Database.open(sys.argv[1]): pass\n"
        "asyncio.run(start())\n"
        "print('alembic' in sys.modules)"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, database_url),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    said = await asyncio.gather(*(process.communicate(b"") for process in processes))
    assert [out for out, _err in said] == [b"False\n"] * 2
    async with Database.open(database_url) as database, database.reading() as connection:
        assert await connection.run_sync(schema.is_current)
