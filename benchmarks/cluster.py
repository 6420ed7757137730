"""A gateway and workers as real processes on one PostgreSQL server, and the resources each uses."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import psycopg

from loopback_discord import LoopbackDiscord
from tests.processes import programs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.stand_ins.postgres import PostgresServer

PARTS = ("gateway", "workers", "PostgreSQL", "stand-ins")
GUILDS = 16  # with two jobs at once in each, two workers with eight jobs each are busy


@dataclass(frozen=True)
class Use:
    """CPU seconds used so far; resident bytes and database connections now."""

    cpu: float = 0.0
    memory: int = 0
    connections: int = 0

    def __add__(self, other: Use) -> Use:
        """Return the sum."""
        return Use(
            self.cpu + other.cpu,
            self.memory + other.memory,
            self.connections + other.connections,
        )

    def highest(self, other: Use) -> Use:
        """Return the higher value of each field."""
        return Use(
            max(self.cpu, other.cpu),
            max(self.memory, other.memory),
            max(self.connections, other.connections),
        )


@dataclass
class Cluster:
    """Processes on one database, the Discord they serve, and the peak use of each."""

    discord: LoopbackDiscord
    database: str
    trees: Mapping[str, Sequence[psutil.Process]]
    port: int
    posted: int = 0
    most: dict[str, Use] = field(default_factory=dict)
    _answered: int = 0
    _read: int = 0

    async def post(self, text: str, clip: bytes | None = None) -> None:
        """Post a message, in one server after the other."""
        guilds = list(self.discord.state.guilds.values())
        guild = guilds[self.posted % len(guilds)]
        files = [] if clip is None else [("clip.mp4", clip, "video/mp4")]
        await guild.owner.post(guild.channels[0], text, files=files)
        self.posted += 1

    def answered(self) -> int:
        """Count the bot's messages; a reaction means that a clip was refused."""
        for request in self.discord.requests[self._read :]:
            if "/reactions/" in request.path:
                raise RuntimeError("a clip was refused")
            self._answered += request.method == "POST" and request.path.endswith("/messages")
            self._read += 1
        return self._answered

    def queued(self) -> int:
        """Count the jobs that were ever queued."""
        with psycopg.connect(self.database) as connection:
            row = connection.execute("SELECT count(*) FROM dbos.workflow_status").fetchone()
        return int(row[0]) if row else 0

    def use(self) -> dict[str, Use]:
        """Measure every part, and update its peak."""
        connected = Counter(
            one.pid
            for one in psutil.net_connections("tcp")
            if one.raddr and one.raddr[1] == self.port
        )
        now = {
            part: sum((_tree_use(root, connected) for root in roots), Use())
            for part, roots in self.trees.items()
        }
        self.most = {part: use.highest(self.most.get(part, use)) for part, use in now.items()}
        return now | {"stand-ins": Use(cpu=time.process_time())}


@dataclass(frozen=True)
class Bench:
    """What each cluster needs: a database server and a folder."""

    server: PostgresServer
    folder: Path
    numbers: Iterator[int] = field(default_factory=count)

    @asynccontextmanager
    async def cluster(self, workers: int, account: Mapping[str, str]) -> AsyncIterator[Cluster]:
        """Start a gateway and workers on an empty database."""
        async with AsyncExitStack() as stack:
            discord = await stack.enter_async_context(crowded_discord())
            url = stack.enter_context(self.server.database())
            settings = {"DATABASE_URL": url, **account}
            gateway = await stack.enter_async_context(
                self.started(discord, settings, "run", "--no-worker")
            )
            helpers = [
                await stack.enter_async_context(self.started(discord, settings, "worker"))
                for _ in range(workers)
            ]
            trees = {
                "gateway": [gateway],
                "workers": helpers,
                "PostgreSQL": [_listener(self.server.port)],
            }
            yield Cluster(discord, url, trees, self.server.port)

    @asynccontextmanager
    async def started(
        self, discord: LoopbackDiscord, settings: Mapping[str, str], *arguments: str
    ) -> AsyncIterator[psutil.Process]:
        """Start a process with its own name and folder."""
        name = f"{arguments[0]}-{next(self.numbers)}"
        home = self.folder / name
        (home / "data").mkdir(parents=True)
        own = {**programs.settings_for(discord, home / "data"), "WORKER_ID": name, **settings}
        async with programs.started(own, home, *arguments) as program:
            if "run" in arguments:
                await discord.wait_ready()
            yield psutil.Process(program.process.pid)
            if await program.stop() != 0:
                raise RuntimeError(program.log)


@asynccontextmanager
async def crowded_discord() -> AsyncIterator[LoopbackDiscord]:
    """Open a Discord with so many servers that no server's limit slows the workers down."""
    async with LoopbackDiscord(programs.TOKEN) as discord:
        for number in range(GUILDS):
            discord.add_guild(f"Server {number}").add_text_channel("videos")
        yield discord


def _tree_use(root: psutil.Process, connected: Mapping[int | None, int]) -> Use:
    """Add up a process and its children, ended ones included."""
    whole = Use()
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cpu = times.user + times.system + times.children_user + times.children_system
            whole += Use(cpu, process.memory_info().rss, connected.get(process.pid, 0))
    return whole


def _listener(port: int) -> psutil.Process:
    """Return the process that listens on a port: the database server."""
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr[1] == port and one.pid:
            return psutil.Process(one.pid)
    raise RuntimeError(f"no process listens on {port}")
