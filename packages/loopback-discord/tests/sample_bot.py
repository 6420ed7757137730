"""A bot on discord.py as it comes, doing once each thing a media bot does."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import discord
import yarl
from discord import app_commands
from discord.ext import commands

from tests.stand_ins.discord.sample_panel import panel

if TYPE_CHECKING:
    import pytest

    from tests.stand_ins.discord.server import LoopbackDiscord


def point_discord_py_at(loopback: LoopbackDiscord, patch: pytest.MonkeyPatch) -> None:
    """Let every client of this process use ``loopback`` until ``patch`` is undone.

    The gateway's address is asked of REST; after a lost session (op 9), though, discord.py 2.7.1
    goes to the one that is built in.
    """
    gateway = yarl.URL(loopback.gateway_url)
    patch.setattr(discord.http.Route, "BASE", loopback.api_url)
    patch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)


class SampleBot(commands.AutoShardedBot):
    """Answers files with a copy, sent twice under one nonce, and then reacts."""

    def __init__(self, intents: discord.Intents | None = None) -> None:
        super().__init__(
            command_prefix="!",
            intents=intents or default_intents(),
            guild_ready_timeout=0.05,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.heard: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.tree.add_command(_size)
        self.tree.add_command(_threshold)
        self.tree.add_command(_ask)
        self.tree.add_command(_privacy)
        self.tree.add_command(panel)
        self.tree.context_menu(name="Tag this video")(_tag)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Real shards identify five seconds apart; these need not."""

    async def on_message(self, message: discord.Message) -> None:
        if message.author == self.user:
            return
        await self.heard.put(message)
        for attachment in message.attachments:
            content = await attachment.read()
            for _ in range(2):
                file = discord.File(io.BytesIO(content), "copy.mp4", description="a copy")
                text = f"{len(content)} @everyone"
                await message.reply(text, file=file, nonce=str(message.id))
            await message.add_reaction("👀")


@app_commands.command(name="size", description="Weigh a file")
async def _size(
    interaction: discord.Interaction, file: discord.Attachment, unit: str = "bytes"
) -> None:
    await interaction.response.defer(thinking=True)
    content = await file.read()
    await interaction.edit_original_response(content=f"{len(content)} {unit}")
    await interaction.followup.send("that was all", ephemeral=True)


@app_commands.command(name="threshold", description="Set it")
@app_commands.default_permissions(manage_guild=True)
async def _threshold(
    interaction: discord.Interaction, value: app_commands.Range[float, 0, 1]
) -> None:
    await interaction.response.send_message(f"now {value}", ephemeral=True)


@app_commands.command(name="ask", description="Ask for a name")
async def _ask(interaction: discord.Interaction, start: str = "") -> None:
    await interaction.response.send_message(start or "press", view=_Press())


_privacy = app_commands.Group(name="privacy", description="What is kept", guild_only=True)


@_privacy.command(name="show", description="Show it")
async def _show(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("nothing", ephemeral=True)


@_ask.autocomplete("start")
async def _complete(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=typed * 2, value=typed * 2)]


async def _tag(interaction: discord.Interaction, message: discord.Message) -> None:
    found = ", ".join(attachment.filename for attachment in message.attachments)
    await interaction.response.send_message(f"{message.content}: {found}")


class _Press(discord.ui.View):
    @discord.ui.button(label="Press", custom_id="press")
    async def press(
        self, interaction: discord.Interaction, _button: discord.ui.Button[_Press]
    ) -> None:
        await interaction.response.send_modal(_Name())


class _Name(discord.ui.Modal, title="Which one?"):
    name: discord.ui.TextInput[_Name] = discord.ui.TextInput(label="Name", custom_id="name")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content=f"chosen: {self.name.value}", view=None)


def default_intents(*, content: bool = True) -> discord.Intents:
    intents = discord.Intents.default()
    intents.message_content = content
    return intents
