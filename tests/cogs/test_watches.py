"""``/watch``: adding, listing and removing watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest

from bot.domain.alerts import MAX_WATCHES, Watch
from tests.cogs.searchable_clips import post

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot


@pytest.fixture
def mods_and_alice(simcord_env: Any) -> tuple[Any, Any]:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("mods")
    role = guild.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    return channel, guild.add_member(simcord_env.create_user("alice"), roles=[role])


async def watch(person: Any, here: Any, command: str, **options: Any) -> str:
    answered = await person.slash(here, f"watch {command}", **options)
    assert answered.ephemeral
    return str(answered.response.content)


async def test_a_watch_is_added_listed_and_removed(
    mods_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    mods, alice = mods_and_alice
    assert "isn't watching for any tags" in await watch(alice, mods, "list")
    assert await watch(alice, mods, "add", tag="Knife", channel=mods, threshold="70%") == (
        f"I'll alert <#{mods.id}> when a clip shows **Knife** with a score above 0.7."
    )
    await watch(alice, mods, "add", tag="*cat*", channel=mods)
    assert await watch(alice, mods, "list") == (
        f"**\\*cat\\*** · <#{mods.id}>\n**Knife** above 0.7 · <#{mods.id}>"
    )
    await watch(alice, mods, "add", tag="knife", channel=mods)
    watches = (Watch("*cat*", mods.id), Watch("knife", mods.id))
    assert await simcord_bot.app.stores.watches.load(mods.guild.id) == watches
    choices = await alice.autocomplete(mods, "watch remove", "tag", "KN")
    assert [choice["value"] for choice in choices] == ["knife"]
    assert await watch(alice, mods, "remove", tag="KNIFE") == (
        "I'm no longer watching for **KNIFE**."
    )
    assert (
        await watch(alice, mods, "remove", tag="knife")
        == "This server isn't watching for **knife**."
    )
    assert await simcord_bot.app.stores.watches.load(mods.guild.id) == watches[:1]


async def test_an_invalid_watch_is_explained(mods_and_alice: tuple[Any, Any]) -> None:
    mods, alice = mods_and_alice
    assert "Use a score from 0" in await watch(
        alice, mods, "add", tag="cat", channel=mods, threshold="90"
    )
    assert await watch(alice, mods, "add", tag="\u200b", channel=mods) == (
        "Enter the tag I should watch for."
    )
    assert "isn't watching for any tags" in await watch(alice, mods, "list")


async def test_a_permission_that_is_missing_is_named_at_once(
    mods_and_alice: tuple[Any, Any],
) -> None:
    mods, alice = mods_and_alice
    shut = {mods.guild.me: discord.PermissionOverwrite(send_messages=False)}
    silent = mods.guild.create_text_channel("silent", overwrites=shut)
    assert await watch(alice, mods, "add", tag="cat", channel=silent) == (
        f"I can't write in <#{silent.id}>. Missing permissions: Send Messages."
    )
    assert "isn't watching for any tags" in await watch(alice, mods, "list")


async def test_a_watch_needs_a_channel_that_its_maker_sees_and_writes_in(
    mods_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    mods, alice = mods_and_alice
    shut = {
        mods.guild.default_role: discord.PermissionOverwrite(send_messages=False),
        mods.guild.me: discord.PermissionOverwrite(send_messages=True),
    }
    news = mods.guild.create_text_channel("news", overwrites=shut)
    assert await watch(alice, mods, "add", tag="cat", channel=news) == (
        "Choose a channel that you can see and write in yourself."
    )
    assert await simcord_bot.app.stores.watches.load(mods.guild.id) == ()


async def test_a_new_watch_names_channels_whose_clips_cannot_be_alerted(
    mods_and_alice: tuple[Any, Any],
) -> None:
    mods, alice = mods_and_alice
    manager = mods.guild.roles["manager"]
    staff = mods.guild.create_text_channel(
        "staff",
        overwrites={
            mods.guild.default_role: discord.PermissionOverwrite(view_channel=False),
            manager: discord.PermissionOverwrite(view_channel=True),
        },
    )
    assert await watch(alice, mods, "add", tag="cat", channel=mods) == (
        f"I'll alert <#{mods.id}> when a clip shows **cat**. Clips in <#{staff.id}> cause no "
        f"alerts there, because not everybody who sees <#{mods.id}> can see them."
    )


async def test_a_full_list_of_watches_refuses_another_and_can_be_shown(
    mods_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    mods, alice = mods_and_alice
    tags = [f"{'*' * 90}{number}" for number in range(MAX_WATCHES)]
    await simcord_bot.app.stores.watches.replace(
        mods.guild.id, [Watch(tag, 2**63 - 1, 0.9999) for tag in tags]
    )
    assert f"already watches for {MAX_WATCHES} tags" in await watch(
        alice, mods, "add", tag="cat", channel=mods
    )
    assert len((await watch(alice, mods, "list")).splitlines()) == MAX_WATCHES


async def test_tags_are_suggested_from_visible_clips_only(
    mods_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    mods, alice = mods_and_alice
    await post(simcord_bot, 1, mods, {"cat": 0.9, "cow": 0.9, "dog": 0.9})
    choices = await alice.autocomplete(mods, "watch add", "tag", "c")
    assert [choice["value"] for choice in choices] == ["cat", "cow"]


@pytest.mark.simcord(check_errors=False)  # the refusal is an error of the command
async def test_members_without_the_permission_cannot_change_watches(
    mods_and_alice: tuple[Any, Any], simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    mods, _alice = mods_and_alice
    await simcord_bot.app.stores.watches.add(mods.guild.id, Watch("cat", mods.id))
    role = mods.guild.create_role("allowed")
    bob = mods.guild.add_member(simcord_env.create_user("bob"), roles=[role])
    cog = simcord_bot.get_cog("WatchCommands")
    assert cog is not None
    for command in cog.walk_app_commands():
        assert isinstance(command, discord.app_commands.Group) or command.checks
    # Discord doesn't show them the command; the bot refuses it as well.
    assert not any(name.startswith("watch") for name in bob.available_commands(mods))


async def test_watches_are_deleted_with_their_channel_and_their_server(
    mods_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    mods, _alice = mods_and_alice
    store = simcord_bot.app.stores.watches
    await store.replace(mods.guild.id, [Watch("cat", mods.id), Watch("dog", 5)])
    await simcord_bot.erasure.channel(mods.id)
    assert [watch.tag for watch in await store.load(mods.guild.id)] == ["dog"]
    await simcord_bot.erasure.guild(mods.guild.id)
    assert await store.load(mods.guild.id) == ()
