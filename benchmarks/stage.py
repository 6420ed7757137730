"""A Discord and a Clarifai on loopback, new clips, and the bots to compare."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

sys.path.insert(0, str(Path(__file__).parent.parent))

from loopback_discord import LoopbackDiscord
from tests.processes import programs
from tests.stand_ins import clarifai_replies
from tests.stand_ins.clarifai import LoopbackClarifai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from loopback_discord import Channel, Member, Message

ROOT = Path(__file__).parent.parent
LATENCY = 0.3  # seconds Clarifai takes
PATIENCE = 120.0
_BARE = Path(__file__).parent / "bare.py"
_SERVERS = 20


def new_clips(size: int | None = None) -> Iterator[bytes]:
    """Yield clips that show the same but have different bytes, and so different fingerprints.

    They differ in a ``free`` box at the end, which readers skip (ISO/IEC 14496-12, 8.1.2).
    """
    clip = (ROOT / "tests" / "clips" / "city.mp4").read_bytes()
    more = max(16, (size or 0) - len(clip))
    for number in count():
        yield clip + more.to_bytes(4) + b"free" + number.to_bytes(8) + bytes(more - 16)


@asynccontextmanager
async def slow_clarifai() -> AsyncIterator[LoopbackClarifai]:
    """Open a Clarifai that takes ``LATENCY`` seconds for each clip."""
    async with LoopbackClarifai() as clarifai:
        recorded = clarifai_replies.recorded("video_beer_2017.json")
        clarifai.serve(replace(recorded, delay=LATENCY))
        yield clarifai


async def post(place: tuple[Channel, Member], clips: Sequence[bytes]) -> Message:
    """Post clips in one message."""
    channel, person = place
    return await person.post(channel, files=[("clip.mp4", clip, "video/mp4") for clip in clips])


@dataclass
class Stage:
    """A Discord with many servers, and a Clarifai."""

    discord: LoopbackDiscord
    clarifai: LoopbackClarifai
    folder: Path
    clips: Iterator[bytes] = field(default_factory=new_clips)
    numbers: Iterator[int] = field(default_factory=count)

    def places(self) -> Iterator[tuple[Channel, Member]]:
        """Yield a channel and a member to post there, one server after the other, without end."""
        for guild in cycle(list(self.discord.state.guilds.values())):
            yield guild.channels[0], guild.owner

    def home(self) -> Path:
        """Return the path of a new folder."""
        return self.folder / f"run-{next(self.numbers)}"

    def settings(self, home: Path) -> dict[str, str]:
        """Return the settings of a process that keeps its data in a folder."""
        own = programs.settings_for(self.discord, home / "data")
        return {**own, **programs.clarifai_settings(self.clarifai)}

    @asynccontextmanager
    async def framehound(self) -> AsyncIterator[psutil.Process]:
        """Start the bot with an empty database."""
        home = self.home()
        async with programs.started(self.settings(home), home) as program:
            await self.discord.wait_ready(PATIENCE)
            yield psutil.Process(program.process.pid)
            await program.stop()
        await self.discord.wait_disconnected()

    @asynccontextmanager
    async def bare(self, *arguments: str) -> AsyncIterator[psutil.Process]:
        """Start one of the programs in ``bare.py``."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_BARE), *arguments),
            env={**os.environ, **self.settings(self.folder)},
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    @asynccontextmanager
    async def bare_bot(self) -> AsyncIterator[psutil.Process]:
        """Start the plain discord.py bot."""
        async with self.bare("bot") as process:
            await self.discord.wait_ready(PATIENCE)
            yield process
        await self.discord.wait_disconnected()

    async def replied(self, posted: Message) -> None:
        """Wait for the reply to a message."""
        await self.discord.wait_for_message(posted.channel, reply_to=posted, timeout=PATIENCE)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stage]:
    """Open a Discord with so many servers that no server's limit slows a bot down."""
    async with LoopbackDiscord(programs.TOKEN) as discord, slow_clarifai() as clarifai:
        for number in range(_SERVERS):
            discord.add_guild(f"Server {number}").add_text_channel("videos")
        yield Stage(discord, clarifai, folder)
