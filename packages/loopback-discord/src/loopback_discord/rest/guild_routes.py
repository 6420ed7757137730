"""Routes of guilds: their channels, and searching messages by attachments, channels and IDs.

https://docs.discord.com/developers/resources/message#search-guild-messages
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopback_discord.api import missing_access
from loopback_discord.model.messages import message_json
from loopback_discord.model.roles import Permission
from loopback_discord.rest.rest_api import Call, Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loopback_discord.api import Json
    from loopback_discord.model.guilds import Guild
    from loopback_discord.model.messages import Message
    from loopback_discord.model.state import State

_DEFAULT_LIMIT = 25
_READ = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY


class GuildRoutes:
    """Handlers of ``/guilds``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        guild = "/guilds/{guild}"
        return [
            Route("GET", f"{guild}/channels", self.channels),
            Route("GET", f"{guild}/threads/active", self.active_threads),
            Route("GET", f"{guild}/messages/search", self.search),
        ]

    def channels(self, call: Call) -> list[Json]:
        return [
            channel.to_json() for channel in self._guild(call).channels if not channel.is_thread
        ]

    def active_threads(self, call: Call) -> Json:
        threads = [channel for channel in self._guild(call).channels if channel.is_thread]
        visible = [thread.to_json() for thread in threads if thread.bot_may(_READ)]
        return {"threads": visible, "members": []}

    def search(self, call: Call) -> Json:
        """Return the newest matching messages; Discord refuses bots without the content intent."""
        if not self._state.content_granted:
            raise missing_access()
        query = call.request.query
        guild = self._guild(call)
        has, extensions = query.getall("has", []), query.getall("attachment_extension", [])
        oldest, newest = int(query.get("min_id", 0)), int(query.get("max_id", 1 << 63))
        matching = [
            message
            for message in _readable(guild, query.getall("channel_id", []))
            if oldest < message.id < newest and _matches(message, has, extensions)
        ]
        matching.sort(key=lambda message: message.id, reverse=True)
        page = matching[: int(query.get("limit", _DEFAULT_LIMIT))]
        return {
            "messages": [[message_json(message, content_allowed=True)] for message in page],
            "doing_deep_historical_index": False,
            "total_results": len(matching),
        }

    def _guild(self, call: Call) -> Guild:
        """Return the guild of a call. Raises an ApiError if the bot is not in it."""
        guild = self._state.guild(call.id("guild"))
        if not guild.joined:
            raise missing_access()
        return guild


def _readable(guild: Guild, channel_ids: Sequence[str]) -> Iterator[Message]:
    for channel in guild.channels:
        if channel.bot_may(_READ) and (not channel_ids or str(channel.id) in channel_ids):
            yield from channel.messages.values()


def _matches(message: Message, has: Sequence[str], extensions: Sequence[str]) -> bool:
    types = [each.content_type or "" for each in message.attachments]
    files = any(kind.startswith("video/") for kind in types)
    embeds = any(embed.get("type") in {"video", "gifv"} for embed in message.embeds)
    names = [each.filename for each in message.attachments]
    named = any(name.endswith(f".{end}") for name in names for end in extensions)
    return ("video" in has and (files or embeds)) or named
