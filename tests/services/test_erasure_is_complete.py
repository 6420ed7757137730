"""Nothing that names an erased message, thread, person, channel or server is left in any table.

The jobs are real ones: some are answered, some refused, some wait. Other people's data stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, Pool, event, inspect, text

from bot.domain.alerts import Watch
from bot.domain.clip import Clip
from bot.domain.index_run import FoundMessage
from bot.domain.job import Interaction, Job, Reply, message_job_id
from bot.domain.outcome import Tagged
from bot.domain.personal_alerts import PersonalAlert, SavedQuery
from bot.domain.search_request import SearchRequest
from bot.storage.engine import DatabaseAddress, create_engine, queue_url
from tests.jobs.recorder import Recorder
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from sqlalchemy.engine.interfaces import DBAPIConnection

    from bot.jobs.queue import JobQueue
    from bot.runtime.app import App
    from bot.services.erasure import Erasure
    from tests.conftest import ClipHost

# As long as Discord's own IDs, and each different in every digit group, so that none is part of
# another number by chance.
GUILD, CHANNEL, THREAD, PRIVATE = (1100 * 10**15 + n for n in (11, 12, 13, 14))
ANN, BOB = 1200 * 10**15 + 21, 1200 * 10**15 + 22
OTHER_GUILD, OTHER_CHANNEL, ZOE, OTHER_MESSAGE = (1300 * 10**15 + n for n in (31, 32, 33, 34))
MESSAGES = tuple(1400 * 10**15 + n for n in range(41, 50))
POSTED, REFUSED, IN_THREAD, ASKED, SLASH, MENU, WAITING, WAITING_IN_THREAD, IN_PRIVATE = MESSAGES
REPLY = 1500 * 10**15
"""Added to a message's ID, this is the ID of the reply to it."""

# Every column that can hold the ID of a message, a channel, a server or a person.
COLUMNS = {
    "guild_settings.guild_id",
    "index_messages.author_id",
    "index_messages.channel_id",
    "index_messages.message_id",
    "index_runs.guild_id",
    "index_runs.shown_channel_id",
    "index_runs.shown_id",
    "index_runs.started_by",
    "job_record_messages.job_id",
    "job_record_messages.message_id",
    "job_record_people.job_id",
    "job_record_people.user_id",
    "job_records.channel_id",
    "job_records.guild_id",
    "job_records.job_id",
    "job_records.parent_id",
    "job_records.reply_channel_id",
    "job_records.reply_id",
    "opt_outs.user_id",
    "alert_recipients.user_id",
    "notified_messages.message_id",
    "personal_alerts.batch",
    "personal_alerts.channel_id",
    "personal_alerts.guild_id",
    "personal_alerts.message_id",
    "personal_alerts.parent_id",
    "personal_alerts.text",
    "personal_alerts.user_id",
    "posted_clips.author_id",
    "posted_clips.channel_id",
    "posted_clips.guild_id",
    "posted_clips.message_id",
    "posted_clips.parent_id",
    "posted_concepts.channel_id",
    "posted_concepts.guild_id",
    "posted_concepts.message_id",
    "posted_concepts.parent_id",
    "posted_texts.channel_id",
    "posted_texts.guild_id",
    "posted_texts.message_id",
    "posted_texts.parent_id",
    "recent_searches.guild_id",
    "recent_searches.request",
    "recent_searches.user_id",
    "reply_deletions.channel_id",
    "reply_deletions.message_id",
    "saved_queries.author_id",
    "saved_queries.channel_id",
    "saved_queries.guild_id",
    "saved_queries.text",
    "saved_queries.user_id",
    "tag_corrections.guild_id",
    "thresholds.guild_id",
    "usage.payer",
    "usage.reference",
    "watches.channel_id",
    "watches.guild_id",
    # The queue's own tables.
    "operation_outputs.workflow_uuid",
    "workflow_input.inputs",
    "workflow_input.workflow_uuid",
    "workflow_output.workflow_uuid",
    "workflow_status.authenticated_user",
    "workflow_status.queue_partition_key",
    "workflow_status.workflow_uuid",
}


class Answering(Recorder):
    """Says of each reply where it is."""

    async def answer(self, job: Job, *args: Any, **options: Any) -> Reply | None:
        await super().answer(job, *args, **options)
        return Reply(job.channel_id, REPLY + job.snowflake)


@pytest.fixture(autouse=True)
def _sqlite_that_leaves_deleted_bytes() -> Iterator[None]:
    """Make SQLite behave as where it is built without SQLITE_SECURE_DELETE."""

    def leave_bytes(connection: DBAPIConnection, _entry: object) -> None:
        if "sqlite" in type(connection).__module__:
            cursor = connection.cursor()
            cursor.execute("PRAGMA secure_delete = OFF")
            cursor.close()

    event.listen(Pool, "connect", leave_bytes)  # comes before the listeners of single engines
    yield
    event.remove(Pool, "connect", leave_bytes)


@pytest.fixture
async def app(
    make_config: Callable[..., Any], open_app: Callable[..., Any], database_url: str
) -> AsyncIterator[App]:
    """Return an app that is billed for what it tags."""
    async with LoopbackClarifai() as clarifai:
        billed = {"clarifai_pat": TOKEN, "clarifai_api_url": clarifai.url}
        yield await open_app(make_config(database_url=database_url, **billed))


@pytest.fixture
def clip(clip_host: ClipHost) -> Callable[..., Clip]:
    def make(name: str, message_id: int | None = None, author_id: int | None = None) -> Clip:
        link = clip_host.url(f"{name}.gif")
        return Clip(name, link, message_id=message_id, author_id=author_id)

    return make


def posted(message_id: int, author_id: int, clip: Clip, **more: Any) -> Job:
    facts = {"channel_id": CHANNEL, "guild_id": GUILD, **more}
    return Job(
        message_job_id(message_id),
        clips=(clip,),
        message_id=message_id,
        author_id=author_id,
        **facts,
    )


def asked(interaction_id: int, clip: Clip) -> Job:
    return Job(
        f"interaction-{interaction_id}",
        CHANNEL,
        (clip,),
        GUILD,
        author_id=BOB,
        requested=True,
        interaction=Interaction(9, "token"),
    )


def finished(clip: Callable[..., Clip]) -> list[Job]:
    in_thread = {"channel_id": THREAD, "parent_id": CHANNEL}
    elsewhere = {"channel_id": OTHER_CHANNEL, "guild_id": OTHER_GUILD}
    return [
        posted(POSTED, ANN, clip("montage", POSTED, ANN)),
        posted(REFUSED, ANN, clip("missing", REFUSED, ANN)),
        posted(IN_THREAD, ANN, clip("montage", IN_THREAD, ANN), **in_thread),
        posted(IN_PRIVATE, ANN, clip("montage"), channel_id=PRIVATE, guild_id=None),
        asked(SLASH, clip("missing")),
        asked(MENU, clip("montage", POSTED, ANN)),
        posted(OTHER_MESSAGE, ZOE, clip("montage", OTHER_MESSAGE, ZOE), **elsewhere),
    ]


def waiting(clip: Callable[..., Clip]) -> list[Job]:
    in_thread = {"channel_id": THREAD, "parent_id": CHANNEL}
    elsewhere = {"channel_id": OTHER_CHANNEL, "guild_id": OTHER_GUILD}
    return [
        posted(ASKED, BOB, clip("montage", POSTED, ANN), requested=True),
        posted(WAITING, ANN, clip("montage", WAITING, ANN)),
        posted(WAITING_IN_THREAD, ANN, clip("montage", WAITING_IN_THREAD, ANN), **in_thread),
        posted(OTHER_MESSAGE + 1, ZOE, clip("montage", OTHER_MESSAGE + 1, ZOE), **elsewhere),
    ]


@pytest.fixture
async def erasure(app: App, queue: JobQueue, clip: Callable[..., Clip]) -> AsyncIterator[Erasure]:
    """Return the service that erases, after jobs of all kinds."""
    recorder = Answering()
    async with queue.accepting(app.services.job_records.begin) as intake:
        async with queue.working(app.services.answerer, recorder):
            for job in finished(clip):
                await intake.submit(job)
            await recorder.until(answers=6, refusals=1)
        for job in waiting(clip):
            await intake.submit(job)
        for guild, channel in ((GUILD, CHANNEL), (OTHER_GUILD, OTHER_CHANNEL)):
            await app.stores.settings.update(guild, retention_days=30)
            await app.stores.settings.set_threshold(guild, "clarifai:x", 0.7)
            await app.stores.watches.add(guild, Watch("cat", channel))
        await notify(app, GUILD, CHANNEL, ANN, POSTED, BOB)
        await notify(app, OTHER_GUILD, OTHER_CHANNEL, ZOE, OTHER_MESSAGE, ZOE)
        await correct(app, GUILD, POSTED)
        await correct(app, OTHER_GUILD, OTHER_MESSAGE)
        searches = app.stores.recent_searches
        await searches.save(ANN, GUILD, SearchRequest("cat", channel=CHANNEL))
        await searches.save(ZOE, OTHER_GUILD, SearchRequest("cat", channel=OTHER_CHANNEL))
        await searches.save(ZOE, OTHER_GUILD, SearchRequest(f"by:<@{ANN}>"))
        await index(app, GUILD, CHANNEL, ANN, POSTED)
        await index(app, OTHER_GUILD, OTHER_CHANNEL, ZOE, OTHER_MESSAGE)
        yield app.erasure(intake)


async def notify(
    app: App, guild: int, channel: int, person: int, message: int, author: int
) -> None:
    """Save two queries of a person, and an alert about a message."""
    queries = app.stores.saved_queries
    await queries.add(SavedQuery(person, guild, f"cat <@{author}>", author, channel), "en")
    await queries.add(SavedQuery(person, guild, "cat"), "en")
    query = (await queries.of_person(person))[-1].id
    alert = PersonalAlert(message, person, query, guild, channel, f"/{channel}/{message}", channel)
    assert await app.stores.personal_alerts.add(message, [alert])
    assert await app.stores.personal_alerts.next_batch(person)


async def correct(app: App, guild: int, message: int) -> None:
    """Hide a tag of a message's clip."""
    record = await app.stores.job_records.find(message_job_id(message))
    assert record
    (outcome,) = record.outcomes
    assert isinstance(outcome, Tagged)
    assert await app.stores.tag_corrections.hide(guild, outcome.fingerprint, "cat")


async def index(app: App, guild: int, channel: int, person: int, message: int) -> None:
    """Have a person start a run that still has a message to do."""
    runs = app.stores.index_runs
    run = await runs.add(guild, person, [FoundMessage(channel, message, person, 1)])
    await runs.start(run.id)
    await runs.show_in(run.id, Reply(channel, REPLY + message))


def naming(connection: Connection, numbers: Sequence[int], schema: str | None) -> set[str]:
    found = set()
    names = [str(number) for number in numbers]
    for table in inspect(connection).get_table_names(schema):
        source = f'"{schema}"."{table}"' if schema else f'"{table}"'
        for row in connection.execute(text(f"SELECT * FROM {source}")).mappings():  # noqa: S608 - a name of ours
            for key, value in row.items():
                written = str(value)
                if any(name in written for name in names):
                    found.add(f"{table}.{key}")
    return found


async def columns_naming(url: str, *numbers: int) -> set[str]:
    """Return the columns of both databases that hold one of the IDs, also as part of a text."""
    found = set()
    for each in {url, queue_url(url)}:
        address = DatabaseAddress.parse(each)
        engine = await create_engine(address, 8)
        async with engine.connect() as connection:
            for schema in (None,) if address.path else (None, "dbos"):
                found |= await connection.run_sync(naming, numbers, schema)
        await engine.dispose()
    return found


def files_naming(url: str, *numbers: int) -> set[tuple[str, int]]:
    """Return which of SQLite's files have an ID in their bytes, as a number or as text."""
    path = DatabaseAddress.parse(url).path
    if path is None:
        return set()
    files = {file.name: file.read_bytes() for file in Path(path).parent.iterdir() if file.is_file()}
    return {
        (name, number)
        for name, content in files.items()
        for number in numbers
        if number.to_bytes(8, "big") in content or str(number).encode() in content
    }


async def test_erased_ids_are_left_nowhere(erasure: Erasure, app: App, database_url: str) -> None:
    async def assert_gone(*numbers: int) -> None:
        assert await columns_naming(database_url, *numbers) == set()
        assert files_naming(database_url, *numbers) == set()

    everything = (GUILD, CHANNEL, THREAD, PRIVATE, ANN, BOB, *MESSAGES, REPLY + POSTED)
    others = (OTHER_GUILD, OTHER_CHANNEL, ZOE, OTHER_MESSAGE, OTHER_MESSAGE + 1)
    await app.stores.opt_outs.add(ZOE)
    known = {number: await columns_naming(database_url, number) for number in others}
    found = await columns_naming(database_url, *everything)
    await erasure.messages([POSTED])
    await assert_gone(POSTED, ASKED, MENU)
    (reply, *_) = deleted = await app.stores.reply_deletions.newest(9)
    assert set(deleted) == {Reply(CHANNEL, REPLY + number) for number in (POSTED, MENU)}
    found |= await columns_naming(database_url, reply.message_id, CHANNEL)
    await app.stores.reply_deletions.remove(deleted)
    await erasure.channel(THREAD)
    await assert_gone(THREAD, IN_THREAD, WAITING_IN_THREAD)
    assert await erasure.person(ANN) == 5
    await assert_gone(ANN, REFUSED, WAITING, IN_PRIVATE)
    assert await erasure.person(BOB) == 1
    await app.stores.reply_deletions.remove(await app.stores.reply_deletions.newest(9))
    await app.stores.reply_deletions.overwrite_deleted()
    await assert_gone(BOB, SLASH, PRIVATE)
    await erasure.channel(CHANNEL)
    await assert_gone(CHANNEL)
    await erasure.guild(GUILD)
    await assert_gone(*everything)
    assert found | set.union(*known.values()) == COLUMNS
    assert {number: await columns_naming(database_url, number) for number in others} == known


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("scope", ["channel", "guild"])
async def test_a_channel_or_server_is_erased_with_all_that_is_in_it(
    erasure: Erasure, database_url: str, scope: str
) -> None:
    await getattr(erasure, scope)({"channel": CHANNEL, "guild": GUILD}[scope])
    gone = {CHANNEL, THREAD, BOB, *MESSAGES, REPLY + POSTED} - {IN_PRIVATE}
    gone |= {GUILD} if scope == "guild" else set()
    assert await columns_naming(database_url, *gone) == set()
    assert files_naming(database_url, *gone) == set()
    for number in {IN_PRIVATE, OTHER_CHANNEL, GUILD} - gone:
        assert await columns_naming(database_url, number)
