from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert
from structlog.testing import capture_logs

from bot.domain.settings import SETTINGS, GuildSettings
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.tables import guild_settings
from tests.domain.setting_values import changed_settings

if TYPE_CHECKING:
    from bot.storage.database import Database

GUILD = 2**63 - 1  # the largest snowflake Discord's documentation leaves room for
OTHER_GUILD = 81384788765712384


@pytest.fixture
def store(database: Database) -> GuildSettingsStore:
    return GuildSettingsStore(database)


async def test_a_server_that_set_nothing_has_the_defaults(store: GuildSettingsStore) -> None:
    assert await store.load(GUILD) == GuildSettings(GUILD)


async def test_a_threshold_that_was_set_is_loaded_exactly(store: GuildSettingsStore) -> None:
    await store.set_threshold(GUILD, "clarifai:general", 0.1 + 0.2)
    assert await store.load(GUILD) == GuildSettings(GUILD, {"clarifai:general": 0.1 + 0.2})


async def test_setting_a_threshold_again_replaces_it(store: GuildSettingsStore) -> None:
    await store.set_threshold(GUILD, "local:net", 0.9)
    await store.set_threshold(GUILD, "local:net", 0.0)
    assert await store.load(GUILD) == GuildSettings(GUILD, {"local:net": 0.0})


async def test_each_tagger_and_server_has_its_own_threshold(store: GuildSettingsStore) -> None:
    await store.set_threshold(GUILD, "clarifai:general", 0.9)
    await store.set_threshold(GUILD, "local:net", 0.5)
    await store.set_threshold(OTHER_GUILD, "local:net", 0.3)
    both = {"clarifai:general": 0.9, "local:net": 0.5}
    assert await store.load(GUILD) == GuildSettings(GUILD, both)
    assert await store.load(OTHER_GUILD) == GuildSettings(OTHER_GUILD, {"local:net": 0.3})


async def test_removing_a_threshold_leaves_the_others(store: GuildSettingsStore) -> None:
    await store.set_threshold(GUILD, "clarifai:general", 0.9)
    await store.set_threshold(GUILD, "local:net", 0.5)
    await store.set_threshold(OTHER_GUILD, "local:net", 0.3)
    await store.set_threshold(GUILD, "local:net", None)
    assert await store.load(GUILD) == GuildSettings(GUILD, {"clarifai:general": 0.9})
    assert await store.load(OTHER_GUILD) == GuildSettings(OTHER_GUILD, {"local:net": 0.3})


async def test_removing_an_unset_threshold_is_harmless(store: GuildSettingsStore) -> None:
    await store.set_threshold(GUILD, "local:net", None)
    assert await store.load(GUILD) == GuildSettings(GUILD)


async def test_loaded_thresholds_are_read_only(store: GuildSettingsStore) -> None:
    loaded = await store.load(GUILD)
    with pytest.raises(TypeError):
        loaded.thresholds["local:net"] = 0.1  # type: ignore[index] # what is tested


async def test_many_tasks_may_set_the_same_threshold(store: GuildSettingsStore) -> None:
    await asyncio.gather(*(store.set_threshold(GUILD, "local:net", n / 20) for n in range(20)))
    assert (await store.load(GUILD)).thresholds["local:net"] in {n / 20 for n in range(20)}


async def test_every_setting_is_stored(store: GuildSettingsStore) -> None:
    changed = changed_settings(GUILD)
    await store.update(GUILD, **{name: getattr(changed, name) for name in SETTINGS})
    assert await store.load(GUILD) == changed
    assert await store.load(OTHER_GUILD) == GuildSettings(OTHER_GUILD)


async def test_updating_a_setting_leaves_the_others(store: GuildSettingsStore) -> None:
    await store.update(GUILD, gap=3, channels_denied=frozenset({OTHER_GUILD}))
    await store.update(GUILD, gap=0, tags_a_line=None)
    await store.update(GUILD, retention_days=30)
    await store.update(GUILD, retention_days=None)
    assert await store.load(GUILD) == GuildSettings(
        GUILD, gap=0, channels_denied=frozenset({OTHER_GUILD})
    )


async def test_an_update_is_atomic(store: GuildSettingsStore) -> None:
    with pytest.raises(Exception, match=r"(?i)null"):
        await store.update(GUILD, gap=3, thresholds={None: 0.5})
    assert await store.load(GUILD) == GuildSettings(GUILD)


async def test_an_invalid_stored_value_is_replaced_by_the_default(
    store: GuildSettingsStore, database: Database
) -> None:
    stored = {"gap": "-1", "language": "en", "shortest": "3", "from_a_newer_program": "true"}
    async with database.writing() as connection:
        rows = [{"guild_id": GUILD, "name": name, "value": stored[name]} for name in stored]
        await connection.execute(insert(guild_settings), rows)
    with capture_logs() as logs:
        assert await store.load(GUILD) == GuildSettings(GUILD, shortest=3)
    assert {log["setting"] for log in logs} == {"gap", "language"}


async def test_a_forgotten_server_has_the_defaults_again(store: GuildSettingsStore) -> None:
    changed = changed_settings(GUILD)
    await store.update(GUILD, **{name: getattr(changed, name) for name in SETTINGS})
    await store.forget(GUILD)
    assert await store.load(GUILD) == GuildSettings(GUILD)
