"""Channels: of a server (text, voice, forums, threads) and private ones.

https://docs.discord.com/developers/resources/channel#channel-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from tests.stand_ins.discord.events import Intent, plain
from tests.stand_ins.discord.overwrites import Overwrites
from tests.stand_ins.discord.permissions import EVERYTHING, FOREIGN, NOTHING, Permission
from tests.stand_ins.discord.snowflakes import created_at

if TYPE_CHECKING:
    from tests.stand_ins.discord.guilds import Guild, Role
    from tests.stand_ins.discord.messages import Message
    from tests.stand_ins.discord.people import Member, User
    from tests.stand_ins.discord.refusals import Json
    from tests.stand_ins.discord.world import World


class ChannelKind(IntEnum):
    """The channel types there are here."""

    TEXT = 0
    DIRECT = 1
    VOICE = 2
    GROUP = 3
    CATEGORY = 4
    THREAD = 11
    PRIVATE_THREAD = 12
    FORUM = 15


THREADS = {ChannelKind.THREAD, ChannelKind.PRIVATE_THREAD}


@dataclass(eq=False)
class Channel:
    """Where messages are; ``deny`` and ``allow`` set who may do what here.

    ``parent`` is a thread's channel or a channel's category; ``thread_members`` has who is in a
    private thread.
    """

    id: int
    world: World = field(repr=False)
    kind: ChannelKind
    name: str
    guild: Guild | None = field(default=None, repr=False)
    parent: Channel | None = field(default=None, repr=False)
    recipients: list[User] = field(default_factory=list)
    nsfw: bool = False
    messages: dict[int, Message] = field(default_factory=dict, repr=False)
    thread_members: set[int] = field(default_factory=set)
    overwrites: Overwrites = field(default_factory=Overwrites, repr=False)
    typing: int = 0

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    @property
    def me(self) -> Member:
        """The bot, in this channel's server."""
        assert self.guild is not None
        return self.guild.me

    @property
    def is_thread(self) -> bool:
        return self.kind in THREADS

    @property
    def place(self) -> Channel:
        """The channel whose overwrites count: a thread has none of its own."""
        return self.parent if self.is_thread and self.parent else self

    def deny(self, whom: Role | Member, permissions: Permission) -> None:
        self.overwrites.deny(whom, permissions)
        self.announce("CHANNEL_UPDATE")

    def allow(self, whom: Role | Member, permissions: Permission) -> None:
        self.overwrites.allow(whom, permissions)
        self.announce("CHANNEL_UPDATE")

    def deny_bot(self, permissions: Permission) -> None:
        self.deny(self.me, permissions)

    def allow_bot(self, permissions: Permission) -> None:
        self.allow(self.me, permissions)

    def bot_may(self, permissions: Permission) -> bool:
        return permissions & self.bot_permissions() == permissions

    def bot_permissions(self) -> Permission:
        if self.guild:
            return self.permissions_of(self.guild.me) if self.guild.joined else NOTHING
        return EVERYTHING if self.kind is ChannelKind.DIRECT else NOTHING

    def app_permissions(self) -> Permission:
        """What an interaction is told: where the bot is not, what an answer to one may carry."""
        return self.bot_permissions() or FOREIGN

    def permissions_of(self, member: Member) -> Permission:
        """Return what a member may do here, overwrites of roles and of the member counted."""
        if member.permissions == EVERYTHING:
            return EVERYTHING
        given = self.place.overwrites.apply(member)
        if self.kind is ChannelKind.PRIVATE_THREAD and member.user.id not in self.thread_members:
            given = given if given & Permission.MANAGE_THREADS else NOTHING
        return given if given & Permission.VIEW_CHANNEL else NOTHING

    def add_thread(
        self,
        name: str,
        *,
        starter: Message | None = None,
        private: bool = False,
        members: tuple[Member, ...] = (),
    ) -> Channel:
        """Open a thread, from a message of this channel or from nothing."""
        # A thread made from a message has that message's id.
        snowflake = starter.id if starter else self.world.ids.next()
        kind = ChannelKind.PRIVATE_THREAD if private else ChannelKind.THREAD
        thread = Channel(snowflake, self.world, kind, name, self.guild, parent=self)
        thread.thread_members = {member.user.id for member in members}
        self.world.channels[thread.id] = thread
        thread.announce("THREAD_CREATE", newly_created=True)
        return thread

    def guild_part(self) -> Json:
        return {"guild_id": str(self.guild.id)} if self.guild else {}

    def announce(self, name: str, **more: object) -> None:
        guild_id = self.guild.id if self.guild else None
        if self.kind is ChannelKind.PRIVATE_THREAD and not self.bot_permissions():
            return
        self.world.publish(plain(name, guild_id, Intent.GUILDS, self.as_json() | more))

    def as_json(self) -> Json:
        last = str(max(self.messages)) if self.messages else None
        shared = {"id": str(self.id), "type": int(self.kind), "flags": 0, "last_message_id": last}
        if self.guild is None:
            shared["recipients"] = [user.as_json() for user in self.recipients]
            group = {"name": self.name, "icon": None, "owner_id": str(self.recipients[0].id)}
            return shared | (group if self.kind is ChannelKind.GROUP else {})
        body = shared | self.guild_part() | {"name": self.name, "rate_limit_per_user": 0}
        parent = {"parent_id": str(self.parent.id) if self.parent else None}
        return body | parent | (self._thread_part() if self.is_thread else self._own_part())

    def _own_part(self) -> Json:
        body: Json = {
            "topic": None,
            "position": 0,
            "nsfw": self.nsfw,
            "permission_overwrites": self.overwrites.as_json(),
        }
        if self.kind is ChannelKind.VOICE:
            body |= {"bitrate": 64_000, "user_limit": 0, "rtc_region": None}
        if self.kind is ChannelKind.FORUM:
            body |= {
                "available_tags": [],
                "default_forum_layout": 0,
                "default_sort_order": None,
                "default_reaction_emoji": None,
            }
        return body

    def _thread_part(self) -> Json:
        return {
            "owner_id": str(self.world.bot.id),
            "message_count": len(self.messages),
            "member_count": 1,
            "total_message_sent": len(self.messages),
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": created_at(self.id),
                "locked": False,
            },
        }
