"""Channels: text channels, threads and direct messages.

https://docs.discord.com/developers/resources/channel#channel-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.stand_ins.discord.events import Intent, plain
from tests.stand_ins.discord.permissions import EVERYTHING, NOTHING, Permission
from tests.stand_ins.discord.snowflakes import created_at

if TYPE_CHECKING:
    from tests.stand_ins.discord.guilds import Guild
    from tests.stand_ins.discord.messages import Message
    from tests.stand_ins.discord.people import User
    from tests.stand_ins.discord.refusals import Json
    from tests.stand_ins.discord.world import World

TEXT, DIRECT, THREAD = 0, 1, 11


@dataclass(eq=False)
class Channel:
    """Where messages are; ``deny_bot`` and ``allow_bot`` set what the bot may not do here."""

    id: int
    world: World = field(repr=False)
    kind: int
    name: str
    guild: Guild | None = field(default=None, repr=False)
    parent: Channel | None = field(default=None, repr=False)
    recipient: User | None = None
    messages: dict[int, Message] = field(default_factory=dict, repr=False)
    denied: Permission = NOTHING
    typing: int = 0

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    def deny_bot(self, permissions: Permission) -> None:
        self._set_denied(self.denied | permissions)

    def allow_bot(self, permissions: Permission) -> None:
        self._set_denied(self.denied ^ (self.denied & permissions))

    def bot_may(self, permissions: Permission) -> bool:
        return permissions & self.bot_permissions() == permissions

    def bot_permissions(self) -> Permission:
        if self.guild is None:
            return EVERYTHING
        given = self.guild.me.permissions
        if given & Permission.ADMINISTRATOR:
            return EVERYTHING
        allowed = given ^ (given & (self.parent or self).denied)
        return allowed if allowed & Permission.VIEW_CHANNEL else NOTHING

    def add_thread(self, name: str, *, starter: Message | None = None) -> Channel:
        """Open a public thread, from a message of this channel or from nothing."""
        # A thread made from a message has that message's id.
        snowflake = starter.id if starter else self.world.ids.next()
        thread = Channel(snowflake, self.world, THREAD, name, self.guild, parent=self)
        self.world.channels[thread.id] = thread
        thread.announce("THREAD_CREATE", newly_created=True)
        return thread

    def guild_part(self) -> Json:
        return {"guild_id": str(self.guild.id)} if self.guild else {}

    def announce(self, name: str, **more: object) -> None:
        guild_id = self.guild.id if self.guild else None
        self.world.publish(plain(name, guild_id, Intent.GUILDS, self.as_json() | more))

    def as_json(self) -> Json:
        last = str(max(self.messages)) if self.messages else None
        shared = {"id": str(self.id), "type": self.kind, "flags": 0, "last_message_id": last}
        if self.kind == DIRECT:
            recipients = [self.recipient.as_json()] if self.recipient else []
            return shared | {"recipients": recipients}
        body = shared | self.guild_part() | {"name": self.name, "rate_limit_per_user": 0}
        return body | (self._thread_part() if self.kind == THREAD else self._text_part())

    def _set_denied(self, denied: Permission) -> None:
        self.denied = denied
        self.announce("CHANNEL_UPDATE")

    def _text_part(self) -> Json:
        overwrite = {
            "id": str(self.world.bot.id),
            "type": 1,
            "allow": "0",
            "deny": str(int(self.denied)),
        }
        return {
            "topic": None,
            "position": 0,
            "nsfw": False,
            "parent_id": None,
            "permission_overwrites": [overwrite] if self.denied else [],
        }

    def _thread_part(self) -> Json:
        return {
            "parent_id": str(self.parent.id) if self.parent else None,
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
