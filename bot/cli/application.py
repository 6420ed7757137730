"""What Discord says about the bot: its intents, its invite link, and what it lacks in servers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.chat.client import point_at
from bot.errors import FramehoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from bot.config import Config

PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "view_channel": "View Channels",
        "send_messages": "Send Messages",
        "send_messages_in_threads": "Send Messages in Threads",
        "attach_files": "Attach Files",
        "read_message_history": "Read Message History",
        "add_reactions": "Add Reactions",
    }
)
"""What the bot needs in a server, and how Discord's settings call it."""
_PAGE = 200  # servers that Discord names at once


class DiscordFailed(FramehoundError):
    """Discord rejects the token, or can't be reached."""

    sentence = "{reason}"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the bot is in, and the permissions it lacks there."""

    name: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Application:
    """The bot's application; ``reads_messages`` if the message content intent is on."""

    id: int
    name: str
    reads_messages: bool

    @property
    def intents_page(self) -> str:
        """The page where the intents are switched on."""
        return f"https://discord.com/developers/applications/{self.id}/bot"

    @property
    def invite_link(self) -> str:
        """A link that adds the bot to a server with the permissions it needs, and no others."""
        needed = discord.Permissions(**dict.fromkeys(PERMISSIONS, True))
        scopes = ("bot", "applications.commands")
        return discord.utils.oauth_url(self.id, permissions=needed, scopes=scopes)


@asynccontextmanager
async def logged_in(config: Config) -> AsyncIterator[discord.Client]:
    """Give a client that uses REST only; raises ``DiscordFailed``."""
    if config.discord_token is None:
        raise DiscordFailed(reason="DISCORD_TOKEN is missing")
    if config.discord_api_url:
        point_at(config.discord_api_url)
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(config.discord_token.get_secret_value())
            yield client
        except discord.LoginFailure:
            raise DiscordFailed(
                reason="Discord rejected DISCORD_TOKEN; copy it again from the Developer Portal"
            ) from None
        except (aiohttp.ClientError, discord.HTTPException, OSError) as error:
            raise DiscordFailed(reason="Discord can't be reached", detail=str(error)) from error


def application_of(client: discord.Client) -> Application:
    """Return the application of a client that is logged in."""
    found = client.application
    if found is None:
        raise DiscordFailed(reason="Discord says nothing about this bot")
    flags = found.flags
    reads = flags.gateway_message_content or flags.gateway_message_content_limited
    return Application(found.id, str(client.user), reads)


async def servers_of(client: discord.Client) -> list[Server]:
    """Return the servers that the bot is in."""
    found: list[Server] = []
    after = None
    while True:
        page = await client.http.get_guilds(_PAGE, after=after, with_counts=False)
        for each in page:
            allowed = discord.Permissions(int(each.get("permissions") or 0))
            found.append(Server(each["name"], tuple(_missing(allowed))))
        if len(page) < _PAGE:
            return found
        after = int(page[-1]["id"])


def _missing(allowed: discord.Permissions) -> Iterator[str]:
    """Yield the permissions that are not in a set."""
    if not allowed.administrator:
        yield from (title for name, title in PERMISSIONS.items() if not getattr(allowed, name))
