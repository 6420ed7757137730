"""Whether nothing is lost and nothing said twice, however often processes are killed.

People post clips while processes are killed with SIGKILL at chosen moments of their work and
started again. Each kill waits until every message posted so far is in the queue, because Discord
tells of a message once: what a gateway had heard and not yet written down when it died is lost to
any bot, and so is what is posted while no gateway is connected. A job is never cut off a third
time, as it would rightly be given up then. Nonces are forgotten at every kill, as Discord does
after minutes, so that they hide nothing.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

from bot.chat.messages import WORKING
from bot.chat.responder import REFUSED
from tests.processes.breakpoints import (
    Breakpoints,
    Moment,
    Phase,
    WatchedClarifai,
    WatchedDiscord,
    Work,
)
from tests.processes.posting import People
from tests.processes.programs import TOKEN, clarifai_settings, settings_for
from tests.processes.workers import JobTable, Role, Workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.processes.breakpoints import Caught
    from tests.stand_ins.discord import Message

_MAX_STARTS = 2
_UNWANTED = ("Traceback", "clip refused", "clip failed", "job given up")


@dataclass(frozen=True)
class Plan:
    """How much is posted, how often somebody dies, and the seed of all that is random."""

    jobs: int
    kills: int
    seed: int


@dataclass(frozen=True)
class Figures:
    """What came of it; times in seconds, ``taken_over`` from a death for good to the last reply."""

    kills: Counter[str]
    jobs: int
    replies: int
    clips: int
    calls: int
    median: float
    longest: float
    taken_over: float | None
    faults: list[str]


@dataclass(frozen=True)
class Stage:
    """Where it happens."""

    discord: WatchedDiscord
    clarifai: WatchedClarifai
    breakpoints: Breakpoints
    random: Random
    processes: AsyncExitStack

    def settings(self, folder: Path) -> dict[str, str]:
        return settings_for(self.discord, folder) | clarifai_settings(self.clarifai)


class Victim(StrEnum):
    """Who is killed once somebody is caught; all but the last are started again."""

    CAUGHT = "the caught one"
    GATEWAY = "the gateway"
    EVERYBODY = "everybody"
    FOR_GOOD = "the caught one, for good"


async def survive_on_a_file(plan: Plan, folder: Path) -> Figures:
    """Kill one process that is gateway and worker on SQLite, time after time."""
    async with _stage(plan.seed) as stage:
        roles = {"bot": Role(("run",), stage.settings(folder / "bot"))}
        workers = Workers(roles, folder, stage.processes)
        table = JobTable(f"sqlite:///{folder / 'bot' / 'framehound-jobs.sqlite'}")
        run = _Run(stage, workers, table, plan, gateway="bot")
        return await run.play(itertools.repeat(Victim.CAUGHT))


async def survive_on_a_server(plan: Plan, folder: Path, database_url: str) -> Figures:
    """Kill a gateway and two workers on PostgreSQL, one of the workers for good halfway."""
    async with _stage(plan.seed) as stage:
        words = {"gateway": ("run", "--no-worker"), "one": ("worker",), "two": ("worker",)}
        roles = {}
        for name, arguments in words.items():
            own = {"DATABASE_URL": database_url, "WORKER_ID": name}
            roles[name] = Role(arguments, stage.settings(folder / name) | own)
        workers = Workers(roles, folder, stage.processes)
        run = _Run(stage, workers, JobTable(database_url, schema="dbos"), plan, gateway="gateway")
        return await run.play(_victims(plan.kills))


def _victims(kills: int) -> Iterator[Victim]:
    """Kill now a worker, now the gateway, now all; halfway a worker for good."""
    ordinary = itertools.cycle((Victim.CAUGHT, Victim.GATEWAY, Victim.EVERYBODY, Victim.CAUGHT))
    for number in range(kills):
        yield Victim.FOR_GOOD if number == kills // 2 else next(ordinary)


@asynccontextmanager
async def _stage(seed: int) -> AsyncIterator[Stage]:
    breakpoints = Breakpoints()
    async with (
        WatchedDiscord(TOKEN, breakpoints) as discord,
        WatchedClarifai(breakpoints, seed) as clarifai,
        AsyncExitStack() as processes,
    ):
        yield Stage(discord, clarifai, breakpoints, Random(seed), processes)  # noqa: S311 - to be repeated


class _Run:
    """Post, kill, start again, and see in the end what people got."""

    def __init__(
        self, stage: Stage, workers: Workers, table: JobTable, plan: Plan, *, gateway: str
    ) -> None:
        self._stage = stage
        self._crew = workers
        self._table = table
        self._plan = plan
        self._gateway = gateway
        self._people = People(stage.discord, stage.random)
        self._kills: Counter[str] = Counter()
        self._orphans: set[str] = set()
        self._bereaved_at = 0

    async def play(self, victims: Iterator[Victim]) -> Figures:
        for name in self._crew.roles:
            await self._crew.start(name)
        await self._stage.discord.wait_ready()
        for portion, moment, victim in zip(
            self._portions(), self._moments(), victims, strict=False
        ):
            await self._post_and_kill(portion, moment, victim)
        await self._table.until(lambda table: table.unfinished == 0)
        exits = await self._crew.stop()
        return self._figures([*self._faults(exits), *await self._crew.left_behind()])

    async def _post_and_kill(self, portion: int, wanted: Moment, victim: Victim) -> None:
        await self._table.until(lambda table: table.max_starts <= _MAX_STARTS)
        if victim is Victim.FOR_GOOD:
            wanted = replace(wanted, phase=Phase.ASKED)  # it surely has a job then
        self._stage.breakpoints.set(wanted, portion - 1, self._crew.owner_of)
        await self._people.post(portion)
        caught = await self._stage.breakpoints.caught()
        posted = len(self._people.messages)
        await self._table.until(lambda table: table.jobs == posted)
        await self._kill(caught, victim)

    async def _kill(self, caught: Caught, victim: Victim) -> None:
        dead = self._named(caught, victim)
        for name in dead:
            await self._crew.kill(name)
        caught.release(lost=caught.sender in dead)
        self._stage.discord.forget_nonces()
        self._table.note_kill()
        self._kills[f"{victim}, {caught.moment}"] += 1
        if victim is Victim.FOR_GOOD:
            self._bereaved_at = self._stage.discord.world.ids.next()
            self._orphans = await self._table.held_by(caught.sender)
        else:
            await self._start_again(dead)

    async def _start_again(self, dead: list[str]) -> None:
        if self._gateway in dead:
            await self._stage.discord.wait_disconnected()
        for name in dead:
            await self._crew.start(name)
        await self._stage.discord.wait_ready()

    def _named(self, caught: Caught, victim: Victim) -> list[str]:
        if victim is Victim.EVERYBODY:
            return list(self._crew.alive)
        return [self._gateway if victim is Victim.GATEWAY else caught.sender]

    def _portions(self) -> Iterator[int]:
        """Share the jobs out over the kills."""
        least, rest = divmod(self._plan.jobs, self._plan.kills)
        return (least + (number < rest) for number in range(self._plan.kills))

    def _moments(self) -> Iterator[Moment]:
        """Go through all kinds of work in random orders, each time at a random phase."""
        random = self._stage.random
        while True:
            for work in random.sample(tuple(Work), len(Work)):
                yield Moment(work, random.choice(tuple(Phase)))

    def _figures(self, faults: list[str]) -> Figures:
        messages, calls = self._people.messages, self._stage.clarifai.calls
        replies = {f"message-{message.id}": self._replies_to(message) for message in messages}
        first = {job: found[0].id for job, found in replies.items() if found}
        times = [
            seconds(m.id, first[job])
            for m, job in zip(messages, replies, strict=True)
            if job in first
        ]
        waits = [seconds(self._bereaved_at, first[job]) for job in self._orphans & first.keys()]
        return Figures(
            kills=self._kills,
            jobs=len(messages),
            replies=sum(map(len, replies.values())),
            clips=len({call.sha256 for call in calls}),
            calls=len(calls),
            median=statistics.median(times),
            longest=max(times),
            taken_over=max(waits, default=None),
            faults=faults,
        )

    def _faults(self, exits: dict[str, int]) -> Iterator[str]:
        """Say everything that should not have happened."""
        for message in self._people.messages:
            replies = self._replies_to(message)
            if len(replies) != 1:
                yield f"{len(replies)} replies to {describe(message)}"
            if any(reply.content.startswith(WORKING) for reply in replies):
                yield f"{describe(message)} is still being worked on"
            if REFUSED in message.reactions:
                yield f"{describe(message)} was refused"
        yield from (f"said to nobody: {said.content}" for said in self._said_to_nobody())
        yield from self._stage.discord.unknown_routes
        yield from self._stage.clarifai.violations
        yield from (f"{name} ended with {code}" for name, code in exits.items() if code)
        lines = (line for log in self._crew.logs() for line in log.splitlines())
        yield from (line for line in lines if any(words in line for words in _UNWANTED))

    def _said_to_nobody(self) -> Iterator[Message]:
        answered = set(map(id, self._people.messages))
        for channel in self._stage.discord.world.channels.values():
            for said in channel.messages.values():
                is_reply = said.reference and id(said.reference.message) in answered
                if said.author is self._stage.discord.bot and not is_reply:
                    yield said

    def _replies_to(self, message: Message) -> list[Message]:
        """Return the bot's replies; people reply to each other too."""
        discord = self._stage.discord
        return [reply for reply in discord.replies_to(message) if reply.author is discord.bot]


def seconds(earlier: int, later: int) -> float:
    """Return the time between two ids of Discord's, which are milliseconds in their upper bits."""
    return ((later >> 22) - (earlier >> 22)) / 1000


def describe(message: Message) -> str:
    """Name a message in a fault."""
    files = ", ".join(attachment.filename for attachment in message.attachments)
    return f"{message.id} {message.content!r} [{files}]"
