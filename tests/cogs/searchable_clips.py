"""Posted clips for tests of the search."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.search import first_snowflake
from bot.domain.tagging import Tagging
from bot.storage.posted_clips import PostedClip

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot

IDENTITY = TaggerIdentity("local", "net", 0.5)
DAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


def tagging(fingerprint: str, *seconds: dict[str, float]) -> Tagging:
    """Return a tagging, given a dictionary of scores for each second."""
    frames = tuple(
        Frame(second * 1000, tuple(Concept(*each) for each in seen.items()))
        for second, seen in enumerate(seconds)
    )
    info = ClipInfo(ClipFormat.MP4, 9, len(seconds) * 1000, fingerprint)
    return Tagging(info, frames, IDENTITY)


def message_at(days: int = 0, number: int = 0) -> int:
    """Return the ID of a message posted ``days`` after ``DAY``."""
    return first_snowflake(DAY + timedelta(days=days)) + number


async def post(
    bot: FramehoundBot, message_id: int, channel: Any, *seconds: dict[str, float], **others: Any
) -> PostedClip:
    """Store a posted clip and its tagging, as a job does."""
    fingerprint = f"sha256:{channel.id}-{message_id}"
    await bot.app.stores.taggings.save(tagging(fingerprint, *seconds))
    guild_id = channel.guild.id if channel.guild else None
    clip = PostedClip(message_id, fingerprint, guild_id, channel.id, 51, DAY)
    clip = replace(clip, **others)
    await bot.app.stores.posted_clips.add([clip])
    return clip
