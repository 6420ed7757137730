"""What servers have set."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from bot.domain.choices import read_choices, write_choice
from bot.domain.settings import GuildSettings
from bot.storage.tables import guild_settings, retentions, thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Delete, Select

    from bot.domain.settings_file import SettingsFile
    from bot.storage.database import Database, Insert


class GuildSettingsStore:
    """Settings by server; a server that never set anything has the defaults.

    Nothing is cached: with several workers a cache would answer with settings already changed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, guild_id: int) -> GuildSettings:
        """Return the server's settings."""
        columns = thresholds.c
        query = select(columns.tagger, columns.threshold).where(columns.guild_id == guild_id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            days = await connection.scalar(_days(guild_id))
            chosen = (await connection.execute(_chosen(guild_id))).all()
        saved = {name: json.loads(value) for name, value in chosen}
        return GuildSettings(guild_id, MappingProxyType(dict(rows)), days, **read_choices(saved))

    async def choose(self, guild_id: int, **chosen: Any) -> None:
        """Set some of the server's other settings, by the names of ``GuildSettings``."""
        async with self._database.writing() as connection:
            await connection.execute(self._choice(), _choice_rows(guild_id, chosen))

    async def take_over(self, guild_id: int, file: SettingsFile) -> None:
        """Set everything a file sets, or nothing; its watches are not among it."""
        async with self._database.writing() as connection:
            for tagger, threshold in file.thresholds.items():
                await connection.execute(self._set(guild_id, tagger, threshold))
            if file.retention is not None:
                await connection.execute(self._retain(guild_id, *file.retention))
            if file.choices:
                await connection.execute(self._choice(), _choice_rows(guild_id, file.choices))

    async def set_retention(self, guild_id: int, days: int | None) -> None:
        """Set for how many days the server's posted clips are known; None forgets it."""
        async with self._database.writing() as connection:
            await connection.execute(self._retain(guild_id, days))

    async def forget(self, guild_id: int) -> None:
        """Forget everything a server has set."""
        async with self._database.writing() as connection:
            for table in (thresholds, retentions, guild_settings):
                await connection.execute(delete(table).where(table.c.guild_id == guild_id))

    async def set_threshold(self, guild_id: int, tagger: str, threshold: float | None) -> None:
        """Set the server's threshold (0-1) for a tagger, ``name:model``; None forgets it."""
        if threshold is None:
            statement: Delete | Insert = _forget(guild_id, tagger)
        else:
            statement = self._set(guild_id, tagger, threshold)
        async with self._database.writing() as connection:
            await connection.execute(statement)

    def _choice(self) -> Insert:
        insert = self._database.insert(guild_settings)
        return insert.on_conflict_do_update(
            index_elements=[guild_settings.c.guild_id, guild_settings.c.name],
            set_={"value": insert.excluded.value},
        )

    def _retain(self, guild_id: int, days: int | None) -> Delete | Insert:
        if days is None:
            return delete(retentions).where(retentions.c.guild_id == guild_id)
        insert = self._database.insert(retentions)
        return insert.values(guild_id=guild_id, days=days).on_conflict_do_update(
            index_elements=[retentions.c.guild_id], set_={"days": insert.excluded.days}
        )

    def _set(self, guild_id: int, tagger: str, threshold: float) -> Insert:
        insert = self._database.insert(thresholds)
        return insert.values(
            guild_id=guild_id, tagger=tagger, threshold=threshold
        ).on_conflict_do_update(
            index_elements=[thresholds.c.guild_id, thresholds.c.tagger],
            set_={"threshold": insert.excluded.threshold},
        )


def _choice_rows(guild_id: int, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"guild_id": guild_id, "name": name, "value": json.dumps(write_choice(value))}
        for name, value in chosen.items()
    ]


def _days(guild_id: int) -> Select[Any]:
    return select(retentions.c.days).where(retentions.c.guild_id == guild_id)


def _chosen(guild_id: int) -> Select[Any]:
    return select(guild_settings.c.name, guild_settings.c.value).where(
        guild_settings.c.guild_id == guild_id
    )


def _forget(guild_id: int, tagger: str) -> Delete:
    columns = thresholds.c
    return delete(thresholds).where(columns.guild_id == guild_id, columns.tagger == tagger)
