"""Bots as real processes between a loopback Discord and one of its members."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from loopback_discord import LoopbackDiscord
from tests.conftest import CLIPS
from tests.processes.programs import (
    TOKEN,
    Program,
    answer_to,
    settings_for,
    sqlite_url,
    started,
    switch_text_off,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback_discord import Channel, Member, Message

CAT = (CLIPS / "montage.gif").read_bytes()
CITY = (CLIPS / "city.mp4").read_bytes()
CAT_FILE = ("cat.gif", CAT, "image/gif")
CITY_FILE = ("city.mp4", CITY, "video/mp4")


class RunningBot:
    """A bot that runs, a channel it watches, and a member who posts there."""

    def __init__(
        self, discord: LoopbackDiscord, program: Program, channel: Channel | None = None
    ) -> None:
        self.discord = discord
        self.program = program
        self.guild = next(iter(discord.state.guilds.values()))
        self.channel: Channel = channel or self.guild.channels[0]
        self.ann = self.guild.add_member("ann")

    def in_new_channel(self) -> RunningBot:
        """Return the same bot with a new channel and a new member."""
        name = f"videos-{len(self.guild.channels)}"
        return RunningBot(self.discord, self.program, self.guild.add_text_channel(name))

    async def reply_to(self, message: Message) -> Message:
        return await answer_to(self.discord, message)


@asynccontextmanager
async def running_bot(
    tmp_path: Path,
    data_dir: Path,
    *,
    content_granted: bool = True,
    settings: dict[str, str] | None = None,
    fresh: bool = False,
) -> AsyncIterator[RunningBot]:
    """Start a bot, stop it when the block ends, and check that it ended and logged cleanly."""
    async with LoopbackDiscord(TOKEN, content_granted=content_granted) as discord:
        discord.add_guild("Cats").add_text_channel("videos")
        environment = {**settings_for(discord, data_dir), **(settings or {})}
        if (data_dir / "framehound.sqlite").exists():
            switch_text_off(discord, sqlite_url(environment))
        async with started(environment, tmp_path, fresh=fresh) as program:
            await discord.wait_ready()
            yield RunningBot(discord, program)
            assert await program.stop() == 0, program.log
        assert discord.unknown_routes == []
        assert TOKEN not in program.log
        assert "Traceback" not in program.log, program.log


class Programs:
    """Starts programs on one Discord and one database, and posts there as a member."""

    def __init__(self, discord: LoopbackDiscord, data_dir: Path, folder: Path) -> None:
        self.discord = discord
        self.settings = settings_for(discord, data_dir)
        switch_text_off(discord, sqlite_url(self.settings))
        self.channel, self.ann = channel_and_member(discord)
        self._folder = folder
        self._count = 0

    @asynccontextmanager
    async def started(
        self, *arguments: str, ready: bool = True, fresh: bool = False, **settings: str
    ) -> AsyncIterator[Program]:
        """Start a program, wait until its gateway is ``ready``, and kill it in the end."""
        self._count += 1
        folder = self._folder / f"program-{self._count}"
        environment = {**self.settings, **settings}
        async with started(environment, folder, *arguments, fresh=fresh) as program:
            if ready:
                await self.discord.wait_ready()
            yield program

    @asynccontextmanager
    async def running(self, *arguments: str, **options: Any) -> AsyncIterator[Program]:
        """Start a program as ``started`` does, and check that it ends and logs cleanly."""
        async with self.started(*arguments, **options) as program, ended_well(program):
            yield program

    async def kill(self, program: Program) -> None:
        """Kill a gateway with SIGKILL, and wait until Discord has noticed."""
        assert await program.stop(signal.SIGKILL) == -signal.SIGKILL
        await self.discord.wait_disconnected()

    async def post(self, text: str = "", *files: Any, reply_to: Message | None = None) -> Message:
        """Post files, or else a clip of a cat."""
        attached = list(files or [CAT_FILE] * (reply_to is None))
        return await self.ann.post(self.channel, text, files=attached, reply_to=reply_to)

    async def answer(self, message: Message) -> Message:
        return await answer_to(self.discord, message)


def channel_and_member(discord: LoopbackDiscord) -> tuple[Channel, Member]:
    """Return the first server's channel and a new member of it."""
    guild = next(iter(discord.state.guilds.values()))
    return guild.channels[0], guild.add_member("ann")


@asynccontextmanager
async def ended_well(*programs: Program) -> AsyncIterator[None]:
    """Stop programs when the block ends, and check that they ended and logged cleanly."""
    yield
    for program in programs:
        assert await program.stop() == 0, program.log
        assert "Traceback" not in program.log, program.log
