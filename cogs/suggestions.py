"""Suggestions of tags while a person types."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from discord import app_commands

from bot.domain.cooldown import Cooldown
from bot.domain.search import MAX_NAME_LENGTH
from bot.render import sanitize
from bot.runtime.fair_slots import FairSlots
from bot.storage.database import StorageUnavailable
from cogs.visibility import visibility_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import discord

    from bot.chat.client import FramehoundBot

_MAX_CHOICES = 25
_QUERIES_AT_ONCE = 4


class Suggestions:
    """Suggests tags of clips that a person can see.

    Discord asks at every key. One query runs for a person at a time; of the keys that wait for it,
    only the newest gets a query. A running query goes on, as SQLite would finish it anyway.
    """

    def __init__(self) -> None:
        self._persons = Cooldown(at_once=40, pause=0.5)
        self._slots = FairSlots(_QUERIES_AT_ONCE, per_owner=1)
        self._newest: dict[int, object] = {}

    async def suggest(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Return tags with a word that begins as typed; none for a key that was overtaken."""
        person = interaction.user.id
        if self._persons.wait(person, time.monotonic()):
            return []
        key = self._newest[person] = object()
        async with self._slots.held(str(person)):
            if self._newest.get(person) is not key:
                return []
            del self._newest[person]
            return choices(await _find(interaction, typed))


async def _find(interaction: discord.Interaction[FramehoundBot], typed: str) -> list[str]:
    """Return the most frequent tags first; none while the database is away."""
    guild = interaction.client.get_guild(interaction.guild_id or 0)
    with suppress(StorageUnavailable):
        return await interaction.client.app.services.search.suggest(
            typed, guild.id if guild else None, visibility_of(interaction)
        )
    return []


def choices(tags: Iterable[str]) -> list[app_commands.Choice[str]]:
    """Return tags as Discord's choices, at most as many as it allows."""
    shown = (sanitize.clean(tag, MAX_NAME_LENGTH) for tag in islice(tags, _MAX_CHOICES))
    return [app_commands.Choice(name=tag, value=tag) for tag in shown]
