"""Everything that exists on this Discord, and whom to tell when it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.stand_ins.discord.channels import Channel, ChannelKind
from tests.stand_ins.discord.commands import CommandBook
from tests.stand_ins.discord.events import ALWAYS, Event
from tests.stand_ins.discord.guilds import Guild
from tests.stand_ins.discord.people import User
from tests.stand_ins.discord.refusals import unknown
from tests.stand_ins.discord.snowflakes import Snowflakes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stand_ins.discord.attachments import Attachment
    from tests.stand_ins.discord.interactions import Interaction
    from tests.stand_ins.discord.messages import Message
    from tests.stand_ins.discord.waiting import Changes

# https://docs.discord.com/developers/resources/application#application-object-application-flags
_CONTENT_LIMITED = 1 << 19


class World:
    """The state; ``listeners`` are handed every event, ``changes`` wakes whoever waits."""

    def __init__(self, changes: Changes, *, content_granted: bool) -> None:
        self.changes = changes
        self.content_granted = content_granted
        self.ids = Snowflakes()
        self.bot = User(self.ids.next(), "framehound", bot=True)
        self.owner = User(self.ids.next(), "operator")
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.attachments: dict[int, Attachment] = {}
        self.commands = CommandBook(self.ids, self.bot.id)
        self.interactions: dict[str, Interaction] = {}
        self.nonces: dict[str, Message] = {}
        self.cdn_root = ""
        self.listeners: list[Callable[[Event], None]] = []

    @property
    def flags(self) -> int:
        """The application's flags; a bot reads here whether it may ask for message content."""
        return _CONTENT_LIMITED if self.content_granted else 0

    def publish(self, event: Event) -> None:
        """Tell of an event; of a server the bot is not in it hears interactions alone."""
        guild = self.guilds.get(event.guild_id or 0)
        if guild is None or guild.joined or event.intent is ALWAYS:
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
        """Add a server; ``shard=(1, 2)`` for one of the second of two."""
        snowflake = self.ids.next()
        while shard and (snowflake >> 22) % shard[1] != shard[0]:
            snowflake = self.ids.next()
        # What there is before the bot joins is told with the server, not by itself.
        guild = Guild(snowflake, self, name, joined=False)
        self.guilds[guild.id] = guild
        if system_channel is not None:
            guild.system_channel = guild.add_text_channel(system_channel)
        if joined:
            guild.let_bot_join()
        return guild

    def direct_channel(self, user: User) -> Channel:
        """Return the bot's private channel with somebody, opened at need."""
        for channel in self.channels.values():
            if channel.kind is ChannelKind.DIRECT and channel.recipients == [user]:
                return channel
        return self._add_private(ChannelKind.DIRECT, [user])

    def add_group(self, users: list[User]) -> Channel:
        """Let people talk among themselves, without the bot."""
        return self._add_private(ChannelKind.GROUP, users)

    def _add_private(self, kind: ChannelKind, users: list[User]) -> Channel:
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
