"""Replies as people have them: with buttons, as their server set it, gone with their message."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from PIL import Image

from bot.chat.buttons import Action
from bot.errors import OwnerUnknown
from bot.storage.database import Database
from bot.storage.guild_settings import GuildSettingsStore
from tests.conftest import CLIPS
from tests.processes.programs import TOKEN, answer_to, settings_for, started
from tests.processes.running_bot import RunningBot, running_bot
from tests.stand_ins.discord import LoopbackDiscord, Permission, Upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.stand_ins.discord import Interaction, Member, Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
CAT = ("cat.gif", (CLIPS / "montage.gif").read_bytes(), "image/gif")
CITY = ("city.mp4", (CLIPS / "city.mp4").read_bytes(), "video/mp4")


class Desk(RunningBot):
    """A server of its own, what it sets, and who presses what."""

    store: GuildSettingsStore

    @classmethod
    def open(cls, bot: RunningBot, store: GuildSettingsStore) -> Desk:
        guild = bot.discord.add_guild()
        desk = cls(bot.discord, bot.program, guild.add_text_channel("videos"))
        desk.guild, desk.ann, desk.store = guild, guild.add_member("ann"), store
        return desk

    async def choose(self, **chosen: Any) -> None:
        await self.store.update(self.guild.id, **chosen)

    async def posted(self, *files: Any) -> tuple[Message, Message]:
        """Return a message of Ann's and the reply to it."""
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
) -> AsyncIterator[tuple[RunningBot, GuildSettingsStore]]:
    folder = tmp_path_factory.mktemp("bot")
    data_dir = folder / "data"
    data_dir.mkdir()
    async with (
        running_bot(folder, data_dir) as opened,
        Database.open(f"sqlite:///{data_dir / 'framehound.sqlite'}") as database,
    ):
        yield opened, GuildSettingsStore(database)


@pytest.fixture
def desk(bot: tuple[RunningBot, GuildSettingsStore]) -> Desk:
    return Desk.open(*bot)


async def test_a_reply_has_a_picture_with_alt_text_and_notifies_nobody(desk: Desk) -> None:
    _posted, reply = await desk.posted()
    (picture,) = reply.attachments
    assert picture.filename == "timeline.png"
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"
    assert picture.description
    assert picture.description.startswith("Timeline of cat.gif, 16 s: ")
    assert reply.flags & 1 << 12  # SUPPRESS_NOTIFICATIONS
    assert not reply.mentions


async def test_the_picture_of_a_spoilered_clip_is_spoilered(desk: Desk) -> None:
    _posted, reply = await desk.posted(Upload("SPOILER_cat.gif", CAT[1], CAT[2]))
    assert reply.attachments[0].filename == "SPOILER_timeline.png"


async def test_changing_the_threshold_of_a_reply_is_visible_to_everybody(desk: Desk) -> None:
    _posted, reply = await desk.posted()
    before = reply.content
    pressed = await desk.press(desk.ann, reply, Action.RAISE)
    await desk.discord.wait_until(lambda: "tags above 0.6" in reply.content, "higher threshold")
    assert pressed.followups == []
    assert len(reply.attachments) == 1
    await desk.press(desk.ann, reply, Action.LOWER)
    await desk.discord.wait_until(lambda: reply.content == before, "the first threshold again")


@pytest.mark.process
async def test_buttons_work_after_a_restart(tmp_path: Path, data_dir: Path) -> None:
    async with LoopbackDiscord(TOKEN) as discord:
        guild = discord.add_guild()
        channel, ann = guild.add_text_channel("videos"), guild.add_member("ann")
        settings = settings_for(discord, data_dir)
        async with started(settings, tmp_path) as program:
            await discord.wait_ready()
            posted = await ann.post(channel, files=[CAT])
            reply = await answer_to(discord, posted, 20)
            assert await program.stop() == 0, program.log
        await discord.wait_disconnected()
        async with started(settings, tmp_path) as program:
            await discord.wait_ready()
            await ann.click(reply, button(reply, Action.RAISE)["custom_id"])
            await discord.wait_until(lambda: "tags above 0.6" in reply.content, "higher threshold")
            assert "Traceback" not in program.log, program.log


async def test_buttons_are_disabled_at_the_lowest_and_highest_threshold(desk: Desk) -> None:
    await desk.store.set_threshold(desk.guild.id, "local:efficientnet-lite0", 0.99)
    _posted, reply = await desk.posted()
    assert button(reply, Action.RAISE)["disabled"]
    assert not button(reply, Action.LOWER).get("disabled")


async def test_all_tags_are_listed_page_by_page_for_the_person_who_pressed(desk: Desk) -> None:
    await desk.store.set_threshold(desk.guild.id, "local:efficientnet-lite0", 0.01)
    _posted, reply = await desk.posted()
    pressed = await desk.press(desk.ann, reply, Action.ALL_TAGS)
    listed = await pressed.wait_for_response()
    assert listed.ephemeral
    first = listed.content
    assert "-# Page 1 of " in first
    back, following = listed.components[0]["components"]
    assert back["disabled"]
    turned = await desk.ann.click(listed, following["custom_id"])
    await turned.wait_for_acknowledgement()
    assert "-# Page 2 of " in listed.content
    assert listed.content != first


async def test_a_report_can_be_exported_in_every_format(desk: Desk) -> None:
    posted, reply = await desk.posted()
    pressed = await desk.press(desk.ann, reply, Action.EXPORT)
    handed = await pressed.wait_for_response(20)
    assert handed.ephemeral
    files = {file.filename: file.content.decode() for file in handed.attachments}
    assert set(files) == {"tags.json", "tags.csv", "cat.gif.vtt", "cat.gif.html"}
    assert json.loads(files["tags.json"])["clip"] == "cat.gif"
    assert {row["tag"] for row in csv.DictReader(io.StringIO(files["tags.csv"]))} > {"cat"}
    assert files["cat.gif.vtt"].startswith("WEBVTT\n")
    assert posted.attachments[0].url.partition("?")[0] in files["cat.gif.html"]


async def test_many_clips_are_exported_in_one_file(desk: Desk) -> None:
    files = [(f"{number}-{CAT[0]}", *CAT[1:]) for number in range(5)]
    _posted, reply = await desk.posted(*files)
    pressed = await desk.press(desk.ann, reply, Action.EXPORT)
    assert [f.filename for f in (await pressed.wait_for_response(20)).attachments] == ["tags.zip"]


async def test_the_poster_removes_the_reply(desk: Desk) -> None:
    _posted, reply = await desk.posted()
    await desk.press(desk.ann, reply, Action.REMOVE)
    await desk.discord.wait_until(lambda: reply.id not in desk.channel.messages, "end of the reply")


async def test_only_moderators_and_the_poster_remove_a_reply(desk: Desk) -> None:
    _posted, reply = await desk.posted()
    refused = await desk.press(desk.guild.add_member("bob"), reply, Action.REMOVE)
    said = await refused.wait_for_response()
    assert said.ephemeral
    assert said.content.startswith("Only the person who posted the clip")
    moderator = desk.guild.add_member("mo", Permission.MANAGE_MESSAGES)
    await desk.press(moderator, reply, Action.REMOVE)
    await desk.discord.wait_until(lambda: reply.id not in desk.channel.messages, "end of the reply")


async def test_a_reply_is_deleted_with_its_message(desk: Desk) -> None:
    posted, reply = await desk.posted()
    about = await desk.ann.post(desk.channel, "!tags", reply_to=posted)
    second = await desk.reply_to(about)
    await desk.ann.delete(posted)
    gone = lambda: not {reply.id, second.id} & set(desk.channel.messages)  # noqa: E731 - read once
    await desk.discord.wait_until(gone, "end of both replies")


async def test_buttons_of_an_erased_report_say_it_is_gone(desk: Desk) -> None:
    own = ("own.gif", CAT[1] + b"own", "image/gif")
    _posted, reply = await desk.posted(own)
    await (await desk.ann.slash(desk.channel, "privacy forget")).wait_for_response()
    pressed = await desk.press(desk.ann, reply, Action.RAISE)
    assert "I've forgotten" in (await pressed.wait_for_followup()).content


async def test_a_poster_whose_data_was_erased_still_removes_the_reply(desk: Desk) -> None:
    _posted, reply = await desk.posted(("removed.gif", CAT[1] + b"removed", "image/gif"))
    await (await desk.ann.slash(desk.channel, "privacy forget")).wait_for_response()
    refused = await desk.press(desk.guild.add_member("bob"), reply, Action.REMOVE)
    assert "Only" in (await refused.wait_for_response()).content
    await desk.press(desk.ann, reply, Action.REMOVE)
    await desk.discord.wait_until(lambda: reply.id not in desk.channel.messages, "end of the reply")


async def test_a_person_who_requested_an_erased_reply_removes_it(desk: Desk) -> None:
    posted, _reply = await desk.posted(("asked.gif", CAT[1] + b"asked", "image/gif"))
    bob = desk.guild.add_member("bob")
    reply = await desk.reply_to(await bob.post(desk.channel, "!tags", reply_to=posted))
    await (await desk.ann.slash(desk.channel, "privacy forget")).wait_for_response()
    await desk.press(bob, reply, Action.REMOVE)
    await desk.discord.wait_until(lambda: reply.id not in desk.channel.messages, "end of the reply")


async def test_only_moderators_remove_an_erased_reply_whose_message_cannot_be_read(
    desk: Desk,
) -> None:
    _posted, reply = await desk.posted(("hidden.gif", CAT[1] + b"hidden", "image/gif"))
    await (await desk.ann.slash(desk.channel, "privacy forget")).wait_for_response()
    desk.channel.deny_bot(Permission.READ_MESSAGE_HISTORY)
    refused = await desk.press(desk.ann, reply, Action.REMOVE)
    assert (await refused.wait_for_response()).content == OwnerUnknown.sentence


async def test_a_failed_text_command_is_answered_by_a_quiet_reply(desk: Desk) -> None:
    command = await desk.ann.post(desk.channel, "!settings")  # needs a permission she lacks
    reply = await desk.reply_to(command)
    assert reply.content == "You need the Manage Server permission to do this."
    assert reply.mentions == []


async def test_a_server_can_have_replies_only_when_tags_are_found(desk: Desk) -> None:
    await desk.choose(only_when_found=True)
    await desk.store.set_threshold(desk.guild.id, "local:efficientnet-lite0", 0.9)
    quiet = await desk.ann.post(desk.channel, files=[CITY])
    _posted, _reply = await desk.posted(CAT)
    assert desk.discord.replies_to(quiet) == []
    asked = await desk.ann.post(desk.channel, "!tags", reply_to=quiet)
    assert "Nothing scored above 0.9" in (await desk.reply_to(asked)).content


async def test_a_reply_follows_the_settings_of_the_server(desk: Desk) -> None:
    await desk.choose(hidden_tags=frozenset({"CAT"}), picture=False, tags_a_line=1, gap=30)
    _posted, reply = await desk.posted()
    assert reply.attachments == []
    lines = [line for line in reply.content.splitlines() if line.startswith("`")]
    assert lines
    assert all(" cat ." not in line and line.count(" · ") <= 1 for line in lines)


async def test_a_reply_is_in_the_language_of_the_server(desk: Desk) -> None:
    await desk.choose(language="de")
    _posted, reply = await desk.posted()
    assert reply.content.startswith("**cat.gif** · 16 s · Tags über 0.5\n")
    assert button(reply, Action.ALL_TAGS)["label"] == "Alle Tags"
    assert (reply.attachments[0].description or "").startswith("Zeitleiste von cat.gif")


async def test_age_restricted_channels_can_be_ignored(desk: Desk) -> None:
    await desk.choose(nsfw_channels=False)
    ignored = await desk.ann.post(desk.guild.add_text_channel("adults", nsfw=True), files=[CAT])
    await desk.posted()
    assert desk.discord.replies_to(ignored) == []


async def test_a_reply_can_be_sent_in_a_thread(desk: Desk) -> None:
    await desk.choose(in_thread=True)
    message = await desk.ann.post(desk.channel, files=[CAT])
    await desk.discord.wait_until(lambda: message.id in desk.discord.world.channels, "thread")
    thread = desk.discord.world.channels[message.id]
    told = lambda message: message.content.startswith("**cat.gif**")  # noqa: E731 - read once
    reply = await desk.discord.wait_for_message(thread, matching=told, timeout=20)
    assert thread.name == "cat.gif"
    await desk.ann.delete(message)
    await desk.discord.wait_until(lambda: reply.id not in thread.messages, "end of the reply")


async def test_channels_and_people_can_be_excluded_from_tagging(desk: Desk) -> None:
    await desk.choose(channels_denied=frozenset({desk.channel.id}))
    ignored = await desk.ann.post(desk.channel, files=[CAT])
    other = desk.guild.add_text_channel("other")
    answered = await desk.ann.post(other, files=[CAT])
    await answer_to(desk.discord, answered, 20)
    await desk.choose(roles_allowed=frozenset({desk.guild.add_role("posters").id}))
    unwanted = await desk.ann.post(other, files=[CAT])
    asked = await desk.ann.post(desk.channel, "!tags", reply_to=ignored)
    await desk.reply_to(asked)
    assert [m for m in desk.discord.replies_to(ignored) if m.author is desk.discord.bot] == []
    assert desk.discord.replies_to(unwanted) == []
