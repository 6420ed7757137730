"""Processes that are killed and started again, and the job table they share."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]  # ships no types
import sqlalchemy as sa

from tests.processes.programs import Program, started

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

_POLL_SECONDS = 0.05
_COLUMNS = (
    "workflow_uuid",
    "status",
    "executor_id",
    "recovery_attempts",
    "started_at_epoch_ms",
)


@dataclass(frozen=True)
class Role:
    """How a process is started."""

    arguments: tuple[str, ...]
    settings: Mapping[str, str]


class Workers:
    """Processes by name; a killed one can be started again under its name."""

    def __init__(self, roles: Mapping[str, Role], folder: Path, stack: AsyncExitStack) -> None:
        self.roles = roles
        self.alive: dict[str, Program] = {}
        self._folder = folder
        self._stack = stack
        self._programs: list[Program] = []
        self._children: list[psutil.Process] = []

    async def start(self, name: str) -> None:
        """Start the process of this name, in a folder of its own."""
        role = self.roles[name]
        folder = self._folder / f"{name}-{len(self._programs)}"
        program = await self._stack.enter_async_context(
            started(role.settings, folder, *role.arguments)
        )
        self.alive[name] = program
        self._programs.append(program)

    async def kill(self, name: str) -> None:
        """Kill a process with SIGKILL and wait for its end."""
        program = self.alive.pop(name)
        self._children += psutil.Process(program.process.pid).children(recursive=True)
        assert await program.stop(signal.SIGKILL) == -signal.SIGKILL, program.log

    async def stop(self) -> dict[str, int]:
        """Stop all processes with SIGTERM; return their exit codes."""
        return {name: await program.stop() for name, program in self.alive.items()}

    def owner_of(self, port: int) -> str | None:
        """Return the name of the process whose connection uses this local port."""
        for name, program in self.alive.items():
            ends = psutil.Process(program.process.pid).net_connections("tcp4")
            if any(end.laddr.port == port for end in ends if end.laddr):
                return name
        return None

    def logs(self) -> list[str]:
        """Return all logs, those of killed processes too."""
        return [program.log for program in self._programs]

    async def left_behind(self) -> list[str]:
        """Return the command lines of children that outlived their killed parent."""
        _gone, alive = await asyncio.to_thread(psutil.wait_procs, self._children, timeout=60)
        return [" ".join(child.cmdline()) for child in alive]


@dataclass(frozen=True)
class TableState:
    """The job table at one moment."""

    jobs: int
    unfinished: int
    max_starts: int
    """The highest number of starts of any unfinished job, its coming start included."""


class JobTable:
    """DBOS' own table of jobs, polled from outside.

    Nothing else can tell a test how often a job was started, or that it is queued although no
    process lives: the processes that know are killed with SIGKILL.
    """

    def __init__(self, database_url: str, schema: str | None = None) -> None:
        url = database_url.replace("postgresql://", "postgresql+psycopg://")
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        self._killed_at = 0.0
        self._table = sa.table(
            "workflow_status", *(sa.column(name) for name in _COLUMNS), schema=schema
        )

    async def until(self, holds: Callable[[TableState], bool], timeout: float = 60) -> None:  # noqa: ASYNC109 - as in loopback_discord
        """Poll the table until a condition holds."""
        deadline = time.monotonic() + timeout
        while not holds(state := await asyncio.to_thread(self._read)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout} s still {state}")
            await asyncio.sleep(_POLL_SECONDS)

    def note_kill(self) -> None:
        """Count every job that was started before now as interrupted."""
        self._killed_at = time.time() * 1000

    async def held_by(self, worker: str) -> set[str]:
        """Return the ids of the jobs that a worker has taken."""
        rows = await asyncio.to_thread(self._rows)
        return {row.workflow_uuid for row in rows if row.executor_id == worker and _is_open(row)}

    def _read(self) -> TableState:
        rows = self._rows()
        unfinished = [row for row in rows if _is_open(row)]
        return TableState(len(rows), len(unfinished), max(map(self._starts, unfinished), default=0))

    def _starts(self, row: Any) -> int:
        """Count the starts of a job, and one more if it waits to be started again."""
        runs = row.status == "PENDING" and row.started_at_epoch_ms > self._killed_at
        return int(row.recovery_attempts or 0) + (not runs)

    def _rows(self) -> list[Any]:
        jobs = self._table.c.workflow_uuid.startswith("message-")
        with self._engine.connect() as connection:
            return list(connection.execute(sa.select(self._table).where(jobs)))


def _is_open(row: Any) -> bool:
    return row.status in {"PENDING", "ENQUEUED", "DELAYED"}
