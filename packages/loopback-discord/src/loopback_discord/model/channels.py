"""Channels: text, voice and forum channels, threads, DMs and group DMs.

https://docs.discord.com/developers/resources/channel#channel-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from loopback_discord.api import created_at
from loopback_discord.events import Intent, fixed_event
from loopback_discord.model.roles import (
    ALL_PERMISSIONS,
    NO_PERMISSIONS,
    USER_INSTALL_PERMISSIONS,
    Permission,
    Role,
)

if TYPE_CHECKING:
    from loopback_discord.api import Json
    from loopback_discord.model.guilds import Guild
    from loopback_discord.model.messages import Message
    from loopback_discord.model.state import State
    from loopback_discord.model.users import Member, User


class ChannelType(IntEnum):
    """The types of channels."""

    TEXT = 0
    DM = 1
    VOICE = 2
    GROUP_DM = 3
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    FORUM = 15


@dataclass(eq=False)
class Channel:
    """A channel and its messages; ``parent`` is the channel that a thread belongs to.

    ``typing`` counts how often the bot triggered its typing indicator here. ``thread_members`` are
    the people in a thread, as far as a test says so.
    """

    id: int
    state: State = field(repr=False)
    type: ChannelType
    name: str
    guild: Guild | None = field(default=None, repr=False)
    parent: Channel | None = field(default=None, repr=False)
    recipients: list[User] = field(default_factory=list)
    nsfw: bool = False
    messages: dict[int, Message] = field(default_factory=dict, repr=False)
    typing: int = 0
    thread_members: list[User] = field(default_factory=list, repr=False)
    _denied_to_bot: Permission = NO_PERMISSIONS
    _overwrites: list[Json] = field(default_factory=list, repr=False)

    @property
    def is_thread(self) -> bool:
        return self.type in {ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD}

    def deny_bot(self, permissions: Permission) -> None:
        """Deny the bot permissions in this channel."""
        self._denied_to_bot |= permissions
        self.announce("CHANNEL_UPDATE")

    def allow_bot(self, permissions: Permission) -> None:
        """Take ``deny_bot`` back."""
        self._denied_to_bot &= ~permissions
        self.announce("CHANNEL_UPDATE")

    def set_overwrite(
        self,
        target: Role | Member,
        *,
        allow: Permission = NO_PERMISSIONS,
        deny: Permission = NO_PERMISSIONS,
    ) -> None:
        """Allow and deny a role or a member permissions in this channel.

        The bot hears of it, but what people and the bot may do here is not changed by it.
        """
        is_role = isinstance(target, Role)
        snowflake = target.id if isinstance(target, Role) else target.user.id
        permissions = {"allow": str(int(allow)), "deny": str(int(deny))}
        self._overwrites.append({"id": str(snowflake), "type": 0 if is_role else 1, **permissions})
        self.announce("CHANNEL_UPDATE")

    def delete(self) -> None:
        """Delete the channel."""
        del self.state.channels[self.id]
        self.announce("THREAD_DELETE" if self.is_thread else "CHANNEL_DELETE")

    def bot_may(self, permissions: Permission) -> bool:
        return permissions & self.bot_permissions() == permissions

    def bot_permissions(self) -> Permission:
        if self.guild is None:
            return ALL_PERMISSIONS if self.type is ChannelType.DM else NO_PERMISSIONS
        if not self.guild.joined:
            return NO_PERMISSIONS
        # A thread has the permissions of its parent.
        channel = self.parent or self
        allowed = self.guild.me.permissions & ~channel._denied_to_bot  # noqa: SLF001 - a channel, too
        return allowed if allowed & Permission.VIEW_CHANNEL else NO_PERMISSIONS

    def app_permissions(self) -> Permission:
        """Return the ``app_permissions`` of interactions in this channel."""
        return self.bot_permissions() or USER_INSTALL_PERMISSIONS

    def permissions_of(self, member: Member) -> Permission:
        if self.guild is not None and member is self.guild.me:
            return self.bot_permissions()
        return member.permissions

    def add_thread(
        self, name: str, *, starter: Message | None = None, private: bool = False
    ) -> Channel:
        """Create a thread, from a message of this channel or without one."""
        # A thread created from a message has the same id as that message.
        snowflake = starter.id if starter else self.state.ids.next()
        kind = ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD
        thread = Channel(snowflake, self.state, kind, name, self.guild, parent=self)
        self.state.channels[thread.id] = thread
        thread.announce("THREAD_CREATE", newly_created=True)
        return thread

    def guild_id_json(self) -> Json:
        """Return the ``guild_id`` field, or nothing for a private channel."""
        return {"guild_id": str(self.guild.id)} if self.guild else {}

    def announce(self, event: str, **fields: object) -> None:
        """Send an event about this channel."""
        guild_id = self.guild.id if self.guild else None
        self.state.publish(fixed_event(event, guild_id, Intent.GUILDS, self.to_json() | fields))

    def to_json(self) -> Json:
        last = str(max(self.messages)) if self.messages else None
        body = {"id": str(self.id), "type": int(self.type), "flags": 0, "last_message_id": last}
        if self.guild is None:
            return body | self._private_channel_fields()
        body |= self.guild_id_json() | {"name": self.name, "rate_limit_per_user": 0}
        body["parent_id"] = str(self.parent.id) if self.parent else None
        return body | (self._thread_fields() if self.is_thread else self._guild_channel_fields())

    def _private_channel_fields(self) -> Json:
        fields: Json = {"recipients": [user.to_json() for user in self.recipients]}
        if self.type is ChannelType.GROUP_DM:
            owner = str(self.recipients[0].id)
            fields |= {"name": self.name, "icon": None, "owner_id": owner}
        return fields

    def _guild_channel_fields(self) -> Json:
        fields: Json = {
            "topic": None,
            "position": 0,
            "nsfw": self.nsfw,
            "permission_overwrites": self._permission_overwrites(),
        }
        if self.type is ChannelType.VOICE:
            fields |= {"bitrate": 64_000, "user_limit": 0, "rtc_region": None}
        if self.type is ChannelType.FORUM:
            fields |= {
                "available_tags": [],
                "default_forum_layout": 0,
                "default_sort_order": None,
                "default_reaction_emoji": None,
            }
        return fields

    def _permission_overwrites(self) -> list[Json]:
        """Return the overwrites, with one for the bot if it was denied something."""
        if not self._denied_to_bot:
            return self._overwrites
        denied = str(int(self._denied_to_bot))
        return [
            *self._overwrites,
            {"id": str(self.state.bot.id), "type": 1, "allow": "0", "deny": denied},
        ]

    def _thread_fields(self) -> Json:
        return {
            "owner_id": str(self.state.bot.id),
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
