"""Use case: tagging what was posted before the bot came, without replies.

A run is priced first: its messages are found and stored. Once somebody starts it, the messages are
tagged one after the other, newest first, each only while no other job waits. Every message that is
done is counted in the database, so that a run continues where it was if the process dies.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.domain.index_run import (
    MAX_MESSAGES,
    FoundMessage,
    IndexPrice,
    IndexRun,
    IndexState,
)
from bot.domain.outcome import Failed, Tagged
from bot.errors import BudgetExhausted, TaggerBusy
from bot.runtime.tasks import in_background
from bot.storage.database import StorageUnavailable, retry_storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

    from bot.domain.index_run import HistoricJob
    from bot.domain.job import Job
    from bot.storage.index_runs import IndexRunStore
    from bot.storage.job_records import JobRecordStore
    from bot.storage.opt_outs import OptOutStore
    from bot.storage.posted_clips import PostedClipStore

# Seconds between two looks at the database: for a run to begin, and while one waits.
_IDLE, _BUSY = 5.0, 0.3
# Seconds that a run waits for an idle queue, and for a clip, before it is another run's turn.
_PATIENCE = 30.0


class History(Protocol):
    """The messages of servers, as Discord has them."""

    def messages(
        self, guild_id: int, channel_ids: Collection[int], after: int
    ) -> AsyncIterator[FoundMessage]:
        """Yield the messages with clips in some channels, newer than a snowflake, newest first."""

    async def job(self, guild_id: int, channel_id: int, message_id: int) -> HistoricJob | None:
        """Return the quiet job of a message; None if it is gone or has no clips any more."""


class IndexQueue(Protocol):
    """The queue, as far as index runs need it."""

    async def submit(self, job: Job) -> None:
        """Accept a job, each once."""

    async def is_idle(self) -> bool:
        """Return whether no job waits."""

    async def is_unfinished(self, job_id: str) -> bool:
        """Return whether a job waits or runs."""


class IndexDisplay(Protocol):
    """Where people see the progress of a run."""

    async def show(self, run: IndexRun) -> None:
        """Show how far a run is."""


class HistoryIndex:
    """Prices, starts and stops index runs."""

    def __init__(
        self,
        runs: IndexRunStore,
        posted_clips: PostedClipStore,
        job_records: JobRecordStore,
        opt_outs: OptOutStore,
    ) -> None:
        self.runs = runs
        self.job_records = job_records
        self._posted_clips = posted_clips
        self._opt_outs = opt_outs
        self.started = asyncio.Event()

    async def price(
        self,
        history: History,
        guild_id: int,
        channel_ids: Collection[int],
        *,
        after: int,
        started_by: int | None,
    ) -> tuple[IndexRun, IndexPrice]:
        """Find what was not tagged yet, newer than the snowflake ``after``; store it as a run."""
        found: list[FoundMessage] = []
        async for message in history.messages(guild_id, channel_ids, after):
            if len(found) == MAX_MESSAGES:
                break
            found.append(message)
        wanted = await self._wanted(found)
        run = await self.runs.add(guild_id, started_by, wanted)
        return run, _price(wanted, complete=len(found) < MAX_MESSAGES)

    async def start(self, run_id: int) -> None:
        """Start a priced run."""
        await self.runs.start(run_id)
        self.started.set()

    async def opted_out(self, people: Collection[int]) -> bool:
        """Return whether somebody opted out who posted the clips of a message."""
        return bool(people and await self._opt_outs.among(people))

    async def _wanted(self, found: Sequence[FoundMessage]) -> list[FoundMessage]:
        known = await self._posted_clips.known_messages({each.message_id for each in found})
        people = {each.author_id for each in found if each.author_id}
        out = await self._opt_outs.among(people)
        return [
            each for each in found if each.message_id not in known and each.author_id not in out
        ]


class IndexRunner:
    """Carries out the runs of the servers that this process ``serves``, one message at a time."""

    def __init__(
        self,
        index: HistoryIndex,
        history: History,
        queue: IndexQueue,
        display: IndexDisplay,
        serves: Callable[[int], bool],
    ) -> None:
        self._index = index
        self._runs = index.runs
        self._history = history
        self._queue = queue
        self._display = display
        self._serves = serves
        self._log = structlog.get_logger("framehound.index")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry out runs while the block runs."""
        async with in_background(self._carry_out()):
            yield

    async def _carry_out(self) -> None:
        while True:
            try:
                runs = await self._served_runs()
                for run in runs:
                    await self._next(run)
            except StorageUnavailable as error:
                self._log.warning("index run waits: the database is away", detail=error.detail)
                runs = []
            except Exception:  # noqa: BLE001 - logged with its traceback; other runs go on
                self._log.exception("index run failed for now")
                runs = []
            if not runs:
                await self._wait_for_start()

    async def _served_runs(self) -> list[IndexRun]:
        return [run for run in await self._runs.running() if self._serves(run.guild_id)]

    async def _wait_for_start(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE):
                await self._index.started.wait()
        self._index.started.clear()

    async def _next(self, run: IndexRun) -> None:
        """Do the next message of a run, or end it if there is none left."""
        following = await self._runs.next_message(run.id)
        if following is None:
            await self._end(run.id, IndexState.FINISHED)
            return
        channel_id, message_id = following
        found = await self._history.job(run.guild_id, channel_id, message_id)
        if found is None or await self._index.opted_out(found.people):
            await self._runs.count(run.id, message_id, tagged=0)
        elif await self._finished(run, found.job):
            await self._count(run, found.job, message_id)
        else:
            await self._show(run.id)

    async def _finished(self, run: IndexRun, job: Job) -> bool:
        """Have a job carried out after everybody else's.

        Return False if the run was stopped, or if it is another run's turn and the message comes
        again: a queue may never be idle, and a clip may take minutes.
        """
        await _becomes(self._queue.is_idle)
        try:
            await self._queue.submit(job)
        except TaggerBusy:
            return False  # others were faster
        if not await _becomes(lambda: self._is_done(job)):
            return False
        found = await self._runs.find(run.id)
        return found is not None and found.state is IndexState.RUNNING

    async def _is_done(self, job: Job) -> bool:
        return not await self._queue.is_unfinished(job.id)

    async def _count(self, run: IndexRun, job: Job, message_id: int) -> None:
        record = await self._index.job_records.find(job.id)
        outcomes = record.outcomes if record else ()
        if any(map(_is_out_of_budget, outcomes)):
            await self._end(run.id, IndexState.OUT_OF_BUDGET)
            return
        tagged = sum(isinstance(outcome, Tagged) for outcome in outcomes)
        await self._runs.count(run.id, message_id, tagged)
        await self._show(run.id)

    async def _end(self, run_id: int, state: IndexState) -> None:
        await self._runs.end(run_id, state)
        self._log.info("index run ended", run=run_id, state=state.value)
        await self._show(run_id)

    async def _show(self, run_id: int) -> None:
        run = await retry_storage(lambda: self._runs.find(run_id))
        if run is not None:
            await self._display.show(run)


async def _becomes(condition: Callable[[], Awaitable[bool]]) -> bool:
    """Wait until a condition holds, but not forever; return whether it does."""
    latest = time.monotonic() + _PATIENCE
    while not (holds := await condition()) and time.monotonic() < latest:  # noqa: ASYNC110 - other processes can't set events
        await asyncio.sleep(_BUSY)
    return holds


def _price(found: Sequence[FoundMessage], *, complete: bool) -> IndexPrice:
    return IndexPrice(
        messages=len(found),
        clips=sum(each.clips for each in found),
        length=sum(each.length for each in found),
        unmeasured=sum(each.unmeasured for each in found),
        complete=complete,
    )


def _is_out_of_budget(outcome: Tagged | Failed) -> bool:
    return isinstance(outcome, Failed) and BudgetExhausted.is_of_server(outcome.error)
