"""*Seen before*: a reply links to the first message with the clip, also if it was encoded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bot.chat.buttons import Action
from bot.storage.database import Database
from tests.chat.test_report_buttons import Chat
from tests.conftest import CLIPS
from tests.processes.programs import clarifai_settings
from tests.processes.running_bot import RunningBot, running_bot
from tests.services.test_alerts import hide
from tests.stand_ins.clarifai import LoopbackClarifai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loopback_discord import Channel, Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
COPIES = (("montage.gif", "image/gif"), ("montage.webm", "video/webm"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clarifai() -> AsyncIterator[LoopbackClarifai]:
    async with LoopbackClarifai() as clarifai:
        yield clarifai


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, clarifai: LoopbackClarifai
) -> AsyncIterator[tuple[RunningBot, Database]]:
    folder = tmp_path_factory.mktemp("bot")
    data_dir = folder / "data"
    data_dir.mkdir()
    settings = clarifai_settings(clarifai) | {"RECOGNIZE_COPIES": "on"}
    async with (
        running_bot(folder, data_dir, settings=settings) as opened,
        Database.open(f"sqlite:///{data_dir / 'framehound.sqlite'}") as database,
    ):
        yield opened, database


@pytest.fixture
def chat(bot: tuple[RunningBot, Database]) -> Chat:
    return Chat.open(*bot)


async def posted(chat: Chat, channel: Channel, number: int) -> tuple[Message, Message]:
    name, kind = COPIES[number]
    message = await chat.ann.post(channel, files=[(name, (CLIPS / name).read_bytes(), kind)])
    return message, await chat.reply_to(message)


def line(chat: Chat, first: Message) -> str:
    link = f"https://discord.com/channels/{chat.guild.id}/{chat.channel.id}/{first.id}"
    return f"I've seen this clip before, in [this message](<{link}>)."


async def test_a_copy_costs_no_call_and_its_reply_links_to_the_first_message_if_wanted(
    chat: Chat, clarifai: LoopbackClarifai
) -> None:
    first, reply = await posted(chat, chat.channel, 0)
    assert "seen this clip" not in reply.content
    _, reply = await posted(chat, chat.channel, 1)
    assert "seen this clip" not in reply.content
    assert len(clarifai.calls) == 1
    await chat.choose(seen_before=True, picture=False)
    other = chat.guild.add_text_channel("memes")
    _, reply = await posted(chat, other, 1)
    assert line(chat, first) in reply.content
    await chat.press(chat.ann, reply, Action.LOWER)
    await chat.discord.wait_until(lambda: "tags above 0.92" in reply.content, "lower threshold")
    assert line(chat, first) in reply.content


async def test_a_reply_tells_nothing_of_messages_that_some_readers_cannot_see(chat: Chat) -> None:
    await chat.choose(seen_before=True, picture=False)
    hide(chat.channel, chat.guild.add_role("staff"), chat.guild.me)
    await posted(chat, chat.channel, 0)
    public = chat.guild.add_text_channel("memes")
    first, reply = await posted(chat, public, 1)
    assert "seen this clip" not in reply.content
    chat.channel = public
    _, reply = await posted(chat, public, 0)
    assert line(chat, first) in reply.content
