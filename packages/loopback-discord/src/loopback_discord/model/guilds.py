"""A server: its roles, members and channels.

https://docs.discord.com/developers/resources/guild#guild-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.stand_ins.discord.channels import Channel, ChannelKind
from tests.stand_ins.discord.events import Intent, plain
from tests.stand_ins.discord.people import Member, User
from tests.stand_ins.discord.permissions import NOTHING, USUAL, Permission
from tests.stand_ins.discord.snowflakes import created_at

if TYPE_CHECKING:
    from tests.stand_ins.discord.refusals import Json
    from tests.stand_ins.discord.world import World

# What a server's owner may set and this one has not.
_UNSET = (
    *("icon", "splash", "banner", "description", "home_header", "discovery_splash"),
    *("application_id", "afk_channel_id", "widget_channel_id"),
    *("rules_channel_id", "safety_alerts_channel_id", "public_updates_channel_id"),
    *("max_presences", "vanity_url_code", "incidents_data"),
)


@dataclass(frozen=True)
class Role:
    """A named set of permissions."""

    id: int
    name: str
    permissions: Permission
    position: int = 0

    def as_json(self) -> Json:
        return {
            "id": str(self.id),
            "name": self.name,
            "permissions": str(int(self.permissions)),
            "position": self.position,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "icon": None,
            "unicode_emoji": None,
            "flags": 0,
        }


@dataclass(eq=False)
class Guild:
    """A server; what is added to it is announced to the bot at once, if that has ``joined``."""

    id: int
    world: World = field(repr=False)
    name: str
    locale: str = "en-US"
    joined: bool = False
    system_channel: Channel | None = field(default=None, repr=False)
    roles: dict[int, Role] = field(default_factory=dict, repr=False)
    members: dict[int, Member] = field(default_factory=dict, repr=False)
    owner: Member = field(init=False, repr=False)
    me: Member = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # The role everybody has carries the guild's own id.
        self.roles[self.id] = Role(self.id, "@everyone", USUAL)
        self.owner = self._enrol(User(self.world.ids.next(), "owner"), Permission.ADMINISTRATOR)
        self.me = Member(self, self.world.bot)

    @property
    def channels(self) -> list[Channel]:
        return [channel for channel in self.world.channels.values() if channel.guild is self]

    def add_text_channel(
        self, name: str, *, nsfw: bool = False, category: Channel | None = None
    ) -> Channel:
        return self._add(ChannelKind.TEXT, name, nsfw=nsfw, parent=category)

    def add_voice_channel(self, name: str, *, category: Channel | None = None) -> Channel:
        """Add a channel to talk in; people write in it, too."""
        return self._add(ChannelKind.VOICE, name, parent=category)

    def add_forum(self, name: str, *, nsfw: bool = False) -> Channel:
        return self._add(ChannelKind.FORUM, name, nsfw=nsfw)

    def add_category(self, name: str) -> Channel:
        return self._add(ChannelKind.CATEGORY, name)

    def let_bot_join(self) -> None:
        self.joined = True
        self.members[self.me.user.id] = self.me
        body = self.create_json(joining=True)
        self.world.publish(plain("GUILD_CREATE", self.id, Intent.GUILDS, body))

    def kick_bot(self) -> None:
        """Put the bot out of this server."""
        body = {"id": str(self.id)}  # an outage would be called "unavailable"
        self.world.publish(plain("GUILD_DELETE", self.id, Intent.GUILDS, body))
        self.joined = False
        del self.members[self.me.user.id]

    def _add(
        self,
        kind: ChannelKind,
        name: str,
        *,
        nsfw: bool = False,
        parent: Channel | None = None,
    ) -> Channel:
        snowflake = self.world.ids.next()
        channel = Channel(snowflake, self.world, kind, name, self, parent=parent, nsfw=nsfw)
        self.world.channels[channel.id] = channel
        channel.announce("CHANNEL_CREATE")
        return channel

    def add_role(self, name: str, permissions: Permission = NOTHING) -> Role:
        role = Role(self.world.ids.next(), name, permissions, position=len(self.roles))
        self.roles[role.id] = role
        if self.id in self.world.guilds:
            body = {"guild_id": str(self.id), "role": role.as_json()}
            self.world.publish(plain("GUILD_ROLE_CREATE", self.id, Intent.GUILDS, body))
        return role

    def add_member(
        self,
        name: str,
        permissions: Permission = NOTHING,
        *,
        installed: bool = False,
        locale: str = "en-US",
    ) -> Member:
        """Let a new person join, with these permissions on top of everybody's.

        ``installed`` for one who added the app to their own account.
        """
        user = User(self.world.ids.next(), name, locale=locale, installed=installed)
        member = self._enrol(user, permissions)
        body = member.as_json() | {"guild_id": str(self.id)}
        self.world.publish(plain("GUILD_MEMBER_ADD", self.id, Intent.GUILD_MEMBERS, body))
        return member

    def add_existing(self, user: User, permissions: Permission = NOTHING) -> Member:
        """Let somebody known from another guild join this one too."""
        return self._enrol(user, permissions)

    def as_json(self) -> Json:
        """The guild as REST tells it."""
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.user.id),
            "region": "deprecated",
            **dict.fromkeys(_UNSET),
            "system_channel_id": str(self.system_channel.id) if self.system_channel else None,
            "widget_enabled": False,
            "premium_progress_bar_enabled": False,
            "premium_subscription_count": 0,
            "nsfw": False,
            "max_members": 500_000,
            "max_video_channel_users": 25,
            "max_stage_video_channel_users": 50,
            "features": [],
            "emojis": [],
            "stickers": [],
            "roles": [role.as_json() for role in self.roles.values()],
            "preferred_locale": self.locale,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "afk_timeout": 300,
            "system_channel_flags": 0,
        }

    def create_json(self, *, joining: bool = False) -> Json:
        """The guild as GUILD_CREATE tells it, to a session without the members intent.

        Only one the bot was in before is said to be available.
        """
        told = [channel.as_json() for channel in self.channels if not channel.is_thread]
        threads = [
            channel.as_json()
            for channel in self.channels
            if channel.is_thread and channel.bot_permissions()
        ]
        available = {} if joining else {"unavailable": False}
        return (
            self.as_json()
            | available
            | {
                "large": False,
                "joined_at": created_at(self.id),
                "member_count": len(self.members),
                "members": [self.me.as_json()],
                "channels": told,
                "threads": threads,
                "voice_states": [],
                "presences": [],
                "stage_instances": [],
                "guild_scheduled_events": [],
                "soundboard_sounds": [],
            }
        )

    def _enrol(self, user: User, permissions: Permission) -> Member:
        member = Member(self, user)
        if permissions:
            role = self.add_role(f"{user.name}'s", permissions)
            member.roles.append(role)
        self.members[user.id] = member
        return member
