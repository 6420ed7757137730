"""What a bot can show to be filled in: selects under a message, and a modal of every part."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

_OPTIONS = [discord.SelectOption(label=name, value=name) for name in ("one", "two", "three")]


@app_commands.command(name="panel", description="Fill something in")
@app_commands.allowed_installs(guilds=True, users=True)
async def panel(interaction: discord.Interaction) -> None:
    """Show a select of each kind."""
    await interaction.response.send_message("choose", view=_Selects(), ephemeral=True)


class _Selects(discord.ui.View):
    @discord.ui.select(custom_id="numbers", options=_OPTIONS, max_values=2)
    async def numbers(
        self, interaction: discord.Interaction, select: discord.ui.Select[_Selects]
    ) -> None:
        await interaction.response.edit_message(content=", ".join(select.values))

    @discord.ui.select(
        cls=discord.ui.ChannelSelect, custom_id="place", channel_types=[discord.ChannelType.text]
    )
    async def place(
        self, interaction: discord.Interaction, select: discord.ui.ChannelSelect[_Selects]
    ) -> None:
        await interaction.response.edit_message(content=select.values[0].name)

    @discord.ui.button(label="More", custom_id="more")
    async def more(
        self, interaction: discord.Interaction, _button: discord.ui.Button[_Selects]
    ) -> None:
        await interaction.response.send_modal(_Everything())


class _Everything(discord.ui.Modal, title="Everything"):
    """A part of each kind a modal can hold, five at a time."""

    text: discord.ui.Label[Any] = discord.ui.Label(
        text="Text", component=discord.ui.TextInput(custom_id="text", default="as it stood")
    )
    roles: discord.ui.Label[Any] = discord.ui.Label(
        text="Roles", component=discord.ui.RoleSelect(custom_id="roles", max_values=2)
    )
    radio: discord.ui.Label[Any] = discord.ui.Label(
        text="Radio",
        component=discord.ui.RadioGroup(
            custom_id="radio",
            options=[discord.RadioGroupOption(label=name, value=name) for name in ("a", "b")],
        ),
    )
    check: discord.ui.Label[Any] = discord.ui.Label(
        text="Check", component=discord.ui.Checkbox(custom_id="check")
    )
    files: discord.ui.Label[Any] = discord.ui.Label(
        text="Files", component=discord.ui.FileUpload(custom_id="files", required=False)
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        parts = (self.text, self.roles, self.radio, self.check, self.files)
        text, roles, radio, check, files = (part.component for part in parts)
        sizes = [len(await file.read()) for file in files.values]  # type: ignore[attr-defined]  # Label forgets its part's type
        names = [role.name for role in roles.values]  # type: ignore[attr-defined]  # see above
        told = (text.value, names, radio.value, check.value, sizes)  # type: ignore[attr-defined]  # see above
        await interaction.response.edit_message(content=repr(told), view=None)
