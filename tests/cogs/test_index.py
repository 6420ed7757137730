"""``/index``: where it looks, and what it says of channels that its manager can't see."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import discord
import pytest
from sqlalchemy import select

from bot.storage.tables import index_messages, index_runs
from tests.cogs.test_search import shut

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot

LINK = "https://cdn.example/cat.mp4"
FOUND, NOTHING = "Older clips I don't know yet: 1.", "I found no older clips that are new to me."


@pytest.fixture(autouse=True)
def without_search(
    simcord_env: Any, simcord_bot: FramehoundBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refuse the search, which simcord does not have, so that the channels are read."""
    del simcord_env  # the bot has its HTTP client from there
    original = simcord_bot.http.request

    async def request(route: Any, **options: Any) -> Any:
        if route.path.endswith("/messages/search"):
            raise discord.NotFound(SimpleNamespace(status=404, reason="Not Found"), "")
        return await original(route, **options)

    monkeypatch.setattr(simcord_bot.http, "request", request)


@pytest.fixture
def manager(simcord_env: Any) -> Any:
    guild = simcord_env.create_guild()
    role = guild.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    return guild.add_member(simcord_env.create_user("max"), roles=[role])


async def index(manager: Any, here: Any, **options: Any) -> str:
    answered = await manager.slash(here, "index", **options)
    assert answered.ephemeral
    return str(answered.followups[0].content if answered.followups else answered.response.content)


async def test_only_channels_that_the_manager_may_read_are_searched(
    simcord_env: Any, manager: Any
) -> None:
    guild = manager.guild
    office = guild.create_text_channel("office")
    seen = discord.PermissionOverwrite(view_channel=True, read_message_history=True)
    staff = guild.create_text_channel("staff", overwrites={**shut(guild), guild.me: seen})
    role = guild.create_role("staff", permissions=discord.Permissions(administrator=True))
    alice = guild.add_member(simcord_env.create_user("alice"), roles=[role])
    await alice.send(staff, LINK)
    assert NOTHING in await index(manager, office)


async def test_channels_in_which_nothing_is_answered_are_left_out_unless_named(
    simcord_bot: FramehoundBot, manager: Any
) -> None:
    office = manager.guild.create_text_channel("office")
    denied = manager.guild.create_text_channel("denied")
    await simcord_bot.app.stores.settings.update(
        manager.guild.id, channels_denied=frozenset({denied.id})
    )
    await manager.send(denied, LINK)
    assert NOTHING in await index(manager, office)
    assert FOUND in await index(manager, office, channel=denied)


async def test_a_new_search_replaces_one_that_was_never_started(
    simcord_bot: FramehoundBot, manager: Any
) -> None:
    office = manager.guild.create_text_channel("office")
    await manager.send(office, LINK)
    for _ in range(3):
        assert FOUND in await index(manager, office)
    async with simcord_bot.app.stores.database.reading() as connection:
        assert len((await connection.execute(select(index_runs))).all()) == 1
        assert len((await connection.execute(select(index_messages))).all()) == 1


async def test_private_threads_are_searched_for_managers_who_are_in_them_only(
    simcord_env: Any, simcord_bot: FramehoundBot, manager: Any
) -> None:
    office = manager.guild.create_text_channel("office")
    alice = manager.guild.add_member(simcord_env.create_user("alice"))
    channel = simcord_bot.get_channel(office.id)
    assert isinstance(channel, discord.TextChannel)
    private = await channel.create_thread(name="us", type=discord.ChannelType.private_thread)
    await private.add_user(discord.Object(alice.id))
    (thread,) = office.threads
    await alice.send(thread, LINK)
    assert NOTHING in await index(manager, office)
    await private.add_user(discord.Object(manager.id))
    assert FOUND in await index(manager, office)
