"""The objects that an interaction's options, targets and chosen values point at.

https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-resolved-data-structure
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.stand_ins.discord import posting
from tests.stand_ins.discord.attachments import Upload, as_upload
from tests.stand_ins.discord.messages import message_json

if TYPE_CHECKING:
    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.guilds import Role
    from tests.stand_ins.discord.messages import Message
    from tests.stand_ins.discord.people import Member, User
    from tests.stand_ins.discord.refusals import Json


@dataclass
class Resolved:
    """Collects what is sent along; each method returns the id to put in its place."""

    channel: Channel
    member_here: Member
    bodies: dict[str, Json] = field(default_factory=dict)

    def message(self, message: Message) -> str:
        # The target of a context menu is told in full, whatever the intents.
        return self._put("messages", message.id, message_json(message, readable=True))

    def member(self, member: Member) -> str:
        body = member.interaction_json(self.channel)
        self._put("members", member.user.id, {k: v for k, v in body.items() if k != "user"})
        return self._put("users", member.user.id, member.user.as_json())

    def user(self, user: User) -> str:
        return self._put("users", user.id, user.as_json())

    def role(self, role: Role) -> str:
        return self._put("roles", role.id, role.as_json())

    def place(self, channel: Channel) -> str:
        """A channel is told with the permissions of who used the command."""
        told = channel.as_json()
        if channel.guild:
            told["permissions"] = str(int(channel.permissions_of(self.member_here)))
        return self._put("channels", channel.id, told)

    def file(self, file: Upload | tuple[str, bytes] | tuple[str, bytes, str]) -> str:
        attachment = posting.attach(self.channel, as_upload(file), ephemeral=True)
        return self._put("attachments", attachment.id, attachment.as_json())

    def known(self, value: Any) -> Any:
        """Return what an id names in this server; anything else is returned as it came."""
        guild = self.channel.guild
        if not isinstance(value, int) or guild is None:
            return value
        channel = self.channel.world.channels.get(value)
        return guild.members.get(value) or guild.roles.get(value) or channel or value

    def _put(self, group: str, snowflake: int, body: Json) -> str:
        self.bodies.setdefault(group, {})[str(snowflake)] = body
        return str(snowflake)
