"""A running bot in a server that has clips checked for nudity."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.domain.alerts import Watch
from bot.storage.database import Database
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.watches import WatchStore
from tests.media.nudity_clips import make_nudity_clip
from tests.processes.running_bot import RunningBot, running_bot

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_discord import Channel, Message


async def exported(bot: RunningBot, reply: Message) -> dict[str, str]:
    """Press *Export* under a reply; return the files."""
    (row,) = reply.components
    identifier = next(
        each["custom_id"] for each in row["components"] if ":export:" in each["custom_id"]
    )
    pressed = await bot.ann.click(reply, identifier)
    handed = await pressed.wait_for_response(20)
    return {file.filename: file.content.decode() for file in handed.attachments}


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
        assert [each["tag"] for each in content["segments"]] == ["nudity"]
        await bot.discord.wait_until(lambda: len(mods.messages) == 2, "two alerts")
        assert all("`0:03–0:05` nudity" in each.content for each in mods.messages.values())
