"""A bot as a real process between a loopback Discord and one of its members."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from loopback_discord import LoopbackDiscord
from tests.conftest import CLIPS
from tests.processes.programs import TOKEN, Program, answer_to, settings_for, started

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
        return await answer_to(self.discord, message, 20)


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
        async with started(environment, tmp_path, fresh=fresh) as program:
            await discord.wait_ready()
            yield RunningBot(discord, program)
            assert await program.stop() == 0, program.log
        assert discord.unknown_routes == []
        assert TOKEN not in program.log
        assert "Traceback" not in program.log, program.log


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
