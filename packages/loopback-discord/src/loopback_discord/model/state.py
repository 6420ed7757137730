"""The state of the loopback Discord, and the changes that tests wait for."""

# ruff: noqa: ASYNC109 - the error of a wait names what was waited for; asyncio.timeout's could not

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from loopback_discord.api import SnowflakeGenerator, unknown
from loopback_discord.events import NO_INTENT, Event
from loopback_discord.model.channels import Channel, ChannelType
from loopback_discord.model.commands import CommandRegistry
from loopback_discord.model.guilds import Guild
from loopback_discord.model.users import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_discord.model.attachments import Attachment
    from loopback_discord.model.interactions import Interaction
    from loopback_discord.model.messages import Message

Found = TypeVar("Found")

# https://docs.discord.com/developers/resources/application#application-object-application-flags
_GATEWAY_MESSAGE_CONTENT_LIMITED = 1 << 19


class Changes:
    """Wakes up tests that wait for a condition; ``notify`` is called after every change.

    ``describe`` adds details to the error of a wait that timed out.
    """

    def __init__(self, describe: Callable[[], str] = str) -> None:
        self._next = asyncio.Event()
        self._describe = describe

    def notify(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Return an event that the next change sets."""
        return self._next

    async def wait_for(
        self, find: Callable[[], Found | None], what: str, *, timeout: float
    ) -> Found:
        """Wait until ``find`` returns something other than None, and return it.

        ``what`` names it in the TimeoutError.
        """
        try:
            async with asyncio.timeout(timeout):
                while (found := find()) is None:
                    await self.next().wait()
        except TimeoutError:
            raise TimeoutError(f"no {what} in {timeout} s. {self._describe()}") from None
        return found


class State:
    """Everything that exists; ``listeners`` are called with every event."""

    def __init__(self, changes: Changes, *, content_granted: bool) -> None:
        self.changes = changes
        self.content_granted = content_granted
        self.ids = SnowflakeGenerator()
        self.bot = User(self.ids.next(), "framehound", bot=True)
        self.owner = User(self.ids.next(), "operator")
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.attachments: dict[int, Attachment] = {}
        self.commands = CommandRegistry(self.ids, self.bot.id)
        self.interactions: dict[str, Interaction] = {}
        self.nonces: dict[str, Message] = {}
        self.cdn_url = ""
        self.listeners: list[Callable[[Event], None]] = []

    @property
    def application_flags(self) -> int:
        """The application's flags, which tell bots whether they have the message content intent."""
        return _GATEWAY_MESSAGE_CONTENT_LIMITED if self.content_granted else 0

    def publish(self, event: Event) -> None:
        """Send an event; from guilds without the bot, it receives only interactions."""
        guild = self.guilds.get(event.guild_id or 0)
        if guild is None or guild.joined or event.intent is NO_INTENT:
            for listener in self.listeners:
                listener(event)
        self.changes.notify()

    def add_guild(
        self,
        name: str,
        shard: tuple[int, int] | None = None,
        *,
        joined: bool = True,
        system_channel: str | None = None,
    ) -> Guild:
        """Add a guild; ``shard=(1, 2)`` puts it on the second of two shards."""
        snowflake = self.ids.next()
        while shard and (snowflake >> 22) % shard[1] != shard[0]:
            snowflake = self.ids.next()
        # Channels created before the bot joins are part of GUILD_CREATE.
        guild = Guild(snowflake, self, name, joined=False)
        self.guilds[guild.id] = guild
        if system_channel is not None:
            guild.system_channel = guild.add_text_channel(system_channel)
        if joined:
            guild.add_bot()
        return guild

    def dm_channel(self, user: User) -> Channel:
        """Return the bot's DM channel with a user, and create it if necessary."""
        for channel in self.channels.values():
            if channel.type is ChannelType.DM and channel.recipients == [user]:
                return channel
        return self._add_private_channel(ChannelType.DM, [user])

    def add_group_dm(self, users: list[User]) -> Channel:
        """Create a group DM without the bot."""
        return self._add_private_channel(ChannelType.GROUP_DM, users)

    def _add_private_channel(self, kind: ChannelType, users: list[User]) -> Channel:
        name = ", ".join(user.name for user in users)
        channel = Channel(self.ids.next(), self, kind, name, recipients=users)
        self.channels[channel.id] = channel
        return channel

    def channel(self, snowflake: int) -> Channel:
        channel = self.channels.get(snowflake)
        if channel is None:
            raise unknown("Channel")
        return channel

    def guild(self, snowflake: int) -> Guild:
        guild = self.guilds.get(snowflake)
        if guild is None:
            raise unknown("Guild")
        return guild

    def user(self, snowflake: int) -> User:
        for user in self.users():
            if user.id == snowflake:
                return user
        raise unknown("User")

    def users(self) -> list[User]:
        members = [m.user for guild in self.guilds.values() for m in guild.members.values()]
        return [self.bot, self.owner, *members]
