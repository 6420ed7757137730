"""Starting and stopping the program as a real process."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bot.chat.messages import WORKING
from bot.storage.tables import guild_settings
from tests.processes.forking import bare_environment, fork_server
from tests.stand_ins.clarifai_judge import TOKEN as CLARIFAI_TOKEN

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from loopback_discord import LoopbackDiscord, Message
    from tests.processes.forking import ForkedProcess
    from tests.stand_ins.clarifai import LoopbackClarifai

_MAX_LINE_LENGTH = 2**20
_STANDARD_OUTPUT = 1
TOKEN = "a-made-up-token"  # noqa: S105 - made up


class Program:
    """A running ``framehound`` and its log."""

    def __init__(self, process: Process | ForkedProcess) -> None:
        self.process = process
        self._lines: list[str] = []
        self._changed = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen())

    @property
    def log(self) -> str:
        return "".join(self._lines)

    async def wait_for_line(self, words: str) -> None:
        """Wait until a line with this text was logged."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: any(words in line for line in self._lines))

    async def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(by)
        return await self.exit_code()

    async def exit_code(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), 60)
        # Children of a killed process may hold its standard error for a moment longer.
        await asyncio.wait_for(asyncio.shield(self._listening), 60)
        return code

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            async with self._changed:
                self._lines.append(line.decode())
                self._changed.notify_all()


def settings_for(discord: LoopbackDiscord, data_dir: Path) -> dict[str, str]:
    return {
        "DATA_DIR": str(data_dir),
        "DISCORD_TOKEN": TOKEN,
        "DISCORD_API_URL": discord.api_url,
        "FETCH_ALLOWED_HOSTS": discord.address,
        "LOG_FORMAT": "json",
        # The clips of many tests differ only in bytes that no decoder reads.
        "RECOGNIZE_COPIES": "off",
    }


def sqlite_url(settings: Mapping[str, str]) -> str:
    return f"sqlite:///{settings['DATA_DIR']}/framehound.sqlite"


def switch_text_off(discord: LoopbackDiscord, database_url: str) -> None:
    """Have the servers' clips not read: that takes longer than all else if Clarifai tags them."""
    url = database_url.replace("postgresql:", "postgresql+psycopg:")
    rows = [{"guild_id": guild, "name": "text", "value": "false"} for guild in discord.state.guilds]
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.insert(guild_settings), rows)


def clarifai_settings(clarifai: LoopbackClarifai) -> dict[str, str]:
    return {"CLARIFAI_PAT": CLARIFAI_TOKEN, "CLARIFAI_API_URL": clarifai.url}


async def answer_to(discord: LoopbackDiscord, message: Message, timeout: float = 60) -> Message:  # noqa: ASYNC109 - as in loopback_discord
    """Wait for the reply to a message and return it; shown progress does not count."""

    def is_answer(reply: Message) -> bool:
        return not reply.content.startswith(WORKING)

    return await discord.wait_for_message(
        message.channel, reply_to=message, matching=is_answer, timeout=timeout
    )


@dataclass(frozen=True)
class Completed:
    """A program that has ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


async def completed(
    settings: Mapping[str, str], folder: Path, *arguments: str, fresh: bool = False
) -> Completed:
    """Run ``framehound`` to its end; it starts as in ``started``."""
    with TemporaryFile() as output:
        environment = {**bare_environment(), **settings}
        process = await _process(environment, folder, arguments, output.fileno(), fresh=fresh)
        assert process.stderr is not None
        log = await process.stderr.read()
        code = await process.wait()
        output.seek(0)
        return Completed(code, output.read().decode(), log.decode())


@asynccontextmanager
async def started(
    settings: Mapping[str, str], folder: Path, *arguments: str, fresh: bool = False
) -> AsyncIterator[Program]:
    """Start ``framehound``; it is killed at the latest when the block ends.

    A ``fresh`` process starts like an operator's; any other is forked if there is a fork server.
    """
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    environment = {**bare_environment(), **settings}
    process = await _process(environment, folder, arguments, _STANDARD_OUTPUT, fresh=fresh)
    program = Program(process)
    try:
        yield program
    finally:
        if process.returncode is None:
            process.kill()
        await program.exit_code()


async def _process(
    environment: Mapping[str, str],
    folder: Path,
    arguments: tuple[str, ...],
    output: int,
    *,
    fresh: bool,
) -> Process | ForkedProcess:
    arguments = arguments or ("run",)
    server = None if fresh else fork_server("program")
    if server:
        return await server.fork(arguments, environment, folder, _MAX_LINE_LENGTH, [output])
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", *arguments),
        env=environment,
        cwd=folder,
        stdout=output,
        stderr=asyncio.subprocess.PIPE,
        limit=_MAX_LINE_LENGTH,
    )
