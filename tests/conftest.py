"""Fixtures for all tests: a loopback-only network, an HTTP server with clips, databases."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import shutil
import socket
import threading
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from aiohttp import web
from discord.gateway import KeepAliveHandler
from hypothesis import settings

from bot.config import Config, DiscordConfig
from bot.jobs.queue import JobQueue
from bot.media.sandbox import process, spawn
from bot.media.sandbox.pool import Sandbox
from bot.runtime import app as wiring
from bot.storage.database import Database
from bot.storage.engine import queue_url
from tests.processes.forking import fork_server, running_fork_servers
from tests.processes.warm_sandbox import fork_sandboxes
from tests.stand_ins.postgres import PostgresServer, find_binaries, running_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from bot.runtime.app import App

CLIPS = Path(__file__).parent / "clips"
_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes folders of its own in it
_NEEDED = 2 * 2**30  # bytes; a run leaves less than a tenth of it


def pytest_configure(config: pytest.Config) -> None:
    """Let hypothesis try 50 examples without a deadline; keep test files in memory if they fit.

    The machine may be busy, and on disk each database waits for every write.

    Programs and sandboxes are forked from servers that have loaded their modules, except in tests
    of starting. All workers share these servers.
    """
    settings.register_profile("framehound", deadline=None, max_examples=50)
    settings.load_profile("framehound")
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _NEEDED:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    if not hasattr(config, "workerinput"):
        servers = ExitStack()
        servers.enter_context(running_fork_servers())
        config.add_cleanup(servers.close)
    if sandboxes := fork_server("sandbox"):
        fork_sandboxes(sandboxes)


def pytest_collection_finish() -> None:
    """Let the garbage collector skip what lives as long as the tests: a tenth of their time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection to another machine."""
    connect = socket.socket.connect

    def guarded(sock: socket.socket, address: Any) -> None:
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            host = ipaddress.ip_address(address[0].partition("%")[0])
            assert host.is_loopback, f"a test reached for {host}"
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's settings."""
    for field in DiscordConfig.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.delenv("CLARIFAI_KEY", raising=False)


@pytest.fixture(autouse=True)
def _no_heartbeat_outlives_its_test() -> Iterator[None]:
    """Stop discord.py's heartbeat threads: those of refused shards outlive their event loop."""
    yield
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler):
            thread.stop()


class SandboxOnDemand(Sandbox):
    """Starts its children when tasks come, as most tests that open an app have none."""

    async def __aenter__(self) -> Self:
        """Start no child yet."""
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        return self


@pytest.fixture(scope="session", autouse=True)
def _children_on_demand() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "Sandbox", SandboxOnDemand)
        yield


@pytest.fixture
def fresh_sandboxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start sandboxes as an operator's bot does, instead of forking them."""
    monkeypatch.setattr(process, "spawn", spawn.spawn)


@pytest.fixture
def data_dir(tmp_path: Path, sqlite_template: tuple[Path, Path]) -> Path:
    """A folder with databases that have tables and no rows."""
    folder = tmp_path / "data"
    folder.mkdir()
    for file in sqlite_template:
        shutil.copy(file, folder / f"{file.stem}.sqlite")
    return folder


class ClipHost:
    """Serves tests/clips over HTTP and records requests; ``hold_all`` delays the responses."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.address = ""
        self.arrived = asyncio.Event()
        self.hold: asyncio.Event | None = None

    def url(self, name: str) -> str:
        return f"http://{self.address}/{name}"

    def hold_all(self) -> None:
        self.hold = asyncio.Event()

    def let_go(self) -> None:
        if self.hold:
            self.hold.set()
        self.hold = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.arrived.set()
        if self.hold:
            await self.hold.wait()
        if "expired" in request.query:
            raise web.HTTPForbidden
        if request.path == "/page":
            return web.Response(text="<!doctype html><p>a clip", content_type="text/html")
        path = CLIPS / request.path.lstrip("/")
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path)


@pytest.fixture
async def clip_host() -> AsyncIterator[ClipHost]:
    host = ClipHost()
    app = web.Application()
    app.router.add_get("/{name}", host.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.address = "{}:{}".format(*runner.addresses[0][:2])
    yield host
    host.let_go()
    await runner.cleanup()


@pytest.fixture
def make_config(data_dir: Path, clip_host: ClipHost) -> Callable[..., DiscordConfig]:
    """Return a function that makes settings; keywords override the defaults."""
    host, _, port = clip_host.address.partition(":")

    def make(**settings: Any) -> DiscordConfig:
        defaults = {
            "discord_token": "a-made-up-token",
            "data_dir": data_dir,
            "fetch_allowed_hosts": frozenset({(host, int(port))}),
            "worker_id": "test-worker",
            # Clips are decoded for it, and those of many tests differ only in bytes that no
            # decoder reads.
            "recognize_copies": "off",
        }
        return DiscordConfig(_env_file=None, **{**defaults, **settings})  # type: ignore[call-arg]  # pydantic-settings' own argument

    return make


@pytest.fixture
async def open_app() -> AsyncIterator[Callable[[Config], Any]]:
    """Return a function that opens an app; it is closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def open_one(config: Config) -> App:
            return await stack.enter_async_context(wiring.opened(config))

        yield open_one


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for each of pytest's workers, started when a test first needs it."""
    binaries = find_binaries()
    if binaries is not None:
        with running_postgres(binaries) as server:
            yield server
    elif "CI" in os.environ:
        pytest.fail("PostgreSQL is not installed here, and CI must not skip its tests")
    else:
        pytest.skip("PostgreSQL is not installed here")


async def _create_tables(url: str) -> None:
    async with Database.open(url), JobQueue(queue_url(url), "test-worker").accepting():
        """Opening them is enough."""


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A database with all tables, to be copied: creating them takes six times as long."""
    url = postgres.make()
    asyncio.run(_create_tables(url))
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A database with all tables and the one of its job queue, to be copied."""
    database = tmp_path_factory.mktemp("template") / "framehound.db"
    asyncio.run(_create_tables(f"sqlite:///{database}"))
    return database, database.with_name("framehound-jobs.db")


@pytest.fixture
def new_postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A database without tables."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    with postgres.copy(postgres_template) as url:
        yield url


@pytest.fixture
def new_sqlite_url(tmp_path: Path) -> str:
    """A database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'framehound.db'}"


@pytest.fixture
def sqlite_url(new_sqlite_url: str, sqlite_template: tuple[Path, Path], tmp_path: Path) -> str:
    for file in sqlite_template:
        shutil.copy(file, tmp_path)
    return new_sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest) -> str:
    """A new database of each kind, without tables."""
    name = "new_sqlite_url" if request.param == "sqlite" else "new_postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of each kind, with tables and without rows."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def queue(make_config: Callable[..., Any], database_url: str) -> JobQueue:
    """Return the queue on a database of each kind."""
    return wiring.job_queue(make_config(database_url=database_url))


@pytest.fixture
async def app(
    make_config: Callable[..., Any], open_app: Callable[..., Any], database_url: str
) -> App:
    """Return an app on the same database as ``queue``."""
    app: App = await open_app(make_config(database_url=database_url))
    return app


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database
