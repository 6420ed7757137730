"""The settings of servers."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import delete, select

from bot.domain.settings import SETTINGS, GuildSettings
from bot.storage.tables import guild_settings, thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.storage.database import Database

_log = structlog.get_logger("framehound.settings")


class GuildSettingsStore:
    """Settings by server; the defaults apply to what a server never set.

    Each setting is a row with a JSON value, whatever its kind. Thresholds have a table of their
    own because the search joins it. Nothing is cached: with several workers, a cache would return
    settings that have been changed since.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, guild_id: int) -> GuildSettings:
        """Return the server's settings."""
        row, score = guild_settings.c, thresholds.c
        rows = select(row.name, row.value).where(row.guild_id == guild_id)
        scores = select(score.tagger, score.threshold).where(score.guild_id == guild_id)
        async with self._database.reading() as connection:
            stored = (await connection.execute(rows)).all()
            by_tagger = (await connection.execute(scores)).all()
        values = _read_rows(guild_id, stored)
        return GuildSettings(guild_id, MappingProxyType(dict(by_tagger)), **values)

    async def update(self, guild_id: int, **values: Any) -> None:
        """Set some settings, by their names in ``GuildSettings``: all of them or none.

        ``thresholds`` changes those of the taggers it names; None removes one.
        """
        scores = values.pop("thresholds", {})
        rows = [
            {"guild_id": guild_id, "name": name, "value": _write(name, value)}
            for name, value in values.items()
        ]
        async with self._database.writing() as connection:
            if rows:
                await self._set_rows(connection, rows)
            for tagger, threshold in scores.items():
                await self._set_threshold(connection, guild_id, tagger, threshold)

    async def set_threshold(self, guild_id: int, tagger: str, threshold: float | None) -> None:
        """Set the server's threshold (0-1) for a tagger, ``name:model``; None removes it."""
        await self.update(guild_id, thresholds={tagger: threshold})

    async def forget(self, guild_id: int) -> None:
        """Delete everything the server has set."""
        async with self._database.writing() as connection:
            for table in (thresholds, guild_settings):
                await connection.execute(delete(table).where(table.c.guild_id == guild_id))

    async def _set_rows(self, connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
        insert = self._database.insert(guild_settings)
        keys = [guild_settings.c.guild_id, guild_settings.c.name]
        value = {"value": insert.excluded.value}
        await connection.execute(
            insert.on_conflict_do_update(index_elements=keys, set_=value), rows
        )

    async def _set_threshold(
        self, connection: AsyncConnection, guild_id: int, tagger: str, threshold: float | None
    ) -> None:
        columns = thresholds.c
        if threshold is None:
            own = (columns.guild_id == guild_id) & (columns.tagger == tagger)
            await connection.execute(delete(thresholds).where(own))
            return
        insert = self._database.insert(thresholds).values(
            guild_id=guild_id, tagger=tagger, threshold=threshold
        )
        keys = [columns.guild_id, columns.tagger]
        value = {"threshold": insert.excluded.threshold}
        await connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=value))


def _write(name: str, value: Any) -> str:
    return json.dumps(SETTINGS[name].kind.write(value))


def _read_rows(guild_id: int, rows: Iterable[tuple[str, str]]) -> Mapping[str, Any]:
    """Return the values of stored rows.

    A name that does not exist may come from a newer program and is left out. So is a value that is
    invalid, with a warning: the default applies.
    """
    values = {}
    for name, written in rows:
        if name not in SETTINGS:
            continue
        try:
            values[name] = SETTINGS[name].kind.read(json.loads(written))
        except ValueError as error:  # InvalidValue, or no JSON
            _log.warning(
                "stored setting is invalid, using the default",
                guild=guild_id,
                setting=name,
                reason=str(error),
            )
    return values
