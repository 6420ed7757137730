"""``/help``, ``/about`` and the greeting of a new server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from bot.chat.client import FramehoundBot
from bot.config import Config
from bot.errors import TaggerUnavailable
from loopback_discord import LoopbackDiscord, Permission
from loopback_discord.discord_py import redirect_discord_py
from loopback_discord.events import Intent, fixed_event
from tests.processes.programs import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from loopback_discord import Channel
    from tests.cogs.conftest import RecordedJobs

    Running = Callable[..., AbstractAsyncContextManager[LoopbackDiscord]]

LONG_AGO = "2020-01-01T00:00:00+00:00"
WAYS = (
    "I tell you what's in the clips people post, second by second. Here's how to use "
    "me:\n- Post a clip or a link to one, and I'll reply.\n- Use `/tags` with a link "
    "or a file, or reply to a message with `!tags`.\n- Right-click or hold a message, "
    "then choose Apps → *Tag this video*.\n"
)
WAYS_OUT = (
    "Too many replies? Use `/settings show` to turn me off or limit me to certain "
    "channels. To make me leave your own clips alone, use `/privacy optout`."
)


@pytest.fixture
def running(
    jobs: RecordedJobs,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Running:
    """Run the bot in its own Discord, with or without the message content intent."""

    @asynccontextmanager
    async def run(*, message_content: bool = True) -> AsyncIterator[LoopbackDiscord]:
        async with LoopbackDiscord(TOKEN) as loopback:
            redirect_discord_py(loopback, monkeypatch)
            app = await open_app(make_config(shard_count=1))
            async with FramehoundBot(app, jobs, message_content=message_content) as bot:
                task = asyncio.create_task(bot.start(TOKEN))
                await loopback.wait_ready()
                await bot.wait_until_ready()
                yield loopback
            await task
            assert loopback.unknown_routes == []

    return run


async def test_about_says_that_the_tagger_cannot_be_used(
    simcord_env: Any, simcord_bot: FramehoundBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild = simcord_env.create_guild()
    alice = guild.add_member(simcord_env.create_user("alice"))
    channel = guild.create_text_channel("general")
    monkeypatch.setattr(Config, "chosen_tagger", "clarifai")
    sentence = "The tagger can't be used at the moment, so new clips fail until it works again."
    assert sentence not in (await alice.slash(channel, "about")).response.content
    trouble, tagger = simcord_bot.app.services.trouble, simcord_bot.app.services.clip_tagger.tagger
    await trouble.failed(tagger.identity, TaggerUnavailable())
    assert sentence in (await alice.slash(channel, "about")).response.content
    await trouble.works(tagger.identity)
    assert sentence not in (await alice.slash(channel, "about")).response.content


async def test_a_new_server_is_greeted_once_in_a_channel_the_bot_can_write_to(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as loopback:
        cats, dogs, mute, old = (
            loopback.add_guild_without_bot(name) for name in ("Cats", "Dogs", "Mute", "Old")
        )
        general = cats.add_text_channel("general")
        systems = [guild.add_text_channel("system") for guild in (cats, dogs, mute, old)]
        for guild, system in zip((cats, dogs, mute, old), systems, strict=True):
            guild.system_channel = system
        for closed in systems[1:3]:
            closed.deny_bot(Permission.SEND_MESSAGES)
        hidden, open_ = (dogs.add_text_channel(name) for name in ("hidden", "open"))
        hidden.deny_bot(Permission.VIEW_CHANNEL)
        with monkeypatch.context() as patch:
            patch.setattr("loopback_discord.model.users.created_at", lambda _id: LONG_AGO)
            old.add_bot()  # as after an outage
        for guild in (cats, mute, dogs):
            guild.add_bot()
        greeting = await loopback.wait_for_message(systems[0])
        assert greeting.content == WAYS + WAYS_OUT
        assert greeting.silent
        told_again = cats.create_json(joining=True)
        loopback.state.publish(fixed_event("GUILD_CREATE", cats.id, Intent.GUILDS, told_again))
        await loopback.wait_for_message(open_)
        await in_a_language(loopback)
        assert len(systems[0].messages) == 1
        for silent in (general, *systems[1:], hidden):
            assert silent.messages == {}


async def in_a_language(loopback: LoopbackDiscord) -> None:
    """Check that a server and a person are addressed in their language."""
    guild = loopback.add_guild_without_bot("Katzen")
    guild.locale = "de"
    guild.system_channel = guild.add_text_channel("system")
    guild.add_bot()
    greeting = await loopback.wait_for_message(guild.system_channel)
    assert greeting.content.startswith("Ich zeige dir Sekunde für Sekunde, was in")
    ask = partial(answer_to, loopback, guild.system_channel)
    assert (await ask("help", "es-419")).startswith("Te digo qué hay")
    assert (await ask("help", "ja")).startswith("Ich zeige dir Sekunde für Sekunde")
    assert (await ask("threshold", "fr")).startswith("Dieser Server zeigt Tags")


async def test_missing_permissions_are_named_at_once(running: Running) -> None:
    async with running(message_content=False) as loopback:
        guild = loopback.add_guild_without_bot("Cats")
        guild.system_channel = guild.add_text_channel("system")
        guild.system_channel.deny_bot(Permission.ATTACH_FILES | Permission.ADD_REACTIONS)
        guild.add_bot()
        greeting = await loopback.wait_for_message(guild.system_channel)
        assert greeting.content == (
            (
                "I tell you what's in the clips people post, second by second. Here's how "
                "to use me:\n- Use `/tags` with a link or a file.\n- Right-click or hold a "
                "message, then choose Apps → *Tag this video*.\nI can't see the clips "
                "people post because my message content intent is off. The person who runs "
                "me can turn it on in the Discord Developer Portal.\nI'm still missing "
                "permissions here: Attach Files, Add Reactions.\n"
            )
            + WAYS_OUT
        )


@pytest.fixture
async def simcord_bot(
    jobs: RecordedJobs, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> FramehoundBot:
    config = make_config(shard_count=1, source_url="https://example.org/framehound")
    return FramehoundBot(await open_app(config), jobs, message_content=True)


async def test_help_and_about_are_ephemeral(
    simcord_env: Any, make_config: Callable[..., Any], simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    alice = guild.add_member(simcord_env.create_user("alice"))
    helped = await alice.slash(channel, "help")
    assert helped.ephemeral
    assert helped.response.content.startswith(WAYS)
    assert "`/settings show`" in helped.response.content
    await simcord_bot.app.stores.settings.update(channel.guild.id, autotag=False)
    helped = await alice.slash(channel, "help")
    assert "Post a clip" not in helped.response.content
    shown = await alice.slash(channel, "about")
    assert shown.ephemeral
    limits = make_config().limits
    tagger = simcord_bot.app.services.clip_tagger.tagger
    assert shown.response.content == (
        f"**Framehound {version('framehound')}**\n"
        f"Clips are tagged by `{tagger.identity}`. I show tags scored above 0.5 unless a server "
        "sets its own threshold.\n"
        f"Clips can be up to 10 min long and {limits.by_url / 1e6:g} MB in size.\n"
        "Source code: <https://example.org/framehound>\n"
        "See what I store about your clips with `/privacy show`."
    )


async def answer_to(loopback: LoopbackDiscord, channel: Channel, name: str, locale: str) -> str:
    assert channel.guild
    asked = await channel.guild.add_member("ann", locale=locale).slash(channel, name)
    await loopback.wait_until(lambda: asked.response is not None, "answer")
    assert asked.response
    return asked.response.content
