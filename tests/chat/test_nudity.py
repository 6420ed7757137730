"""A running bot in a server that has clips checked for nudity."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.chat.buttons import Action
from bot.domain.alerts import Watch
from bot.storage.database import Database
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.watches import WatchStore
from loopback_discord import Permission
from tests.media.nudity_clips import make_nudity_clip
from tests.processes.running_bot import RunningBot, running_bot

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_discord import Channel, Member, Message


async def pressed(who: Member, reply: Message, action: Action) -> Message:
    """Press a button under a reply; return the answer."""
    (row,) = reply.components
    ids = [each["custom_id"] for each in row["components"]]
    press = await who.click(reply, next(each for each in ids if f":{action}:" in each))
    return await press.wait_for_response(20)


async def exported(bot: RunningBot, reply: Message) -> dict[str, str]:
    answer = await pressed(bot.ann, reply, Action.EXPORT)
    return {file.filename: file.content.decode() for file in answer.attachments}


@pytest.mark.process
async def test_only_age_restricted_channels_are_told_of_nudity(
    tmp_path: Path, data_dir: Path
) -> None:
    clip = ("clip.mp4", make_nudity_clip(tmp_path / "clip.mp4").read_bytes(), "video/mp4")
    async with (
        running_bot(tmp_path, data_dir) as bot,
        Database.open(f"sqlite:///{data_dir / 'framehound.sqlite'}") as database,
    ):
        adults = bot.guild.add_text_channel("adults", nsfw=True)
        mods = bot.guild.add_text_channel("mods", nsfw=True)
        await GuildSettingsStore(database).update(bot.guild.id, nudity=True)
        await WatchStore(database).replace(bot.guild.id, [Watch("nudity", mods.id)])

        async def replied(channel: Channel) -> tuple[Message, dict[str, str]]:
            reply = await bot.reply_to(await bot.ann.post(channel, files=[clip]))
            return reply, await exported(bot, reply)

        reply, files = await replied(bot.channel)
        assert not any("nudity" in text for text in (reply.content, *files.values()))
        assert all(not each.filename.startswith("SPOILER_") for each in reply.attachments)
        reply, files = await replied(adults)
        assert "nudity" in reply.content
        assert [each.filename for each in reply.attachments] == ["SPOILER_timeline.png"]
        (content,) = (json.loads(text) for name, text in files.items() if name.endswith(".json"))
        assert "nudity" in {each["tag"] for each in content["segments"]}
        # The poster can't have scenes shown by calling the tag wrong; a moderator can.
        mo = bot.guild.add_member("mo", Permission.MANAGE_MESSAGES)
        for who, may_hide in ((bot.ann, False), (mo, True)):
            listed = await pressed(who, reply, Action.ALL_TAGS)
            assert "nudity" in listed.content
            parts = [part for row in listed.components for part in row["components"]]
            options = [each["label"] for part in parts for each in part.get("options", ())]
            assert ("nudity" in options) is may_hide
        await bot.discord.wait_until(lambda: len(mods.messages) == 2, "two alerts")
        assert all("`0:03–0:05` nudity" in each.content for each in mods.messages.values())
