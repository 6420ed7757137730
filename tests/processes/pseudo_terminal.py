"""``framehound`` on a terminal: what it prints, and what is typed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import termios
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from tests.processes.forking import bare_environment

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


class OnTerminal:
    """A program that runs on a pseudo-terminal."""

    def __init__(self, process: Process, terminal: int) -> None:
        self.process = process
        self.shown = ""
        self._terminal = terminal
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(terminal, self._read)

    async def wait_for(self, words: str) -> None:
        """Wait until the program has shown this, after what was waited for before."""
        try:
            async with asyncio.timeout(40):
                while words not in self.shown:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"no {words!r} in {self.shown!r}") from None
        self.shown = self.shown.partition(words)[2]

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read(self) -> None:
        text = b""
        with suppress(OSError):  # the program has ended
            text = os.read(self._terminal, 65_536)
        if not text:
            self.stop_reading()
        self.shown += text.decode(errors="replace")
        self._news.set()

    def stop_reading(self) -> None:
        asyncio.get_running_loop().remove_reader(self._terminal)


@asynccontextmanager
async def on_terminal(
    settings: Mapping[str, str], folder: Path, *arguments: str
) -> AsyncIterator[OnTerminal]:
    """Start ``framehound`` on a terminal of its own."""
    terminal, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", *arguments),
        env={**bare_environment(), "TERM": "xterm", **settings},
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # as a login over SSH does
    )
    os.close(theirs)
    program = OnTerminal(process, terminal)
    try:
        yield program
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        program.stop_reading()
        os.close(terminal)
