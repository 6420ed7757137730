"""Links to the first message with a clip, if everybody who reads the reply may follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.chat.visibility import audience_may_read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.search import SameClip


async def visible_link(
    client: discord.Client, channel_id: int, earlier: Sequence[SameClip]
) -> str | None:
    """Return the link to the first message that everybody in a channel may read."""
    for clip in earlier:
        try:
            if clip.channel_id == channel_id or await _may_read(client, clip, channel_id):
                return clip.link
        except discord.HTTPException:  # the message's channel is gone, or Discord doesn't answer
            continue
    return None


async def _may_read(client: discord.Client, clip: SameClip, channel_id: int) -> bool:
    target = await client.fetch_channel(channel_id)
    if not isinstance(target, (discord.abc.GuildChannel, discord.Thread)):
        return False
    return target.guild.id == clip.guild_id and await audience_may_read(
        client, clip.channel_id, target
    )
