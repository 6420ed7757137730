from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from structlog.testing import capture_logs

from bot.domain.budget import OPERATOR, Budget, Payer
from bot.domain.clip import Clip, ClipFile
from bot.domain.concepts import Concept, Frame, SenseIdentity
from bot.domain.senses import Sense, SenseObservations
from bot.domain.tagging import Observations, TagRequest
from bot.domain.text_lines import TextLine
from bot.errors import BudgetExhausted, Damaged, FramehoundError, TaggerUnavailable
from bot.runtime.metrics import Metrics
from bot.storage import locks
from bot.storage.database import Database
from bot.storage.senses import SenseStores
from bot.storage.taggings import TaggingStore
from bot.storage.usage import UsageStore
from bot.taggers.billing import BillingAccount
from bot.taggers.cache import CachingTagger
from bot.taggers.clip_senses import ClipSenseReader
from tests.storage.samples import FINGERPRINT, IDENTITY, TAGGING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection

    from bot.domain.concepts import TaggerIdentity
    from bot.domain.progress import ProgressListener
    from bot.taggers.local.sense_reader import SenseReader
    from tests.stand_ins.postgres import PostgresServer

    Opened = Callable[[], CachingTagger]


class Slow:
    """A tagger that gives the same answer for every clip once it is released."""

    def __init__(self) -> None:
        self.calls = 0
        self.called = asyncio.Event()
        self.may = asyncio.Event()
        self.mood: Exception | None = None
        self.billed: int | None = None
        self.identity: TaggerIdentity = IDENTITY

    longest = 600_000

    def count_frames(self, duration: int) -> int:
        return duration // 1000

    def size_limit(self, *, public: bool) -> int:
        return 10 if public else 5

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        del clip, progress
        self.calls += 1
        self.called.set()
        await self.may.wait()
        if self.mood:
            raise self.mood
        return Observations(TAGGING.frames, billed=self.billed)

    async def check(self) -> str:
        return "slow"


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
async def processes(postgres_url: str, slow: Slow) -> AsyncIterator[list[CachingTagger]]:
    """Open the cache of three processes on one database."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(3):
            database = await stack.enter_async_context(Database.open(postgres_url))
            names = await stack.enter_async_context(locks.opened(postgres_url))
            alone = lambda name, names=names: locks.alone(names, name)  # noqa: E731 - bound here
            found.append(CachingTagger(slow, TaggingStore(database), Metrics(), alone))
        yield found


async def examine() -> ClipFile:
    return ClipFile(Path("clip"), TAGGING.info, None)


def examine_as(number: int) -> Callable[[], Awaitable[ClipFile]]:
    info = replace(TAGGING.info, fingerprint=f"sha256:{number:02}")

    async def examine() -> ClipFile:
        return ClipFile(Path("clip"), info)

    return examine


def request(payer: str = OPERATOR, reference: str = "") -> TagRequest:
    return TagRequest(Clip("clip.mp4", "clip"), payer=Payer(payer, reference))


def tag(tagger: CachingTagger) -> asyncio.Task[object]:
    return asyncio.create_task(tagger.tag(FINGERPRINT, examine, request()))


def hits(tagger: CachingTagger) -> float:
    return tagger._metrics.registry.get_sample_value("framehound_cache_hits_total") or 0


async def test_the_same_clip_in_several_processes_at_once_is_tagged_once(
    processes: list[CachingTagger], slow: Slow
) -> None:
    asked = [tag(tagger) for tagger in processes for _ in range(3)]
    await slow.called.wait()
    slow.may.set()
    assert await asyncio.gather(*asked) == [TAGGING] * 9
    assert slow.calls == 1
    assert sum(map(hits, processes)) == 8


async def test_the_same_clip_at_once_in_one_process_is_tagged_once(
    sqlite_url: str, slow: Slow
) -> None:
    async with Database.open(sqlite_url) as database:
        taggings = TaggingStore(database)
        tagger = CachingTagger(slow, taggings, Metrics())
        asked = [tag(tagger) for _ in range(3)]
        await slow.called.wait()
        for _ in range(5):  # time for the others to ask the database, and the tagger
            assert await taggings.find(FINGERPRINT, IDENTITY) is None
        slow.may.set()
        assert await asyncio.gather(*asked) == [TAGGING] * 3
    assert slow.calls == 1
    assert hits(tagger) == 2


async def test_finished_clips_leave_nothing_in_memory(sqlite_url: str, slow: Slow) -> None:
    slow.may.set()
    async with Database.open(sqlite_url) as database:
        tagger = CachingTagger(slow, TaggingStore(database), Metrics())
        await tag(tagger)
    assert not tagger._in_progress


async def test_a_waiter_tags_the_clip_itself_if_the_first_attempt_fails(
    processes: list[CachingTagger], slow: Slow
) -> None:
    first = tag(processes[0])
    await slow.called.wait()
    second = tag(processes[1])
    first.cancel()
    slow.may.set()
    assert await second == TAGGING
    assert slow.calls == 2


async def test_a_clip_that_cannot_be_examined_costs_no_call(
    processes: list[CachingTagger], slow: Slow
) -> None:
    async def fail() -> ClipFile:
        raise Damaged

    for _ in range(2):
        with pytest.raises(Damaged):
            await processes[0].tag(FINGERPRINT, fail, request())
    assert slow.calls == 0


async def test_billed_results_are_kept_during_a_database_outage(
    processes: list[CachingTagger], slow: Slow, postgres: PostgresServer
) -> None:
    asked = tag(processes[0])
    await slow.called.wait()
    await asyncio.to_thread(postgres.cluster.stop)
    slow.may.set()
    await asyncio.to_thread(postgres.cluster.start, postgres.port)
    assert await asyncio.wait_for(asked, 30) == TAGGING
    assert await tag(processes[1]) == TAGGING
    assert slow.calls == 1


@pytest.fixture
def usage(database: Database) -> UsageStore:
    return UsageStore(database)


@pytest.fixture
def paid(database: Database, slow: Slow, usage: UsageStore) -> CachingTagger:
    """Return a tagger whose budget is sixteen frames, which is one clip."""
    account = BillingAccount(usage, Budget(server=16))
    slow.may.set()
    return CachingTagger(slow, TaggingStore(database), Metrics(), account=account)


def cats() -> TagRequest:
    return request("guild-1", "message-1")


async def test_a_clip_is_billed_to_the_server_that_requested_it_first(
    paid: CachingTagger, usage: UsageStore
) -> None:
    await paid.tag(FINGERPRINT, examine, cats())
    assert await usage.used("guild-1") == len(TAGGING.frames)
    await paid.tag(FINGERPRINT, examine, request("guild-2", "message-2"))
    assert await usage.used() == len(TAGGING.frames)


async def test_a_budget_that_is_nearly_used_up_is_logged_once(
    database: Database, slow: Slow, usage: UsageStore
) -> None:
    slow.may.set()
    account = BillingAccount(usage, Budget(server=20, overall=1000))
    tagger = CachingTagger(slow, TaggingStore(database), Metrics(), account=account)
    with capture_logs() as logs:
        for number in range(3):
            message = request("guild-1", f"message-{number}")
            with suppress(BudgetExhausted):
                await tagger.tag(f"sha256:{number}", examine, message)
    said = [(line["payer"], line["limit"]) for line in logs if "used" in line["event"]]
    assert said == [("guild-1", 20)]


async def test_frames_are_reserved_before_they_are_billed(
    paid: CachingTagger, usage: UsageStore, slow: Slow
) -> None:
    slow.may.clear()
    first = asyncio.create_task(paid.tag("sha256:01", examine, cats()))
    await slow.called.wait()
    assert await usage.used("guild-1") == 16
    with pytest.raises(BudgetExhausted, match="needs 16"):
        await paid.tag("sha256:02", examine, request("guild-1", "message-2"))
    slow.may.set()
    await first
    assert slow.calls == 1


async def test_one_command_cannot_use_up_the_month_of_a_server(
    database: Database, slow: Slow, usage: UsageStore
) -> None:
    account = BillingAccount(usage, Budget(server=100))
    tagger = CachingTagger(slow, TaggingStore(database), Metrics(), account=account)
    command = cats()
    ten = [
        asyncio.create_task(tagger.tag(f"sha256:{number:02}", examine_as(number), command))
        for number in range(10)
    ]
    for ended in itertools.islice(asyncio.as_completed(ten), 7):
        with pytest.raises(BudgetExhausted, match="more than half of the month's frames"):
            await ended
    waiting = [task for task in ten if not task.done()]
    slow.may.set()
    assert len(await asyncio.gather(*waiting)) == slow.calls == 3
    await tagger.tag("sha256:99", examine_as(99), request("guild-1", "message-2"))
    assert await usage.used("guild-1") == 4 * len(TAGGING.frames)


async def test_frames_that_were_not_billed_are_not_counted(
    paid: CachingTagger, usage: UsageStore, slow: Slow
) -> None:
    slow.mood = TaggerUnavailable()
    with pytest.raises(TaggerUnavailable):
        await paid.tag(FINGERPRINT, examine, cats())
    assert await usage.used() == 0


async def test_fewer_examined_frames_cost_less(
    paid: CachingTagger, usage: UsageStore, slow: Slow
) -> None:
    slow.billed = 2
    await paid.tag(FINGERPRINT, examine, cats())
    assert await usage.used("guild-1") == 2


@pytest.mark.parametrize("error", [TaggerUnavailable(), Damaged()])
async def test_frames_billed_before_a_failure_are_counted(
    error: FramehoundError, paid: CachingTagger, usage: UsageStore, slow: Slow
) -> None:
    slow.mood, error.billed = error, 3
    with pytest.raises(type(error)):
        await paid.tag(FINGERPRINT, examine, cats())
    assert await usage.used("guild-1") == 3


async def test_frames_that_may_have_been_billed_are_counted_once(
    paid: CachingTagger, usage: UsageStore, slow: Slow
) -> None:
    slow.may.clear()
    cut_off = asyncio.create_task(paid.tag(FINGERPRINT, examine, cats()))
    await slow.called.wait()
    cut_off.cancel()
    await asyncio.wait([cut_off])
    assert await usage.used("guild-1") == 16
    slow.may.set()
    await paid.tag(FINGERPRINT, examine, cats())
    assert await usage.used("guild-1") == len(TAGGING.frames)


class Senses:
    """Observes the same in every clip."""

    def __init__(self) -> None:
        self.calls: list[set[Sense]] = []
        self.mood: Exception | None = None

    async def observe(self, clip: ClipFile, wanted: Collection[Sense]) -> SenseObservations:
        del clip
        self.calls.append(set(wanted))
        if self.mood:
            raise self.mood
        return SenseObservations(
            text=(LINE,) if Sense.TEXT in wanted else None,
            nudity=(BARE,) if Sense.NUDITY in wanted else None,
        )


LINE = TextLine("HELLO", 0, 2, 0.9)
BARE = Frame(1000, (Concept("nudity", 0.9),))
WITH_TEXT = TagRequest(Clip("clip", ""), senses=frozenset({Sense.TEXT}))
WITH_BOTH = TagRequest(Clip("clip", ""), senses=frozenset(Sense))


@pytest.fixture
def senses() -> Senses:
    return Senses()


def stores(database: Database, text: str = "1") -> SenseStores:
    return SenseStores.of(database, SenseIdentity("text", text), SenseIdentity("nudity", "1"))


@pytest.fixture
def reading(database: Database, slow: Slow, senses: Senses) -> CachingTagger:
    slow.may.set()
    reader = ClipSenseReader(cast("SenseReader", senses), stores(database))
    account = BillingAccount(UsageStore(database), Budget(overall=100))
    return CachingTagger(slow, TaggingStore(database), Metrics(), account=account, senses=reader)


async def examine_with_text() -> ClipFile:
    return ClipFile(Path("clip"), TAGGING.info, senses=WITH_TEXT.senses)


async def test_text_is_read_here_if_the_tagger_reads_none(
    reading: CachingTagger, slow: Slow, senses: Senses, database: Database
) -> None:
    first = await reading.tag(FINGERPRINT, examine_with_text, WITH_TEXT)
    again = await reading.tag(FINGERPRINT, examine_with_text, WITH_TEXT)
    assert (first.text, again.text) == ((LINE,), (LINE,))
    assert (slow.calls, len(senses.calls)) == (1, 1)
    assert await UsageStore(database).used() == len(TAGGING.frames)


async def test_a_known_clip_gets_text_when_it_comes_back(
    reading: CachingTagger, slow: Slow, senses: Senses
) -> None:
    untold = await reading.tag(FINGERPRINT, examine, TagRequest(Clip("clip", "")))
    assert (untold.text, len(senses.calls)) == (None, 0)
    assert (await reading.tag(FINGERPRINT, examine_with_text, WITH_TEXT)).text == (LINE,)
    assert (slow.calls, len(senses.calls)) == (1, 1)


async def test_another_revision_of_the_reader_reads_again_and_no_tag_is_lost(
    reading: CachingTagger, database: Database, slow: Slow, senses: Senses
) -> None:
    await reading.tag(FINGERPRINT, examine_with_text, WITH_TEXT)
    newer = CachingTagger(
        slow,
        TaggingStore(database),
        Metrics(),
        senses=ClipSenseReader(cast("SenseReader", senses), stores(database, text="2")),
    )
    assert (await newer.tag(FINGERPRINT, examine_with_text, WITH_TEXT)).text == (LINE,)
    assert (slow.calls, len(senses.calls)) == (1, 2)


async def test_a_clip_whose_text_cannot_be_read_keeps_its_tags(
    reading: CachingTagger, slow: Slow, senses: Senses
) -> None:
    senses.mood = TaggerUnavailable(detail="no reader")
    assert (await reading.tag(FINGERPRINT, examine_with_text, WITH_TEXT)).text is None
    senses.mood = Damaged()
    tagged = await reading.tag(FINGERPRINT, examine_with_text, WITH_TEXT)
    assert (tagged.text, tagged.frames) == ((), TAGGING.frames)
    await reading.tag(FINGERPRINT, examine_with_text, WITH_TEXT)
    assert (slow.calls, len(senses.calls)) == (
        1,
        2,
    )  # a broken reader is tried again, a broken clip not


async def test_only_the_senses_that_have_not_looked_at_a_clip_do(
    reading: CachingTagger, senses: Senses
) -> None:
    await reading.tag(FINGERPRINT, examine_with_text, WITH_TEXT)
    both = await reading.tag(FINGERPRINT, examine_with_text, WITH_BOTH)
    again = await reading.tag(FINGERPRINT, examine_with_text, WITH_BOTH)
    assert ((both.text, both.nudity), senses.calls) == (
        ((LINE,), (BARE,)),
        [{Sense.TEXT}, {Sense.NUDITY}],
    )
    assert (again.text, again.nudity) == ((LINE,), (BARE,))


async def test_a_clip_that_cannot_be_checked_for_nudity_does_not_count_as_checked(
    reading: CachingTagger, senses: Senses
) -> None:
    senses.mood = Damaged()
    unknown = await reading.tag(FINGERPRINT, examine_with_text, WITH_BOTH)
    assert (unknown.text, unknown.nudity) == ((), None)
    senses.mood = None
    assert (await reading.tag(FINGERPRINT, examine_with_text, WITH_BOTH)).nudity == (BARE,)
