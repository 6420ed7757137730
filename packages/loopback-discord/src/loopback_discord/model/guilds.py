"""Guilds, with their members and channels.

https://docs.discord.com/developers/resources/guild#guild-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loopback_discord.api import created_at
from loopback_discord.events import Intent, fixed_event
from loopback_discord.model.channels import Channel, ChannelType
from loopback_discord.model.roles import DEFAULT_PERMISSIONS, NO_PERMISSIONS, Permission, Role
from loopback_discord.model.users import Member, User
from loopback_discord.model.webhooks import Webhook

if TYPE_CHECKING:
    from loopback_discord.api import Json
    from loopback_discord.model.state import State

# Optional fields that are never set here.
_EMPTY_FIELDS = (
    *("icon", "splash", "banner", "description", "home_header", "discovery_splash"),
    *("application_id", "afk_channel_id", "widget_channel_id"),
    *("rules_channel_id", "safety_alerts_channel_id", "public_updates_channel_id"),
    *("max_presences", "vanity_url_code", "incidents_data"),
)


@dataclass(eq=False)
class Guild:
    """A guild; the bot receives an event for everything added to it once it has ``joined``."""

    id: int
    state: State = field(repr=False)
    name: str
    locale: str = "en-US"
    joined: bool = False
    system_channel: Channel | None = field(default=None, repr=False)
    roles: dict[int, Role] = field(default_factory=dict, repr=False)
    members: dict[int, Member] = field(default_factory=dict, repr=False)
    owner: Member = field(init=False, repr=False)
    me: Member = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # The id of the role @everyone is the id of the guild.
        self.roles[self.id] = Role(self.id, "@everyone", DEFAULT_PERMISSIONS)
        owner = User(self.state.ids.next(), "owner")
        self.owner = self._add_member(owner, Permission.ADMINISTRATOR)
        self.me = Member(self, self.state.bot)

    @property
    def channels(self) -> list[Channel]:
        return [channel for channel in self.state.channels.values() if channel.guild is self]

    def add_text_channel(self, name: str, *, nsfw: bool = False) -> Channel:
        return self._add_channel(ChannelType.TEXT, name, nsfw=nsfw)

    def add_voice_channel(self, name: str) -> Channel:
        """Add a voice channel; people can post messages in it, too."""
        return self._add_channel(ChannelType.VOICE, name)

    def add_forum(self, name: str) -> Channel:
        return self._add_channel(ChannelType.FORUM, name)

    def add_bot(self) -> None:
        """Let the bot join."""
        self.joined = True
        self.members[self.me.user.id] = self.me
        body = self.create_json(joining=True)
        self.state.publish(fixed_event("GUILD_CREATE", self.id, Intent.GUILDS, body))

    def kick_bot(self) -> None:
        """Remove the bot from the guild."""
        body = {"id": str(self.id)}  # without "unavailable", which would mean an outage
        self.state.publish(fixed_event("GUILD_DELETE", self.id, Intent.GUILDS, body))
        self.joined = False
        del self.members[self.me.user.id]

    def add_webhook(self, channel: Channel, application_id: int | None = None) -> Webhook:
        """Add a webhook to a channel, made by a bot if there is an ``application_id``."""
        return Webhook(self.state.ids.next(), channel, application_id)

    def add_role(self, name: str, permissions: Permission = NO_PERMISSIONS) -> Role:
        role = Role(self.state.ids.next(), name, permissions, position=len(self.roles))
        self.roles[role.id] = role
        if self.id in self.state.guilds:
            body = {"guild_id": str(self.id), "role": role.to_json()}
            self.state.publish(fixed_event("GUILD_ROLE_CREATE", self.id, Intent.GUILDS, body))
        return role

    def add_member(
        self,
        name: str,
        permissions: Permission = NO_PERMISSIONS,
        *,
        installed: bool = False,
        locale: str = "en-US",
    ) -> Member:
        """Add a person; they have these permissions in addition to those of @everyone.

        ``installed`` says whether they have installed the app to their own account.
        """
        user = User(self.state.ids.next(), name, locale=locale, installed=installed)
        member = self._add_member(user, permissions)
        body = member.to_json() | {"guild_id": str(self.id)}
        self.state.publish(fixed_event("GUILD_MEMBER_ADD", self.id, Intent.GUILD_MEMBERS, body))
        return member

    def to_json(self) -> Json:
        """Return the guild object as REST has it."""
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.user.id),
            "region": "deprecated",
            **dict.fromkeys(_EMPTY_FIELDS),
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
            "roles": [role.to_json() for role in self.roles.values()],
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

    def partial_json(self) -> Json:
        """Return the guild object of the bot's list of guilds."""
        return {
            "id": str(self.id),
            "name": self.name,
            "icon": None,
            "banner": None,
            "owner": False,
            "permissions": str(int(self.me.permissions)),
            "features": [],
        }

    def create_json(self, *, joining: bool = False) -> Json:
        """Return the guild object of GUILD_CREATE for a session without the members intent.

        It has the field ``unavailable`` only if the bot was in the guild before.
        """
        channels = [channel.to_json() for channel in self.channels if not channel.is_thread]
        threads = [channel.to_json() for channel in self.channels if channel.is_thread]
        fields = {
            "large": False,
            "joined_at": created_at(self.id),
            "member_count": len(self.members),
            "members": [self.me.to_json()],
            "channels": channels,
            "threads": threads,
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }
        return self.to_json() | fields | ({} if joining else {"unavailable": False})

    def _add_channel(self, kind: ChannelType, name: str, *, nsfw: bool = False) -> Channel:
        channel = Channel(self.state.ids.next(), self.state, kind, name, self, nsfw=nsfw)
        self.state.channels[channel.id] = channel
        channel.announce("CHANNEL_CREATE")
        return channel

    def _add_member(self, user: User, permissions: Permission) -> Member:
        member = Member(self, user)
        if permissions:
            member.roles.append(self.add_role(f"{user.name}'s role", permissions))
        self.members[user.id] = member
        return member
