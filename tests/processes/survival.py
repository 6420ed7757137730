"""Kill processes again and again, and check that each message gets exactly one reply.

Members post clips while processes are killed with SIGKILL at chosen moments and started again. Each
kill waits until every message posted so far is in the queue, because Discord tells of a message
once: a message that a gateway had received but not yet queued when it died is lost to any bot, and
so is one that is posted while no gateway is connected. A job is never interrupted a third time, as
it would rightly be given up then. Nonces are forgotten at every kill, as Discord does after
minutes, so that they hide no second reply.
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
    Step,
    WatchedClarifai,
    WatchedDiscord,
)
from tests.processes.posting import People
from tests.processes.programs import TOKEN, clarifai_settings, settings_for
from tests.processes.workers import JobTable, Role, Workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from loopback_discord import Message
    from tests.processes.breakpoints import HeldRequest

_MAX_STARTS = 2
_UNWANTED = (
    "Traceback",
    "clip refused",
    "clip failed unexpectedly",
    "job abandoned after 3 interrupted attempts",
)


@dataclass(frozen=True)
class Plan:
    """How many jobs are posted, how many kills there are, and the random seed."""

    jobs: int
    kills: int
    seed: int


@dataclass(frozen=True)
class Figures:
    """The result; times in seconds, ``taken_over`` from a final kill to the last reply."""

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
class Environment:
    """The loopback servers, their breakpoints, and where processes are stopped."""

    discord: WatchedDiscord
    clarifai: WatchedClarifai
    breakpoints: Breakpoints
    random: Random
    processes: AsyncExitStack

    def settings(self, folder: Path) -> dict[str, str]:
        return settings_for(self.discord, folder) | clarifai_settings(self.clarifai)


class Victim(StrEnum):
    """Which process is killed while a request is held; all but the last are started again."""

    SENDER = "the sender"
    GATEWAY = "the gateway"
    ALL = "all"
    FOR_GOOD = "the sender, for good"


async def survive_on_a_file(plan: Plan, folder: Path) -> Figures:
    """Kill one process that is gateway and worker on SQLite, time after time."""
    async with _environment(plan.seed) as environment:
        roles = {"bot": Role(("run",), environment.settings(folder / "bot"))}
        workers = Workers(roles, folder, environment.processes)
        table = JobTable(f"sqlite:///{folder / 'bot' / 'framehound-jobs.sqlite'}")
        run = _Run(environment, workers, table, plan, gateway="bot")
        return await run.play(itertools.repeat(Victim.SENDER))


async def survive_on_a_server(plan: Plan, folder: Path, database_url: str) -> Figures:
    """Kill a gateway and two workers on PostgreSQL, one of the workers for good halfway."""
    async with _environment(plan.seed) as environment:
        commands = {"gateway": ("run", "--no-worker"), "one": ("worker",), "two": ("worker",)}
        roles = {}
        for name, arguments in commands.items():
            own = {"DATABASE_URL": database_url, "WORKER_ID": name}
            roles[name] = Role(arguments, environment.settings(folder / name) | own)
        workers = Workers(roles, folder, environment.processes)
        run = _Run(
            environment, workers, JobTable(database_url, schema="dbos"), plan, gateway="gateway"
        )
        return await run.play(_victims(plan.kills))


def _victims(kills: int) -> Iterator[Victim]:
    """Kill a worker, the gateway and all in turns, and one worker for good halfway."""
    ordinary = itertools.cycle((Victim.SENDER, Victim.GATEWAY, Victim.ALL, Victim.SENDER))
    for number in range(kills):
        yield Victim.FOR_GOOD if number == kills // 2 else next(ordinary)


@asynccontextmanager
async def _environment(seed: int) -> AsyncIterator[Environment]:
    breakpoints = Breakpoints()
    async with (
        WatchedDiscord(TOKEN, breakpoints) as discord,
        WatchedClarifai(breakpoints, seed) as clarifai,
        AsyncExitStack() as processes,
    ):
        yield Environment(discord, clarifai, breakpoints, Random(seed), processes)  # noqa: S311 - to be repeated


class _Run:
    """Posts, kills, starts again, and counts the replies in the end."""

    def __init__(
        self,
        environment: Environment,
        workers: Workers,
        table: JobTable,
        plan: Plan,
        *,
        gateway: str,
    ) -> None:
        self._environment = environment
        self._workers = workers
        self._table = table
        self._plan = plan
        self._gateway = gateway
        self._people = People(environment.discord, environment.random)
        self._kills: Counter[str] = Counter()
        self._orphans: set[str] = set()
        self._killed_at = 0

    async def play(self, victims: Iterator[Victim]) -> Figures:
        for name in self._workers.roles:
            await self._workers.start(name)
        await self._environment.discord.wait_ready()
        for portion, moment, victim in zip(
            self._portions(), self._moments(), victims, strict=False
        ):
            await self._post_and_kill(portion, moment, victim)
        await self._table.until(lambda table: table.unfinished == 0)
        exits = await self._workers.stop()
        return self._figures([*self._faults(exits), *await self._workers.left_behind()])

    async def _post_and_kill(self, portion: int, wanted: Moment, victim: Victim) -> None:
        await self._table.until(lambda table: table.max_starts <= _MAX_STARTS)
        if victim is Victim.FOR_GOOD:
            wanted = replace(wanted, phase=Phase.RECEIVED)  # the process surely has a job then
        self._environment.breakpoints.set(wanted, portion - 1, self._workers.owner_of)
        await self._people.post(portion)
        held = await self._environment.breakpoints.held()
        posted = len(self._people.messages)
        await self._table.until(lambda table: table.jobs == posted)
        await self._kill(held, victim)

    async def _kill(self, held: HeldRequest, victim: Victim) -> None:
        dead = self._victims_of(held, victim)
        for name in dead:
            await self._workers.kill(name)
        held.release(lost=held.sender in dead)
        self._environment.discord.expire_nonces()
        self._table.note_kill()
        self._kills[f"{victim}, {held.moment}"] += 1
        if victim is Victim.FOR_GOOD:
            self._killed_at = self._environment.discord.state.ids.next()
            self._orphans = await self._table.held_by(held.sender)
        else:
            await self._start_again(dead)

    async def _start_again(self, dead: list[str]) -> None:
        if self._gateway in dead:
            await self._environment.discord.wait_disconnected()
        for name in dead:
            await self._workers.start(name)
        await self._environment.discord.wait_ready()

    def _victims_of(self, held: HeldRequest, victim: Victim) -> list[str]:
        if victim is Victim.ALL:
            return list(self._workers.alive)
        return [self._gateway if victim is Victim.GATEWAY else held.sender]

    def _portions(self) -> Iterator[int]:
        """Divide the jobs among the kills."""
        least, rest = divmod(self._plan.jobs, self._plan.kills)
        return (least + (number < rest) for number in range(self._plan.kills))

    def _moments(self) -> Iterator[Moment]:
        """Yield all steps in random order, again and again, each at a random phase."""
        random = self._environment.random
        while True:
            for step in random.sample(tuple(Step), len(Step)):
                yield Moment(step, random.choice(tuple(Phase)))

    def _figures(self, faults: list[str]) -> Figures:
        messages, calls = self._people.messages, self._environment.clarifai.calls
        replies = {f"message-{message.id}": self._replies_to(message) for message in messages}
        first = {job: found[0].id for job, found in replies.items() if found}
        times = [
            seconds(m.id, first[job])
            for m, job in zip(messages, replies, strict=True)
            if job in first
        ]
        waits = [seconds(self._killed_at, first[job]) for job in self._orphans & first.keys()]
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
        """Yield everything that should not have happened."""
        for message in self._people.messages:
            replies = self._replies_to(message)
            if len(replies) != 1:
                yield f"{len(replies)} replies to {describe(message)}"
            if any(reply.content.startswith(WORKING) for reply in replies):
                yield f"{describe(message)} is still being worked on"
            if REFUSED in message.reactions:
                yield f"{describe(message)} was refused"
        yield from (f"message to nobody: {message.content}" for message in self._stray_messages())
        yield from self._environment.discord.unknown_routes
        yield from self._environment.clarifai.violations
        yield from (f"{name} ended with {code}" for name, code in exits.items() if code)
        lines = (line for log in self._workers.logs() for line in log.splitlines())
        yield from (line for line in lines if any(words in line for words in _UNWANTED))

    def _stray_messages(self) -> Iterator[Message]:
        answered = set(map(id, self._people.messages))
        for channel in self._environment.discord.state.channels.values():
            for message in channel.messages.values():
                is_reply = message.reference and id(message.reference.message) in answered
                if message.author is self._environment.discord.bot and not is_reply:
                    yield message

    def _replies_to(self, message: Message) -> list[Message]:
        """Return the bot's replies; people reply to each other too."""
        discord = self._environment.discord
        return [reply for reply in discord.replies_to(message) if reply.author is discord.bot]


def seconds(earlier: int, later: int) -> float:
    """Return the time between two ids of Discord's, which are milliseconds in their upper bits."""
    return ((later >> 22) - (earlier >> 22)) / 1000


def describe(message: Message) -> str:
    """Name a message in a fault."""
    files = ", ".join(attachment.filename for attachment in message.attachments)
    return f"{message.id} {message.content!r} [{files}]"
