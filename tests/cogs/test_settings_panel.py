"""The settings panel as people use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import discord
import pytest

from bot.chat.client import FramehoundBot
from bot.domain.alerts import Watch
from bot.domain.settings import PAGES, SETTINGS, GuildSettings

if TYPE_CHECKING:
    from tests.cogs.conftest import RecordedJobs

MANAGER = discord.Permissions(manage_guild=True)
FORBIDDEN = "You need the Manage Server permission to do this."


@pytest.fixture
def channel_and_manager(simcord_env: Any) -> tuple[Any, Any]:
    guild = simcord_env.create_guild("Cat *Club*")
    channel = guild.create_text_channel("general")
    role = guild.create_role("manager", permissions=MANAGER)
    return channel, guild.add_member(simcord_env.create_user("alice"), roles=[role])


def texts(shown: Any) -> str:
    """Return all texts of a panel, from top to bottom."""
    found = []
    remaining = list(shown.response.components)
    while remaining:
        part = remaining.pop(0)
        found += [part[name] for name in ("content", "label", "placeholder") if part.get(name)]
        children = [*part.get("components", []), *filter(None, [part.get("accessory")])]
        remaining = [*children, *remaining]
    return "\n".join(found)


async def stored_settings(bot: FramehoundBot, channel: Any) -> GuildSettings:
    return await bot.app.stores.settings.load(channel.guild.id)


async def test_the_panel_shows_everything_a_server_can_set(
    channel_and_manager: tuple[Any, Any],
) -> None:
    channel, alice = channel_and_manager
    shown = await alice.slash(channel, "settings show")
    assert shown.ephemeral
    read = ""
    for page in PAGES:
        if page != "clips":
            await alice.click(shown.response, custom_id=f"settings:page:{page}")
        read += texts(shown)
    assert "Settings for Cat \\*Club\\*" in read
    assert SETTINGS["models"].title not in read  # this operator lets nobody choose
    for spec in SETTINGS.values():
        if spec.name == "models":
            continue
        assert spec.heading.title in read
        assert spec.heading.help.format(prefix="!") in read


async def test_a_switch_changes_its_setting_at_once(
    channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    shown = await alice.slash(channel, "settings show")
    assert "**Reply to posted clips** · on" in texts(shown)
    await alice.click(shown.response, custom_id="settings:off:autotag")
    assert "**Reply to posted clips** · off" in texts(shown)
    assert not (await stored_settings(simcord_bot, channel)).autotag
    await alice.click(shown.response, custom_id="settings:on:autotag")
    assert (await stored_settings(simcord_bot, channel)).autotag


async def test_channels_roles_and_language_are_chosen_in_menus(
    channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    guild = channel.guild
    other, role = guild.create_text_channel("clips"), guild.create_role("film club")
    shown = await alice.slash(channel, "settings show")
    for name, chosen in (
        ("channels_allowed", [channel, other]),
        ("channels_denied", [other]),
        ("roles_allowed", [role]),
        ("channels_allowed", [channel]),
    ):
        await alice.select(shown.response, chosen, custom_id=f"settings:choose:{name}")
    settings = await stored_settings(simcord_bot, channel)
    assert settings.channels_allowed == {channel.id}
    assert settings.channels_denied == {other.id}
    assert settings.roles_allowed == {role.id}
    assert f"'id': {role.id}, 'type': 'role'" in str(shown.response.components)
    await alice.select(shown.response, [], custom_id="settings:choose:channels_denied")
    assert not (await stored_settings(simcord_bot, channel)).channels_denied
    await alice.click(shown.response, custom_id="settings:page:answers")
    await alice.select(shown.response, ["de"], custom_id="settings:choose:language")
    assert (await stored_settings(simcord_bot, channel)).language == "de"


async def test_a_form_saves_the_typed_values(channel_and_manager: tuple[Any, Any]) -> None:
    channel, alice = channel_and_manager
    shown = await alice.slash(channel, "settings show")
    await alice.click(shown.response, custom_id="settings:page:tags")
    for form, typed, expected in (
        ("thresholds", {"thresholds": "90%"}, "**Threshold** · 0.9\n"),
        ("thresholds", {"thresholds": "high"}, "**high** doesn't work here. Use a score from 0"),
        ("thresholds", {"thresholds": ""}, "**Threshold** · 0.5\n"),
        (
            "hidden_tags",
            {"hidden_tags": "cat, Dog\n@everyone\n\n dog "},
            "**Hidden tags** · \\@everyone, cat, dog\n",
        ),
        ("hidden_tags", {"hidden_tags": ""}, "**Hidden tags** · none\n"),
        ("tags_a_line", {"tags_a_line": "4"}, "**Tags per line** · 4\n"),
        ("smoothing", {"gap": "0", "shortest": " 3 "}, "**Smoothing** · gap 0 s, minimum 3 s\n"),
    ):
        asked = await alice.click(shown.response, custom_id=f"settings:form:{form}")
        await alice.submit_modal(asked, typed)
        assert expected in texts(shown)


async def test_invalid_input_is_explained_and_can_be_corrected(
    channel_and_manager: tuple[Any, Any],
) -> None:
    channel, alice = channel_and_manager
    shown = await alice.slash(channel, "settings show")
    await alice.click(shown.response, custom_id="settings:page:tags")
    asked = await alice.click(shown.response, custom_id="settings:form:smoothing")
    await alice.submit_modal(asked, {"gap": "2", "shortest": "*a while*"})
    assert "**\\*a while\\*** doesn't work here. Use a whole number from 1 to 60." in texts(shown)
    again = await alice.click(shown.response, custom_id="settings:form:smoothing")
    typed = [part["component"]["value"] for part in again.modal["components"]]
    assert typed == ["2", "*a while*"]
    await alice.submit_modal(again, {"gap": "2", "shortest": "3"})
    assert "gap 2 s, minimum 3 s" in texts(shown)
    assert "whole number" not in texts(shown)


async def test_retention_is_limited_by_the_operator(
    channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    shown = await alice.slash(channel, "settings show")
    await alice.click(shown.response, custom_id="settings:page:answers")
    asked = await alice.click(shown.response, custom_id="settings:form:retention_days")
    await alice.submit_modal(asked, {"retention_days": "366"})
    assert "**366** doesn't work here. Use a whole number from 1 to 365." in texts(shown)
    asked = await alice.click(shown.response, custom_id="settings:form:retention_days")
    await alice.submit_modal(asked, {"retention_days": "30"})
    assert (await stored_settings(simcord_bot, channel)).retention_days == 30


@pytest.mark.simcord(check_errors=False)  # the refusal is an error of the press
async def test_only_managers_can_use_a_panel_that_everybody_sees(
    simcord_env: Any, channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    bob = channel.guild.add_member(simcord_env.create_user("bob"))
    await alice.send(channel, "!settings")
    panel = channel.last_message
    for press in ("settings:off:autotag", "settings:page:tags"):
        refused = await bob.click(panel, custom_id=press)
        assert refused.ephemeral
        assert refused.response.content == FORBIDDEN
    refused = await bob.select(panel, [channel], custom_id="settings:choose:channels_denied")
    assert refused.response.content == FORBIDDEN
    assert await stored_settings(simcord_bot, channel) == GuildSettings(channel.guild.id)
    await alice.click(panel, custom_id="settings:off:autotag")
    assert not (await stored_settings(simcord_bot, channel)).autotag


@pytest.mark.simcord(check_errors=False)
async def test_a_form_is_refused_from_a_person_who_lost_the_permission(
    simcord_env: Any, channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    shown = await alice.slash(channel, "settings show")
    await alice.click(shown.response, custom_id="settings:page:tags")
    asked = await alice.click(shown.response, custom_id="settings:form:thresholds")
    simcord_env.backend.get_guild(channel.guild.id).members[alice.id].role_ids.clear()
    refused = await alice.submit_modal(asked, {"thresholds": "0.1"})
    assert refused.response.content == FORBIDDEN
    assert not (await stored_settings(simcord_bot, channel)).thresholds


async def test_a_panel_works_after_a_restart(
    simcord_env: Any,
    channel_and_manager: tuple[Any, Any],
    simcord_bot: FramehoundBot,
    jobs: RecordedJobs,
) -> None:
    channel, alice = channel_and_manager
    shown = await alice.slash(channel, "settings show")
    await simcord_env.restart_bot(FramehoundBot(simcord_bot.app, jobs, message_content=True))
    await alice.click(shown.response, custom_id="settings:off:nsfw_channels")
    assert "**Age-restricted channels** · off" in texts(shown)
    await alice.select(shown.response, [channel], custom_id="settings:choose:channels_denied")
    assert (await stored_settings(simcord_bot, channel)).channels_denied == {channel.id}


@pytest.mark.parametrize("custom_id", ["settings:form:colour", "settings:on:colour"])
async def test_a_button_for_a_removed_setting_shows_the_current_panel(
    channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot, custom_id: str
) -> None:
    channel, alice = channel_and_manager
    view = discord.ui.LayoutView()
    button: Any = discord.ui.Button(label="x", custom_id=custom_id)
    view.add_item(discord.ui.ActionRow(button))
    real = simcord_bot.get_channel(channel.id)
    assert isinstance(real, discord.TextChannel)
    await real.send(view=view)
    pressed = await alice.click(channel.last_message, custom_id=custom_id)
    assert "**Reply to posted clips** · on" in texts(pressed)
    assert await stored_settings(simcord_bot, channel) == GuildSettings(channel.guild.id)


async def test_missing_permissions_are_named_with_their_channels(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild()
    me = {guild.me: discord.PermissionOverwrite(attach_files=False, add_reactions=False)}
    here = guild.create_text_channel("here", overwrites=me)
    hidden = {guild.me: discord.PermissionOverwrite(view_channel=False)}
    there = guild.create_text_channel("there", overwrites=hidden)
    no_threads = {guild.me: discord.PermissionOverwrite(create_public_threads=False)}
    threads = guild.create_text_channel("threads", overwrites=no_threads)
    role = guild.create_role("manager", permissions=MANAGER)
    alice = guild.add_member(simcord_env.create_user("alice"), roles=[role])
    mute = {guild.me: discord.PermissionOverwrite(send_messages=False)}
    alerts = guild.create_text_channel("alerts", overwrites=mute)
    allowed = frozenset({there.id, threads.id, here.id})
    await simcord_bot.app.stores.settings.update(guild.id, channels_allowed=allowed)
    await simcord_bot.app.stores.watches.replace(guild.id, [Watch("cat", alerts.id)])
    shown = await alice.slash(here, "settings show")
    assert f"I'm missing permissions in <#{here.id}>: Attach Files, Add Reactions." in texts(shown)
    assert f"I'm missing permissions in <#{there.id}>: View Channel." in texts(shown)
    assert f"I'm missing permissions in <#{alerts.id}>: Send Messages." in texts(shown)
    assert f"<#{threads.id}>" not in texts(shown)
    await alice.click(shown.response, custom_id="settings:page:answers")
    await alice.click(shown.response, custom_id="settings:on:in_thread")
    assert f"I'm missing permissions in <#{threads.id}>: Create Public Threads." in texts(shown)


async def test_more_channels_than_a_menu_shows_are_counted(
    channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    await simcord_bot.app.stores.settings.update(
        channel.guild.id, channels_denied=frozenset(range(1, 31))
    )
    shown = await alice.slash(channel, "settings show")
    assert "**Never in these channels** · 30 selected" in texts(shown)


async def test_settings_can_be_copied_to_another_server_as_a_file(
    simcord_env: Any, channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    app = simcord_bot.app
    await app.stores.settings.update(channel.guild.id, gap=3, hidden_tags=frozenset({"cat"}))
    await app.stores.settings.update(channel.guild.id, retention_days=30)
    await app.stores.settings.set_threshold(channel.guild.id, "local:x", 0.7)
    await app.stores.watches.replace(channel.guild.id, [Watch("cat", 5)])
    exported = await alice.slash(channel, "settings export")
    assert exported.ephemeral
    (attachment,) = exported.response.attachments
    assert attachment.filename == "framehound-settings.json"
    elsewhere = simcord_env.create_guild("Elsewhere")
    there = elsewhere.create_text_channel("general")
    role = elsewhere.create_role("manager", permissions=MANAGER)
    bob = elsewhere.add_member(simcord_env.create_user("bob"), roles=[role])
    file = (attachment.filename, await attachment.read())
    taken = await bob.slash(there, "settings import", file=file)
    assert taken.ephemeral
    assert taken.response.content.startswith("Settings imported")
    settings = await app.stores.settings.load(elsewhere.id)
    assert (settings.gap, settings.retention_days) == (3, 30)
    assert settings.hidden_tags == {"cat"}
    assert settings.thresholds == {"local:x": 0.7}
    with_watch = {"framehound_settings": 1, "watches": [{"tag": "cat", "channel": str(there.id)}]}
    file = ("x.json", json.dumps(with_watch).encode())
    await bob.slash(there, "settings import", file=file)
    assert await app.stores.watches.load(elsewhere.id) == (Watch("cat", there.id),)
    assert (await app.stores.settings.load(elsewhere.id)).gap == 3


async def test_a_file_adds_no_watch_of_a_channel_that_its_importer_cannot_see(
    channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    shut = {channel.guild.default_role: discord.PermissionOverwrite(view_channel=False)}
    hidden = channel.guild.create_text_channel("hidden", overwrites=shut)
    watches = simcord_bot.app.stores.watches
    await watches.replace(channel.guild.id, [Watch("dog", hidden.id)])
    shown = await alice.slash(channel, "settings show")
    await alice.click(shown.response, custom_id="settings:page:answers")

    async def take(*tags: str) -> str:
        listed = [{"tag": tag, "channel": str(hidden.id)} for tag in tags]
        content = json.dumps({"framehound_settings": 1, "watches": listed, "gap": 7}).encode()
        asked = await alice.click(shown.response, custom_id="settings:file:import")
        await alice.submit_modal(asked, {"file": ("x.json", content)})
        refused = await alice.slash(channel, "settings import", file=("x.json", content))
        return str(refused.response.content)

    mistake = "- **watches** · Choose a channel that you can see and write in yourself."
    assert mistake in await take("cat", "dog")
    assert (await stored_settings(simcord_bot, channel)).gap != 7
    assert await take("dog") == "Settings imported. See them with `/settings show`."


async def test_a_file_with_mistakes_changes_nothing(
    channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    content = b'{"framehound_settings": 1, "gap": 5, "*so*": 1, "shortest": 0, "watches": 1}'
    refused = await alice.slash(channel, "settings import", file=("x.json", content))
    assert refused.response.content == (
        "I couldn't import this file, so nothing has changed. Here's what to fix:\n- "
        "**\\*so\\*** · There's no setting with this name.\n- **shortest** · Use a whole number "
        "from 1 to 60.\n- **watches** · Use a list of at most 25 watches."
    )
    huge = b" " * (256 * 1024 + 1)
    refused = await alice.slash(channel, "settings import", file=("x.json", huge))
    assert refused.response.content.endswith(
        "- **x.json** · The file is too large. The limit is 256 KB."
    )
    many = json.dumps({"framehound_settings": 1, **{f"a{number}": 1 for number in range(40)}})
    refused = await alice.slash(channel, "settings import", file=("x.json", many.encode()))
    assert refused.response.content.endswith("\n… and 25 more")
    assert await stored_settings(simcord_bot, channel) == GuildSettings(channel.guild.id)


async def test_the_panel_can_export_and_import(
    channel_and_manager: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_manager
    shown = await alice.slash(channel, "settings show")
    await alice.click(shown.response, custom_id="settings:page:answers")
    exported = await alice.click(shown.response, custom_id="settings:file:export")
    assert exported.ephemeral
    assert len(exported.response.attachments) == 1
    for content, expected in ((b"{}", "- **framehound-settings.json** · This isn't"), (None, "")):
        asked = await alice.click(shown.response, custom_id="settings:file:import")
        sent = content or b'{"framehound_settings": 1, "picture": false}'
        answered = await alice.submit_modal(asked, {"file": ("x.json", sent)})
        assert expected in (answered.followups[0].content if content else "")
    assert "**Timeline picture** · off" in texts(shown)
    assert not (await stored_settings(simcord_bot, channel)).picture


@pytest.mark.simcord(check_errors=False)
async def test_only_managers_can_export_or_import(
    simcord_env: Any, channel_and_manager: tuple[Any, Any]
) -> None:
    channel, _alice = channel_and_manager
    bob = channel.guild.add_member(simcord_env.create_user("bob"))
    await bob.send(channel, "!settings export")
    assert channel.last_message.content == FORBIDDEN
    await bob.send(channel, "!settings import", attachments=[("x.json", b"{}")])
    assert channel.last_message.content == FORBIDDEN
