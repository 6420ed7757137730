"""A discord.py bot that does what a media bot does: replies, reactions, commands and buttons."""

from __future__ import annotations

import asyncio
import io

import discord
from discord import app_commands
from discord.ext import commands


class SampleBot(commands.AutoShardedBot):
    """Replies to each file with a copy, sent twice with the same nonce, then reacts."""

    def __init__(self, intents: discord.Intents | None = None) -> None:
        super().__init__(
            command_prefix="!",
            intents=intents or make_intents(),
            guild_ready_timeout=0.05,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.received: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.tree.add_command(_size)
        self.tree.add_command(_threshold)
        self.tree.add_command(_ask)
        self.tree.add_command(_anywhere)
        self.tree.add_command(_privacy)
        self.tree.context_menu(name="Tag this video")(_tag)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Identify at once; discord.py waits five seconds between shards."""

    async def on_message(self, message: discord.Message) -> None:
        if message.author == self.user:
            return
        await self.received.put(message)
        for attachment in message.attachments:
            content = await attachment.read()
            for _ in range(2):
                file = discord.File(io.BytesIO(content), "copy.mp4", description="a copy")
                text = f"{len(content)} @everyone"
                await message.reply(text, file=file, nonce=str(message.id))
            await message.add_reaction("👀")


def make_intents(*, content: bool = True) -> discord.Intents:
    intents = discord.Intents.default()
    intents.message_content = content
    return intents


@app_commands.command(name="size", description="Return the size of a file")
async def _size(
    interaction: discord.Interaction, file: discord.Attachment, unit: str = "bytes"
) -> None:
    await interaction.response.defer(thinking=True)
    content = await file.read()
    await interaction.edit_original_response(content=f"{len(content)} {unit}")
    await interaction.followup.send("that was all", ephemeral=True)


@app_commands.command(name="threshold", description="Set the threshold")
@app_commands.default_permissions(manage_guild=True)
async def _threshold(
    interaction: discord.Interaction, value: app_commands.Range[float, 0, 1]
) -> None:
    await interaction.response.send_message(f"now {value}", ephemeral=True)


@app_commands.command(name="ask", description="Ask for a click")
async def _ask(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("press", view=_Press())


@app_commands.command(name="anywhere", description="For user installs, too")
@app_commands.allowed_installs(guilds=True, users=True)
async def _anywhere(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("here", ephemeral=True)


_privacy = app_commands.Group(name="privacy", description="Stored data", guild_only=True)


@_privacy.command(name="show", description="Show it")
async def _show(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("nothing", ephemeral=True)


async def _tag(interaction: discord.Interaction, message: discord.Message) -> None:
    files = ", ".join(attachment.filename for attachment in message.attachments)
    await interaction.response.send_message(f"{message.content}: {files}")


class _Press(discord.ui.View):
    @discord.ui.button(label="Press", custom_id="press")
    async def press(
        self, interaction: discord.Interaction, _button: discord.ui.Button[_Press]
    ) -> None:
        await interaction.response.edit_message(content="pressed", view=None)

    @discord.ui.button(label="Name", custom_id="name")
    async def name(
        self, interaction: discord.Interaction, _button: discord.ui.Button[_Press]
    ) -> None:
        await interaction.response.send_modal(_Name())


class _Name(discord.ui.Modal, title="Your name"):
    name: discord.ui.TextInput[_Name] = discord.ui.TextInput(label="Name", custom_id="name")
