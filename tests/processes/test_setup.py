"""The setup wizard on a real terminal, with loopback servers of Discord and Clarifai."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING

import pytest

from loopback_discord import LoopbackDiscord, Permission
from loopback_discord.model.roles import Role
from tests.processes.programs import TOKEN, started
from tests.processes.pseudo_terminal import on_terminal
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN as CLARIFAI_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


def settings_for(
    discord: LoopbackDiscord, clarifai: LoopbackClarifai, folder: Path
) -> dict[str, str]:
    return {
        "DATA_DIR": str(folder / "data"),
        "DISCORD_API_URL": discord.api_url,
        "CLARIFAI_API_URL": clarifai.url,
    }


async def test_a_newcomer_sets_up_the_bot_and_starts_it(tmp_path: Path) -> None:
    async with (
        LoopbackDiscord(TOKEN, content_granted=False) as discord,
        LoopbackClarifai() as clarifai,
        on_terminal(settings_for(discord, clarifai, tmp_path), tmp_path, "setup") as terminal,
    ):
        guild = discord.add_guild_without_bot("Cats")
        await terminal.wait_for("https://discord.com/developers/applications")
        await terminal.wait_for("Discord token (hidden): ")
        terminal.type("wrong\n")
        await terminal.wait_for("Discord rejected DISCORD_TOKEN")
        await terminal.wait_for("Discord token (hidden): ")
        terminal.type(f"{TOKEN}\n")
        await terminal.wait_for("Logged in as framehound")
        await terminal.wait_for("Message Content Intent is off")
        await terminal.wait_for("/bot")
        await terminal.wait_for("Press Enter")
        discord.state.content_granted = True
        terminal.type("\n")
        await terminal.wait_for("Message Content Intent is on.")
        await terminal.wait_for("scope=bot+applications.commands&permissions=274878008384")
        await terminal.wait_for("Waiting until it is in a server")
        guild.add_bot()
        await terminal.wait_for("The bot is in Cats.")
        await terminal.wait_for("Clarifai token (hidden; Enter for none): ")
        terminal.type("wrong\n")
        await terminal.wait_for("Clarifai token (hidden; Enter for none): ")
        terminal.type(f"{CLARIFAI_TOKEN}\n")
        await terminal.wait_for("Clarifai works: ")
        await terminal.wait_for("Wrote .env; only you can read it.")
        await terminal.wait_for("Start the bot now?")
        terminal.type("\n")
        await discord.wait_ready()
        terminal.type("\x03")
        assert await asyncio.wait_for(terminal.process.wait(), 30) == 0
    written = tmp_path / ".env"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert written.read_text() == f"DISCORD_TOKEN={TOKEN}\nCLARIFAI_PAT={CLARIFAI_TOKEN}\n"


async def test_a_second_run_changes_what_is_there_and_shows_no_secret(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(
        f"# mine\nDISCORD_TOKEN={TOKEN}\nMAX_MINUTES=3\nCLARIFAI_KEY=old\nCLARIFAI_PAT=x y\n"
    )
    async with LoopbackDiscord(TOKEN) as discord, LoopbackClarifai() as clarifai:
        discord.add_guild("Cats")
        settings = settings_for(discord, clarifai, tmp_path)
        async with on_terminal(settings, tmp_path, "setup") as terminal:
            await terminal.wait_for("Discord token (hidden; Enter keeps yours): ")
            terminal.type("\n")
            await terminal.wait_for("The bot is in Cats.")
            await terminal.wait_for("none removes it): ")
            terminal.type("none\n")
            await terminal.wait_for("Start the bot now?")
            terminal.type("n\n")
            await terminal.wait_for("Start it with: framehound run")
            assert await asyncio.wait_for(terminal.process.wait(), 30) == 0
    assert env.read_text() == f"# mine\nDISCORD_TOKEN={TOKEN}\nMAX_MINUTES=3\n"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


async def test_check_says_what_is_missing_in_which_server(tmp_path: Path) -> None:
    async with LoopbackDiscord(TOKEN, content_granted=False) as discord:
        discord.add_guild("Cats")
        dogs = discord.add_guild("Dogs")
        dogs.roles[dogs.id] = Role(dogs.id, "@everyone", Permission.VIEW_CHANNEL)
        settings = {
            "DATA_DIR": str(tmp_path / "data"),
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_TOKEN": TOKEN,
        }
        async with on_terminal(settings, tmp_path, "check") as terminal:
            for words in (
                "tagger is local; a minute of video costs nothing",
                "discord: logged in as framehound",
                "intents: message content is off, so only commands see clips; switch it on at",
                "invite link: https://discord.com/oauth2/authorize?client_id=",
                "servers: 2, in 1 of which permissions are missing",
                "server Dogs: lacks Send Messages, Send Messages in Threads, Attach Files,",
                "sandbox: ",
                "local: ",
            ):
                await terminal.wait_for(words)
            assert await asyncio.wait_for(terminal.process.wait(), 30) == 0


async def test_a_script_gives_the_answers_in_the_environment(tmp_path: Path) -> None:
    async with LoopbackDiscord(TOKEN) as discord, LoopbackClarifai() as clarifai:
        settings = settings_for(discord, clarifai, tmp_path)
        async with started(settings, tmp_path, "setup", "--no-clarifai") as program:
            assert await program.exit_code() == 2
        assert "DISCORD_TOKEN: missing" in program.log
        settings |= {"DISCORD_TOKEN": TOKEN, "CLARIFAI_PAT": CLARIFAI_TOKEN}
        async with started(settings, tmp_path, "setup", "--no-start") as program:
            assert await program.exit_code() == 0, program.log
    assert (tmp_path / ".env").read_text() == (
        f"DISCORD_TOKEN={TOKEN}\nCLARIFAI_PAT={CLARIFAI_TOKEN}\n"
    )
