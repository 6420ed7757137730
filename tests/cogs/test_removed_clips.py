"""Clips that are removed from their message, or erased with their channel, server or person."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bot.domain.job import Reply, message_job_id
from bot.storage.job_records import JobRecord
from bot.storage.posted_clips import PostedClip
from loopback_discord import Upload
from loopback_discord.model import message_actions
from tests.cogs.test_clip_sources import LAST, LINK, TENOR, Chat, open_chat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loopback_discord import Channel, Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLIP = Upload("cat.mp4", b"a cat", "video/mp4")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chat]:
    async with open_chat(tmp_path_factory.mktemp("removed")) as chat:
        yield chat


@pytest.fixture
def chat(running: Chat) -> Chat:
    """Return the same bot in a server of its own."""
    running.guild = running.discord.add_guild("Dogs")
    running.channel = running.guild.add_text_channel("general")
    running.ann = running.guild.add_member("ann")
    return running


async def held(chat: Chat, channel: Channel) -> Message:
    """Post a message that the bot holds until its preview comes."""
    message = await chat.ann.post(channel, f"{LINK} {TENOR}")
    await chat.ann.post(chat.channel, LAST)
    assert await chat.links() == [LAST]
    return message


async def test_nothing_is_tagged_of_a_thread_that_was_deleted_while_previews_were_awaited(
    chat: Chat,
) -> None:
    thread = chat.channel.add_thread("cats")
    await held(chat, thread)
    thread.announce("THREAD_DELETE")
    await chat.nothing_more()
    chat.previews.release()
    await chat.nothing_more()


async def test_nothing_is_tagged_of_a_channel_that_was_deleted_while_previews_were_awaited(
    chat: Chat,
) -> None:
    channel = chat.guild.add_text_channel("cats")
    await held(chat, channel)
    channel.announce("CHANNEL_DELETE")
    await chat.nothing_more()
    chat.previews.release()
    await chat.nothing_more()


async def test_nothing_is_tagged_of_a_person_who_was_forgotten_while_previews_were_awaited(
    chat: Chat,
) -> None:
    await held(chat, chat.channel)
    forgotten = await chat.ann.slash(chat.channel, "privacy forget")
    await forgotten.wait_for_response()
    chat.previews.release()
    await chat.nothing_more()  # what they post later is tagged again


async def test_nothing_is_tagged_of_a_server_that_removed_the_bot_while_previews_were_awaited(
    chat: Chat,
) -> None:
    elsewhere = chat.discord.add_guild("Birds")
    channel, bob = elsewhere.add_text_channel("birds"), elsewhere.add_member("bob")
    await bob.post(channel, f"{LINK} {TENOR}")
    await bob.post(channel, LAST)
    assert await chat.links() == [LAST]
    elsewhere.kick_bot()
    await chat.nothing_more()
    chat.previews.release()
    await chat.nothing_more()


async def answered(chat: Chat, message: Message, *about: int) -> None:
    """Store what a job leaves behind: a record, its reply and the posted clip."""
    stores, people = chat.bot.app.stores, (chat.ann.user.id,)
    ids = tuple(sorted({message.id, *about}))
    record = JobRecord(message_job_id(message.id), chat.channel.id, (), chat.guild.id, ids, people)
    await stores.job_records.add(record)
    await stores.job_records.save_reply(record.job_id, Reply(chat.channel.id, 99))
    posted = PostedClip(
        min(ids), "sha256:01", chat.guild.id, chat.channel.id, people[0], datetime.now(UTC)
    )
    await stores.posted_clips.add([posted])


async def erasure_ends(chat: Chat) -> None:
    """Wait until the bot has erased what it had to, after which it looks for replies to delete."""
    async with asyncio.timeout(60):
        await chat.bot.reply_deleter._woken.wait()
    chat.bot.reply_deleter._woken.clear()


async def left(chat: Chat, message: Message) -> bool:
    stores = chat.bot.app.stores
    record = await stores.job_records.exists(message_job_id(message.id))
    return record or bool(await stores.posted_clips.known_messages({message.id}))


async def test_a_clip_that_is_removed_from_its_message_is_erased(chat: Chat) -> None:
    message = await chat.ann.post(chat.channel, "my cat", files=[CLIP])
    assert (await chat.job()).message_id == message.id
    await answered(chat, message)
    await chat.ann.edit(message, "my cat, again")
    await chat.nothing_more()
    assert await left(chat, message)
    chat.bot.reply_deleter._woken.clear()
    message_actions.edit(message, {"attachments": []})
    await erasure_ends(chat)
    assert not await left(chat, message)


async def test_an_edited_command_about_another_message_keeps_its_reply(chat: Chat) -> None:
    posted = await chat.ann.post(chat.channel, "my cat", files=[CLIP])
    await chat.job()
    asked = await chat.ann.post(chat.channel, "!tags", reply_to=posted)
    await chat.job()
    await answered(chat, asked, posted.id)
    chat.bot.reply_deleter._woken.clear()
    await chat.ann.edit(asked, "!tags, please")
    await erasure_ends(chat)
    assert await left(chat, asked)


async def test_a_forwarded_clip_of_a_person_who_opted_out_is_left_alone(chat: Chat) -> None:
    office, bob = chat.guild.add_text_channel("office"), chat.guild.add_member("bob")
    posted = await chat.ann.post(chat.channel, LINK)
    assert await chat.links() == [LINK]
    await chat.bot.app.stores.opt_outs.add(chat.ann.user.id)
    forwarded = await bob.forward(office, posted)
    asked = await bob.use_context_menu(office, "Tag this video", forwarded)
    refusal = await asked.wait_for_followup()
    assert "leave their clips alone" in refusal.content
    assert refusal.ephemeral
    seen = [each for each in office.messages.values() if not (each.ephemeral or each.deleted)]
    assert seen == [forwarded]  # nobody else sees that it was refused
    await bob.post(office, LAST)
    assert await chat.links() == [LAST]
