"""Tagging what was posted before the bot came, with a real bot and a loopback Discord."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bot.storage.database import Database
from bot.storage.index_runs import IndexRunStore
from bot.storage.opt_outs import OptOutStore
from loopback_discord import CannedResponse, LoopbackDiscord, Permission, Upload
from tests.processes.programs import TOKEN, answer_to, settings_for, started
from tests.processes.running_bot import CAT, CITY, CITY_FILE, ended_well

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback_discord import Channel, Guild, Member, Message
    from tests.processes.programs import Program

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.process]
CAT_CLIP = Upload("cat.gif", CAT, "image/gif")
CITY_CLIP = Upload("city.mp4", CITY, "video/mp4", duration_secs=8)


class OldServer:
    """A server in which clips were posted before the bot came."""

    def __init__(self, discord: LoopbackDiscord, folder: Path) -> None:
        self.discord = discord
        self.folder = folder
        self.guild: Guild = discord.add_guild_without_bot("Cats")
        self.channel: Channel = self.guild.add_text_channel("videos")
        self.office: Channel = self.guild.add_text_channel("office")
        self.ann = self.guild.add_member("ann")
        self.manager: Member = self.guild.add_member("max", permissions=Permission.MANAGE_GUILD)

    @property
    def settings(self) -> dict[str, str]:
        return settings_for(self.discord, self.folder / "data")

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder / 'data' / 'framehound.sqlite'}"

    @asynccontextmanager
    async def program(self) -> AsyncIterator[Program]:
        (self.folder / "data").mkdir(exist_ok=True)
        async with started(self.settings, self.folder) as program:
            await self.discord.wait_ready()
            yield program

    async def offer(self) -> Message:
        """Let the bot join, and ask for the price; return the answer."""
        if not self.guild.joined:
            self.guild.add_bot()
        return await (await self.manager.slash(self.office, "index")).wait_for_response()

    def refuse_searches(self) -> None:
        """Have the bot read the channels instead, as without Discord's search."""
        refusal = CannedResponse(403, b"{}", {"Content-Type": "application/json"})
        search = f"/guilds/{self.guild.id}/messages/search"
        self.discord.faults.add("GET", search, refusal, times=9)

    async def start(self, offer: Message) -> Message:
        """Start the run; return the message that shows the progress."""
        await self.manager.click(offer, button(offer))
        return await self.discord.wait_for_message(
            self.office, matching=lambda message: "so far" in message.content
        )

    async def found(self, tag: str) -> str:
        """Return what the manager finds."""
        interaction = await self.manager.slash(self.channel, "find", tag=tag)
        page = await interaction.wait_for_response()
        return "\n".join([page.content, *(embed["description"] for embed in page.embeds)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OldServer]:
    """Return a server with a bot that runs."""
    async with LoopbackDiscord(TOKEN) as discord:
        first = OldServer(discord, tmp_path_factory.mktemp("bot"))
        async with first.program() as program, ended_well(program):
            yield first


@pytest.fixture
def server(bot: OldServer) -> OldServer:
    """Return another server of the same bot."""
    return OldServer(bot.discord, bot.folder)


def button(message: Message) -> str:
    ((only,),) = (row["components"] for row in message.components)
    custom_id: str = only["custom_id"]
    return custom_id


@pytest.mark.parametrize("searchable", [True, False])
async def test_older_clips_are_priced_tagged_and_found(
    server: OldServer, *, searchable: bool
) -> None:
    old = await server.ann.post(server.channel, files=[CAT_CLIP, CITY_CLIP])
    await server.ann.post(server.channel, "no clip")
    if not searchable:
        server.refuse_searches()
    offer = await server.offer()
    assert "2, with 8 s of video, not counting 1 of unknown length" in offer.content
    shown = await server.start(offer)
    await server.discord.wait_until(lambda: "tagged 2 of 2" in shown.content, "both to be tagged")
    assert not shown.components
    assert "0:00–0:04" in await server.found("cat")
    assert "no older clips" in (await server.offer()).content
    assert server.discord.replies_to(old) == []
    assert old.reactions == {}


async def test_a_run_goes_on_after_the_process_was_killed(tmp_path: Path) -> None:
    async with LoopbackDiscord(TOKEN) as discord:
        server = OldServer(discord, tmp_path)
        for _ in range(3):
            await server.ann.post(server.channel, files=[CITY_CLIP, CAT_CLIP])
        async with server.program() as program:
            shown = await server.start(await server.offer())
            await discord.wait_until(lambda: "2 of 6" in shown.content, "two clips")
            await program.stop(by=signal.SIGKILL)
        async with server.program() as program, ended_well(program):
            await discord.wait_until(lambda: "tagged 6 of 6" in shown.content, "all six clips")


async def test_a_manager_stops_a_run_and_nobody_else_does(server: OldServer) -> None:
    for _ in range(60):
        await server.ann.post(server.channel, files=[CITY_CLIP])
    server.guild.add_bot()
    with pytest.raises(PermissionError):
        await server.ann.slash(server.office, "index")
    shown = await server.start(await server.offer())
    refused = await (await server.ann.click(shown, button(shown))).wait_for_response()
    assert "Manage Server" in refused.content
    await server.manager.click(shown, button(shown))
    await server.discord.wait_until(lambda: "Stopped" in shown.content, "the run to stop")
    live = await server.ann.post(server.channel, files=[CITY_FILE])
    await answer_to(server.discord, live)
    async with Database.open(server.database_url) as database:
        assert await IndexRunStore(database).running() == []


async def test_clips_of_people_who_opted_out_are_left_alone(server: OldServer) -> None:
    posted = await server.ann.post(server.channel, files=[CITY_CLIP])
    async with Database.open(server.database_url) as database:
        await OptOutStore(database).add(server.ann.user.id)
    assert "no older clips" in (await server.offer()).content
    await server.guild.add_member("bob").forward(server.channel, posted)
    server.refuse_searches()  # it doesn't find forwards
    shown = await server.start(await server.offer())
    await server.discord.wait_until(lambda: "so far" not in shown.content, "the run to end")
    assert "tagged 0 of 1" in shown.content


async def test_the_operator_indexes_from_the_command_line(server: OldServer) -> None:
    await server.ann.post(server.channel, files=[CAT_CLIP])
    server.guild.add_bot()
    command = ("index", "--server", str(server.guild.id), "--yes")
    async with started(server.settings, server.folder, *command) as operator:
        assert await operator.exit_code() == 0, operator.log
    assert "0:00–0:04" in await server.found("cat")
    assert server.discord.unknown_routes == []
