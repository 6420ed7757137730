"""Clips posted by webhooks, by other bots and through followed channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bot.chat.buttons import Action
from bot.storage.database import Database
from bot.storage.guild_settings import GuildSettingsStore
from loopback_discord import Permission, User
from loopback_discord.model import message_actions
from loopback_discord.model.message_actions import Draft
from loopback_discord.model.messages import IS_CROSSPOST, Reference
from tests.processes.running_bot import CAT_FILE, RunningBot, running_bot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback_discord import Message

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.process]
# https://pluralkit.me
PLURALKIT = 466378653216014359


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[RunningBot, GuildSettingsStore]]:
    folder: Path = tmp_path_factory.mktemp("bot")
    (folder / "data").mkdir()
    async with (
        running_bot(folder, folder / "data") as bot,
        Database.open(f"sqlite:///{folder / 'data' / 'framehound.sqlite'}") as database,
    ):
        yield bot, GuildSettingsStore(database)


@pytest.fixture
def bot(running: tuple[RunningBot, GuildSettingsStore]) -> RunningBot:
    return running[0].in_new_channel()


def post_as_bot(bot: RunningBot, reply_to: Message | None = None) -> Message:
    """Post a clip as another bot."""
    robot = User(4321, "robot", bot=True)
    files = message_actions.as_uploads([CAT_FILE])
    draft = Draft(robot, files=files, reference=Reference(reply_to) if reply_to else None)
    return message_actions.create(bot.channel, draft)


async def replied_last(bot: RunningBot, ignored: list[Message]) -> bool:
    """Have a person post a clip; return whether only that was answered."""
    await bot.reply_to(await bot.ann.post(bot.channel, files=[CAT_FILE]))
    return not any(bot.discord.replies_to(message) for message in ignored)


@pytest.mark.parametrize("application", [PLURALKIT, None])
async def test_a_webhooks_clip_is_answered(bot: RunningBot, application: int | None) -> None:
    webhook = bot.guild.add_webhook(bot.channel, application)
    reply = await bot.reply_to(await webhook.post(files=[CAT_FILE], name="Luna"))
    assert "cat" in reply.content


async def test_only_moderators_remove_the_reply_to_a_webhook(bot: RunningBot) -> None:
    webhook = bot.guild.add_webhook(bot.channel, PLURALKIT)
    reply = await bot.reply_to(await webhook.post(files=[CAT_FILE]))
    (row,) = reply.components
    remove = next(b for b in row["components"] if f":{Action.REMOVE}:" in b["custom_id"])
    refused = await (await bot.ann.click(reply, remove["custom_id"])).wait_for_response()
    assert "moderators" in refused.content
    moderator = bot.guild.add_member("mod", permissions=Permission.MANAGE_MESSAGES)
    await moderator.click(reply, remove["custom_id"])
    await bot.discord.wait_until(lambda: reply.deleted, "the reply to be deleted")


async def test_own_webhooks_feeds_and_other_bots_are_ignored(bot: RunningBot) -> None:
    own = bot.guild.add_webhook(bot.channel, bot.discord.bot.id)
    feed = bot.guild.add_webhook(bot.channel)
    ignored = [
        await own.post(files=[CAT_FILE]),
        await feed.post(files=[CAT_FILE], flags=IS_CROSSPOST),
        post_as_bot(bot),
    ]
    assert await replied_last(bot, ignored)


async def test_a_server_may_choose_to_have_bots_answered_too(
    bot: RunningBot, running: tuple[RunningBot, GuildSettingsStore]
) -> None:
    await running[1].update(bot.guild.id, bots=True)
    reply = await bot.reply_to(post_as_bot(bot))
    assert await replied_last(bot, [post_as_bot(bot, reply_to=reply)])


async def test_a_webhook_that_repeats_everything_is_answered_a_few_times_only(
    bot: RunningBot,
) -> None:
    webhook = bot.guild.add_webhook(bot.channel, PLURALKIT)
    posted = [await webhook.post(files=[CAT_FILE]) for _ in range(12)]

    def answered() -> list[Message]:
        return [message for message in posted if bot.discord.replies_to(message)]

    await bot.discord.wait_until(lambda: len(answered()) == 10, "ten replies")
    assert await replied_last(bot, [])
    assert len(answered()) == 10
