from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.domain.settings import GuildSettings
from bot.storage.guild_settings import GuildSettingsStore

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


async def test_each_tagger_and_server_has_a_threshold_of_its_own(store: GuildSettingsStore) -> None:
    await store.set_threshold(GUILD, "clarifai:general", 0.9)
    await store.set_threshold(GUILD, "local:net", 0.5)
    await store.set_threshold(OTHER_GUILD, "local:net", 0.3)
    both = {"clarifai:general": 0.9, "local:net": 0.5}
    assert await store.load(GUILD) == GuildSettings(GUILD, both)
    assert await store.load(OTHER_GUILD) == GuildSettings(OTHER_GUILD, {"local:net": 0.3})


async def test_forgetting_a_threshold_leaves_the_others(store: GuildSettingsStore) -> None:
    await store.set_threshold(GUILD, "clarifai:general", 0.9)
    await store.set_threshold(GUILD, "local:net", 0.5)
    await store.set_threshold(OTHER_GUILD, "local:net", 0.3)
    await store.set_threshold(GUILD, "local:net", None)
    assert await store.load(GUILD) == GuildSettings(GUILD, {"clarifai:general": 0.9})
    assert await store.load(OTHER_GUILD) == GuildSettings(OTHER_GUILD, {"local:net": 0.3})


async def test_forgetting_what_was_never_set_is_harmless(store: GuildSettingsStore) -> None:
    await store.set_threshold(GUILD, "local:net", None)
    assert await store.load(GUILD) == GuildSettings(GUILD)


async def test_loaded_thresholds_cannot_be_changed_in_passing(store: GuildSettingsStore) -> None:
    loaded = await store.load(GUILD)
    with pytest.raises(TypeError):
        loaded.thresholds["local:net"] = 0.1  # type: ignore[index] # the very mistake


async def test_many_tasks_may_set_the_same_threshold(store: GuildSettingsStore) -> None:
    await asyncio.gather(*(store.set_threshold(GUILD, "local:net", n / 20) for n in range(20)))
    assert (await store.load(GUILD)).thresholds["local:net"] in {n / 20 for n in range(20)}


async def test_choices_are_kept_each_by_itself(store: GuildSettingsStore) -> None:
    await store.choose(GUILD, gap=3, channels_denied=frozenset({OTHER_GUILD}))
    await store.choose(GUILD, gap=0, tags_a_line=None)
    assert await store.load(GUILD) == GuildSettings(
        GUILD, gap=0, channels_denied=frozenset({OTHER_GUILD})
    )
    assert await store.load(OTHER_GUILD) == GuildSettings(OTHER_GUILD)


async def test_a_forgotten_server_has_the_defaults_again(store: GuildSettingsStore) -> None:
    await store.choose(GUILD, autotag=False)
    await store.set_threshold(GUILD, "local:net", 0.5)
    await store.set_retention(GUILD, 3)
    await store.forget(GUILD)
    assert await store.load(GUILD) == GuildSettings(GUILD)
