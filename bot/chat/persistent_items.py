"""Buttons and menus that work after a restart, as their IDs hold everything they need.

An ID may be of another version: then the person is told that the button has expired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ui

from bot.errors import ButtonExpired

if TYPE_CHECKING:
    import re

    from bot.chat.client import FramehoundBot

    Press = discord.Interaction[FramehoundBot]


class PersistentItem(ui.DynamicItem[ui.Item[Any]], template=r"(?!)"):
    """A button or menu that is known by its ID; subclasses give its ``template`` and ``pressed``.

    Whatever goes wrong is answered with a sentence: discord.py would only log it.
    """

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: ui.Item[Any], _match: re.Match[str], /
    ) -> Self:
        """Return the item that was pressed; its ID is read later, when a mistake can be told."""
        return cls(item)

    async def callback(self, interaction: Press) -> None:  # type: ignore[override]  # our own bot class
        """Do what the item is for, or tell the person why it failed."""
        try:
            await self.pressed(interaction, self._match())
        except Exception as error:  # noqa: BLE001 - answered with a sentence; unexpected errors are logged
            await interaction.client.refuse(interaction, error)

    def _match(self) -> re.Match[str]:
        """Return the parts of the ID."""
        match = self.template.fullmatch(self.custom_id)
        if match is None:
            raise ButtonExpired
        return match

    async def pressed(self, interaction: Press, match: re.Match[str]) -> None:
        """Do what the item is for; raises ``ButtonExpired`` if its ID makes no sense."""
        raise NotImplementedError
