"""Suggestions of tags and searches while a person types."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from discord import app_commands

from bot.domain.cooldown import Cooldown
from bot.domain.search import MAX_NAME_LENGTH, normalize
from bot.render import sanitize
from bot.runtime.fair_slots import FairSlots
from bot.storage.database import StorageUnavailable
from cogs.visibility import visibility_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import discord

    from bot.chat.client import FramehoundBot

_MAX_CHOICES = 25
_MAX_OWN, _MAX_TAGS, _MAX_TEXTS = 5, 12, 8
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
        self,
        interaction: discord.Interaction[FramehoundBot],
        typed: str,
        *,
        queries: bool = False,
    ) -> list[app_commands.Choice[str]]:
        """Return tags with a word that begins as typed; none for a key that was overtaken.

        With ``queries``, these are whole queries, among them the person's own latest ones.
        """
        person = interaction.user.id
        if self._persons.wait(person, time.monotonic()):
            return []
        key = self._newest[person] = object()
        async with self._slots.held(str(person)):
            if self._newest.get(person) is not key:
                return []
            del self._newest[person]
            with suppress(StorageUnavailable):
                find = _queries if queries else _tags
                return choices(await find(interaction, typed))
            return []


async def _tags(interaction: discord.Interaction[FramehoundBot], typed: str) -> list[str]:
    """Return the most frequent tags first."""
    guild_id, visibility = _guild_id(interaction), visibility_of(interaction)
    return await interaction.client.app.services.search.suggest(typed, guild_id, visibility)


async def _queries(interaction: discord.Interaction[FramehoundBot], typed: str) -> list[str]:
    """Return own latest queries, then tags, then texts; the last word typed is completed."""
    app = interaction.client.app
    guild_id, visibility = _guild_id(interaction), visibility_of(interaction)
    before, word = split_last_word(typed)
    recent = await app.stores.recent_searches.latest(interaction.user.id, guild_id)
    own = [each.query for each in recent if each.query and _begins(each.query, typed)]
    is_text = word.casefold().startswith("text:")
    sought = word[len("text:") :].strip('"') if is_text else word
    tags = [] if is_text else await app.services.search.suggest(sought, guild_id, visibility)
    texts = await app.services.search.suggest_texts(sought, guild_id, visibility)
    completed = [
        *(before + tag for tag in tags[:_MAX_TAGS]),
        *(f'{before}text:"{_without_quotes(text)}"' for text in texts[:_MAX_TEXTS]),
    ]
    return [each for each in dict.fromkeys([*own[:_MAX_OWN], *completed]) if _fits(each)]


def split_last_word(typed: str) -> tuple[str, str]:
    """Split what was typed before the last word, which may be in quotes.

    >>> split_last_word('cat text:"victory roy')
    ('cat ', 'text:"victory roy')
    """
    if typed.count('"') % 2:
        start = typed.rindex('"')
        start = max(typed.rfind(" ", 0, start) + 1, 0)
    else:
        start = typed.rfind(" ") + 1
    return typed[:start], typed[start:]


def _begins(query: str, typed: str) -> bool:
    return normalize(query).startswith(normalize(typed))


def _fits(query: str) -> bool:
    return len(query) <= MAX_NAME_LENGTH and sanitize.clean(query, MAX_NAME_LENGTH) == query


def _without_quotes(text: str) -> str:
    return " ".join(text.replace('"', " ").split())


def _guild_id(interaction: discord.Interaction[FramehoundBot]) -> int | None:
    guild = interaction.client.get_guild(interaction.guild_id or 0)
    return guild.id if guild else None


def choices(tags: Iterable[str]) -> list[app_commands.Choice[str]]:
    """Return tags as Discord's choices, at most as many as it allows."""
    shown = (sanitize.clean(tag, MAX_NAME_LENGTH) for tag in islice(tags, _MAX_CHOICES))
    return [app_commands.Choice(name=tag, value=tag) for tag in shown]
