"""Replies as people see them: their buttons, the server's settings, deletion with the message."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from PIL import Image

from bot.chat.buttons import Action
from bot.errors import OwnerUnknown, TaggingErased
from bot.storage.database import Database
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import JobRecordStore
from loopback_discord import LoopbackDiscord, Permission, Upload, server_error
from tests.conftest import CLIPS
from tests.processes.programs import TOKEN, answer_to, settings_for, started
from tests.processes.running_bot import RunningBot, running_bot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback_discord import Interaction, Member, Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
CAT = ("cat.gif", (CLIPS / "montage.gif").read_bytes(), "image/gif")
CITY = ("city.mp4", (CLIPS / "city.mp4").read_bytes(), "video/mp4")


class Chat(RunningBot):
    """A server with a channel and members, its settings, and presses of buttons."""

    store: GuildSettingsStore
    records: JobRecordStore

    @classmethod
    def open(cls, bot: RunningBot, database: Database) -> Chat:
        guild = bot.discord.add_guild()
        chat = cls(bot.discord, bot.program, guild.add_text_channel("videos"))
        chat.guild, chat.ann = guild, guild.add_member("ann")
        chat.store, chat.records = GuildSettingsStore(database), JobRecordStore(database)
        return chat

    async def purge_records(self) -> None:
        """Erase all records, as at the end of their time; the replies stay."""
        await self.records.purge(max_days=-1)

    async def choose(self, **chosen: Any) -> None:
        await self.store.update(self.guild.id, **chosen)

    async def posted(self, *files: Any) -> tuple[Message, Message]:
        """Post a clip as Ann; return the message and its reply."""
        message = await self.ann.post(self.channel, files=files or [CAT])
        return message, await self.reply_to(message)

    async def press(self, who: Member, reply: Message, action: Action) -> Interaction:
        return await who.click(reply, button(reply, action)["custom_id"])


def button(reply: Message, action: Action) -> dict[str, Any]:
    (row,) = reply.components
    return next(b for b in row["components"] if f":{action}:" in b["custom_id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[RunningBot, Database]]:
    folder = tmp_path_factory.mktemp("bot")
    data_dir = folder / "data"
    data_dir.mkdir()
    async with (
        running_bot(folder, data_dir) as opened,
        Database.open(f"sqlite:///{data_dir / 'framehound.sqlite'}") as database,
    ):
        yield opened, database


@pytest.fixture
def chat(bot: tuple[RunningBot, Database]) -> Chat:
    return Chat.open(*bot)


async def test_a_reply_has_a_picture_with_alt_text_and_notifies_nobody(chat: Chat) -> None:
    _posted, reply = await chat.posted()
    (picture,) = reply.attachments
    assert picture.filename == "timeline.png"
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"
    assert picture.description
    assert picture.description.startswith("16 s: cat")
    assert "Timeline of cat.gif, 16 s: " in picture.description
    assert reply.flags & 1 << 12  # SUPPRESS_NOTIFICATIONS
    assert not reply.mentions


async def test_the_picture_of_a_spoilered_clip_is_spoilered(chat: Chat) -> None:
    _posted, reply = await chat.posted(Upload("SPOILER_cat.gif", CAT[1], CAT[2]))
    assert reply.attachments[0].filename == "SPOILER_timeline.png"


async def test_changing_the_threshold_of_a_reply_is_visible_to_everybody(chat: Chat) -> None:
    _posted, reply = await chat.posted()
    before = reply.content
    pressed = await chat.press(chat.ann, reply, Action.RAISE)
    await chat.discord.wait_until(lambda: "tags above 0.6" in reply.content, "higher threshold")
    assert pressed.followups == []
    assert len(reply.attachments) == 1
    await chat.press(chat.ann, reply, Action.LOWER)
    await chat.discord.wait_until(lambda: reply.content == before, "the first threshold again")


@pytest.mark.process
async def test_buttons_work_after_a_restart(tmp_path: Path, data_dir: Path) -> None:
    async with LoopbackDiscord(TOKEN) as discord:
        guild = discord.add_guild()
        channel, ann = guild.add_text_channel("videos"), guild.add_member("ann")
        settings = settings_for(discord, data_dir)
        async with started(settings, tmp_path) as program:
            await discord.wait_ready()
            posted = await ann.post(channel, files=[CAT])
            reply = await answer_to(discord, posted)
            assert await program.stop() == 0, program.log
        await discord.wait_disconnected()
        async with started(settings, tmp_path) as program:
            await discord.wait_ready()
            await ann.click(reply, button(reply, Action.RAISE)["custom_id"])
            await discord.wait_until(lambda: "tags above 0.6" in reply.content, "higher threshold")
            assert "Traceback" not in program.log, program.log


async def test_buttons_are_disabled_at_the_lowest_and_highest_threshold(chat: Chat) -> None:
    await chat.store.set_threshold(chat.guild.id, "local:efficientnet-lite0", 0.99)
    _posted, reply = await chat.posted()
    assert button(reply, Action.RAISE)["disabled"]
    assert not button(reply, Action.LOWER).get("disabled")


async def test_all_tags_are_listed_page_by_page_for_the_person_who_pressed(chat: Chat) -> None:
    await chat.store.set_threshold(chat.guild.id, "local:efficientnet-lite0", 0.01)
    _posted, reply = await chat.posted()
    pressed = await chat.press(chat.ann, reply, Action.ALL_TAGS)
    listed = await pressed.wait_for_response()
    assert listed.ephemeral
    first = listed.content
    assert "-# Page 1 of " in first
    back, following = listed.components[0]["components"]
    assert back["disabled"]
    await chat.ann.click(listed, following["custom_id"])
    await chat.discord.wait_until(lambda: listed.content != first, "the next page")
    assert "-# Page 2 of " in listed.content


async def test_a_report_can_be_exported_in_every_format(chat: Chat) -> None:
    posted, reply = await chat.posted()
    pressed = await chat.press(chat.ann, reply, Action.EXPORT)
    handed = await pressed.wait_for_response()
    assert handed.ephemeral
    files = {file.filename: file.content.decode() for file in handed.attachments}
    assert set(files) == {"tags.json", "tags.csv", "cat.gif.vtt", "cat.gif.html"}
    assert json.loads(files["tags.json"])["clip"] == "cat.gif"
    assert {row["tag"] for row in csv.DictReader(io.StringIO(files["tags.csv"]))} > {"cat"}
    assert files["cat.gif.vtt"].startswith("WEBVTT\n")
    assert posted.attachments[0].url.partition("?")[0] in files["cat.gif.html"]


async def test_many_clips_are_exported_in_one_file(chat: Chat) -> None:
    files = [(f"{number}-{CAT[0]}", *CAT[1:]) for number in range(5)]
    _posted, reply = await chat.posted(*files)
    pressed = await chat.press(chat.ann, reply, Action.EXPORT)
    assert [f.filename for f in (await pressed.wait_for_response()).attachments] == ["tags.zip"]


async def test_the_poster_removes_the_reply(chat: Chat) -> None:
    _posted, reply = await chat.posted()
    await chat.press(chat.ann, reply, Action.REMOVE)
    await chat.discord.wait_until(lambda: reply.id not in chat.channel.messages, "end of the reply")


async def test_only_moderators_and_the_poster_remove_a_reply(chat: Chat) -> None:
    _posted, reply = await chat.posted()
    refused = await chat.press(chat.guild.add_member("bob"), reply, Action.REMOVE)
    said = await refused.wait_for_response()
    assert said.ephemeral
    assert said.content.startswith("Only the person who posted the clip")
    moderator = chat.guild.add_member("mo", Permission.MANAGE_MESSAGES)
    await chat.press(moderator, reply, Action.REMOVE)
    await chat.discord.wait_until(lambda: reply.id not in chat.channel.messages, "end of the reply")


async def test_a_reply_is_deleted_with_its_message(chat: Chat) -> None:
    posted, reply = await chat.posted()
    about = await chat.ann.post(chat.channel, "!tags", reply_to=posted)
    second = await chat.reply_to(about)
    await chat.ann.delete(posted)
    gone = lambda: not {reply.id, second.id} & set(chat.channel.messages)  # noqa: E731 - read once
    await chat.discord.wait_until(gone, "end of both replies")


async def test_replies_are_deleted_when_a_person_is_forgotten(chat: Chat) -> None:
    posted, reply = await chat.posted()
    bob = chat.guild.add_member("bob")
    own = await chat.reply_to(await bob.post(chat.channel, files=[CAT]))
    about_ann = await chat.reply_to(await bob.post(chat.channel, "!tags", reply_to=posted))
    chat.discord.faults.add("DELETE", r"/channels/\d+/messages/\d+", server_error(503), times=2)
    interaction = await chat.ann.slash(chat.channel, "privacy forget")
    answer = (await interaction.wait_for_response()).content
    assert answer.startswith("Done. I've forgotten 2 of your messages and commands")
    gone = lambda: not {reply.id, about_ann.id} & set(chat.channel.messages)  # noqa: E731 - read once
    await chat.discord.wait_until(gone, "end of both replies")
    assert own.id in chat.channel.messages


async def test_a_button_shows_nothing_of_a_report_on_another_message(chat: Chat) -> None:
    """Its ID is that of a report in a channel that the person can't see."""
    staff = chat.guild.add_text_channel("staff")
    hidden = await chat.reply_to(await chat.ann.post(staff, files=[CAT]))
    _posted, reply = await chat.posted(CITY)
    reply.components = hidden.components
    bob = chat.guild.add_member("bob")
    for action in (Action.ALL_TAGS, Action.EXPORT):
        pressed = await chat.press(bob, reply, action)
        answer = await pressed.wait_for_response()
        assert answer.content == str(TaggingErased())
        assert not answer.attachments
    before = reply.content
    pressed = await chat.press(bob, reply, Action.LOWER)
    assert (await pressed.wait_for_followup()).content == str(TaggingErased())
    assert reply.content == before


async def test_buttons_of_an_erased_report_say_that_it_was_erased(chat: Chat) -> None:
    own = ("own.gif", CAT[1] + b"own", "image/gif")
    _posted, reply = await chat.posted(own)
    await chat.purge_records()
    pressed = await chat.press(chat.ann, reply, Action.RAISE)
    assert "I've forgotten" in (await pressed.wait_for_followup()).content


async def test_a_poster_whose_data_was_erased_still_removes_the_reply(chat: Chat) -> None:
    _posted, reply = await chat.posted(("removed.gif", CAT[1] + b"removed", "image/gif"))
    await chat.purge_records()
    refused = await chat.press(chat.guild.add_member("bob"), reply, Action.REMOVE)
    assert "Only" in (await refused.wait_for_response()).content
    await chat.press(chat.ann, reply, Action.REMOVE)
    await chat.discord.wait_until(lambda: reply.id not in chat.channel.messages, "end of the reply")


async def test_a_person_who_requested_an_erased_reply_removes_it(chat: Chat) -> None:
    posted, _reply = await chat.posted(("asked.gif", CAT[1] + b"asked", "image/gif"))
    bob = chat.guild.add_member("bob")
    reply = await chat.reply_to(await bob.post(chat.channel, "!tags", reply_to=posted))
    await chat.purge_records()
    await chat.press(bob, reply, Action.REMOVE)
    await chat.discord.wait_until(lambda: reply.id not in chat.channel.messages, "end of the reply")


async def test_only_moderators_remove_an_erased_reply_whose_message_cannot_be_read(
    chat: Chat,
) -> None:
    _posted, reply = await chat.posted(("hidden.gif", CAT[1] + b"hidden", "image/gif"))
    await chat.purge_records()
    chat.channel.deny_bot(Permission.READ_MESSAGE_HISTORY)
    refused = await chat.press(chat.ann, reply, Action.REMOVE)
    assert (await refused.wait_for_response()).content == OwnerUnknown.sentence


async def test_a_failed_text_command_is_answered_by_a_quiet_reply(chat: Chat) -> None:
    command = await chat.ann.post(chat.channel, "!settings")  # needs a permission she lacks
    reply = await chat.reply_to(command)
    assert reply.content == "You need the Manage Server permission to do this."
    assert reply.mentions == []


async def test_a_server_can_have_replies_only_when_tags_are_found(chat: Chat) -> None:
    await chat.choose(only_when_found=True)
    await chat.store.set_threshold(chat.guild.id, "local:efficientnet-lite0", 0.9)
    quiet = await chat.ann.post(chat.channel, files=[CITY])
    _posted, _reply = await chat.posted(CAT)
    assert chat.discord.replies_to(quiet) == []
    asked = await chat.ann.post(chat.channel, "!tags", reply_to=quiet)
    assert "Nothing scored above 0.9" in (await chat.reply_to(asked)).content


async def test_a_reply_follows_the_settings_of_the_server(chat: Chat) -> None:
    await chat.choose(hidden_tags=frozenset({"CAT"}), picture=False, tags_a_line=1, gap=30)
    _posted, reply = await chat.posted()
    assert reply.attachments == []
    lines = [line for line in reply.content.splitlines() if line.startswith("`")]
    assert lines
    assert all(" cat ." not in line and line.count(" · ") <= 1 for line in lines)


async def test_a_reply_is_in_the_language_of_the_server(chat: Chat) -> None:
    await chat.choose(language="de")
    _posted, reply = await chat.posted()
    assert reply.content.startswith("**cat.gif** · 16 s · Tags über 0.5\n")
    assert button(reply, Action.ALL_TAGS)["label"] == "Alle Tags"
    assert "Zeitleiste von cat.gif" in (reply.attachments[0].description or "")


async def test_age_restricted_channels_can_be_ignored(chat: Chat) -> None:
    await chat.choose(nsfw_channels=False)
    ignored = await chat.ann.post(chat.guild.add_text_channel("adults", nsfw=True), files=[CAT])
    await chat.posted()
    assert chat.discord.replies_to(ignored) == []


async def test_a_reply_can_be_sent_in_a_thread(chat: Chat) -> None:
    await chat.choose(in_thread=True)
    message = await chat.ann.post(chat.channel, files=[CAT])
    await chat.discord.wait_until(lambda: message.id in chat.discord.state.channels, "thread")
    thread = chat.discord.state.channels[message.id]
    is_report = lambda message: message.content.startswith("**cat.gif**")  # noqa: E731 - read once
    reply = await chat.discord.wait_for_message(thread, matching=is_report)
    assert thread.name == "cat.gif"
    await chat.ann.delete(message)
    await chat.discord.wait_until(lambda: reply.id not in thread.messages, "end of the reply")


async def test_channels_and_people_can_be_excluded_from_tagging(chat: Chat) -> None:
    await chat.choose(channels_denied=frozenset({chat.channel.id}))
    ignored = await chat.ann.post(chat.channel, files=[CAT])
    other = chat.guild.add_text_channel("other")
    answered = await chat.ann.post(other, files=[CAT])
    await answer_to(chat.discord, answered)
    await chat.choose(roles_allowed=frozenset({chat.guild.add_role("posters").id}))
    unwanted = await chat.ann.post(other, files=[CAT])
    asked = await chat.ann.post(chat.channel, "!tags", reply_to=ignored)
    await chat.reply_to(asked)
    assert [m for m in chat.discord.replies_to(ignored) if m.author is chat.discord.bot] == []
    assert chat.discord.replies_to(unwanted) == []
