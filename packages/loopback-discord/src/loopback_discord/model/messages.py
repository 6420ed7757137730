"""A message as it is stored, and as it is told to a reader.

https://docs.discord.com/developers/resources/message#message-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.stand_ins.discord.snowflakes import created_at

if TYPE_CHECKING:
    from tests.stand_ins.discord.attachments import Attachment
    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.interactions import Interaction
    from tests.stand_ins.discord.people import User
    from tests.stand_ins.discord.refusals import Json

# https://docs.discord.com/developers/resources/message#message-object-message-flags
HAS_THREAD = 1 << 5
EPHEMERAL = 1 << 6
LOADING = 1 << 7
SILENT = 1 << 12
COMPONENTS_V2 = 1 << 15

_PLAIN, _THREAD_CREATED, _REPLY, _COMMAND, _STARTER, _MENU = 0, 18, 19, 20, 21, 23
_FORWARD = 1


@dataclass(frozen=True)
class Reference:
    """Points at another message, to reply to it or to forward it."""

    message: Message
    forward: bool = False

    @property
    def message_id(self) -> int:
        return self.message.id

    def as_json(self) -> Json:
        return {
            "type": _FORWARD if self.forward else 0,
            "message_id": str(self.message.id),
            "channel_id": str(self.message.channel.id),
        } | self.message.channel.guild_part()


@dataclass(eq=False)
class Message:
    """A message; it changes in place when it is edited, reacted to or deleted."""

    id: int
    channel: Channel
    author: User
    content: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    flags: int = 0
    reference: Reference | None = None
    allowed_mentions: Json | None = None
    nonce: str | None = None
    interaction: Interaction | None = None
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reactions: dict[str, list[User]] = field(default_factory=dict)
    thread: Channel | None = None
    announces: Channel | None = None
    edited_at: str | None = None
    past_contents: list[str] = field(default_factory=list)
    deleted: bool = False

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def silent(self) -> bool:
        """Whether it came without a notification."""
        return bool(self.flags & SILENT)

    @property
    def command(self) -> Json | None:
        """The command it answers, if it does."""
        return self.interaction.command if self.interaction else None

    @property
    def loading(self) -> bool:
        """Whether people see "is thinking…" in its place."""
        return bool(self.flags & LOADING)

    @property
    def kind(self) -> int:
        if self.announces is not None:
            return _THREAD_CREATED
        if self.command is not None:
            return _COMMAND if self.command["type"] == 1 else _MENU
        if self.reference is None or self.reference.forward:
            return _PLAIN
        # A thread begins with a pointer to the message it was made from.
        return _REPLY if self.reference.message.thread is not self.channel else _STARTER

    def replies_to(self, message: Message) -> bool:
        reference = self.reference
        return bool(reference and not reference.forward and reference.message is message)


def message_json(message: Message, *, readable: bool) -> Json:
    """Tell a message as REST does; without the content intent most of it is left empty."""
    body = _bare(message, readable=readable)
    reference = message.reference
    if reference is None:
        return body
    body["message_reference"] = reference.as_json()
    if reference.forward:
        body["message_snapshots"] = [_snapshot(reference.message, shown=_shown(message, readable))]
    elif reference.message.deleted:
        body["referenced_message"] = None
    else:
        body["referenced_message"] = _bare(reference.message, readable=readable)
    return body


def gateway_json(message: Message, *, readable: bool) -> Json:
    """Tell a message as the gateway does: with the guild and the author's membership."""
    body = message_json(message, readable=readable) | message.channel.guild_part()
    guild = message.channel.guild
    member = guild.members.get(message.author.id) if guild else None
    return body | ({"member": member.as_json(user=False)} if member else {})


def _bare(message: Message, *, readable: bool) -> Json:
    return {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "author": message.author.as_json(),
        "timestamp": created_at(message.id),
        "edited_timestamp": message.edited_at,
        "tts": False,
        "pinned": False,
        "type": message.kind,
        "flags": message.flags,
        "mention_everyone": message.mention_everyone,
        "mentions": [user.as_json() for user in message.mentions],
        "mention_roles": [str(role) for role in message.mention_roles],
        **_written(message, shown=_shown(message, readable)),
        **_optional(message),
    }


def _shown(message: Message, readable: bool) -> bool:  # noqa: FBT001 - its one caller's flag
    """Return whether content is shown: intent, own message, direct message or mention."""
    bot = message.channel.world.bot
    return (
        readable
        or message.author is bot
        or message.channel.guild is None
        or bot in message.mentions
    )


def _written(message: Message, *, shown: bool) -> Json:
    return {
        "content": message.content if shown else "",
        "attachments": [item.as_json() for item in message.attachments] if shown else [],
        "embeds": message.embeds if shown else [],
        "components": message.components if shown else [],
    }


def _snapshot(message: Message, *, shown: bool) -> Json:
    """A forward carries what was written and when, and not by whom."""
    told = {
        "type": message.kind,
        "timestamp": created_at(message.id),
        "edited_timestamp": message.edited_at,
        "flags": message.flags,
        "mentions": [],
        "mention_roles": [],
    }
    return {"message": told | _written(message, shown=shown)}


def _optional(message: Message) -> Json:
    found: Json = {}
    if message.nonce is not None:
        found["nonce"] = message.nonce
    if message.announces is not None:
        place = {"type": 0, "channel_id": str(message.announces.id)}
        found["message_reference"] = place | message.announces.guild_part()
    if message.thread is not None:
        found["thread"] = message.thread.as_json()
    if message.reactions:
        found["reactions"] = [_reaction(message, emoji) for emoji in message.reactions]
    if message.interaction is not None:
        application = str(message.channel.world.bot.id)
        found |= {"application_id": application, "webhook_id": application}
        found["interaction_metadata"] = message.interaction.metadata()
    return found


def _reaction(message: Message, emoji: str) -> Json:
    users = message.reactions[emoji]
    return {
        "emoji": {"id": None, "name": emoji},
        "count": len(users),
        "count_details": {"normal": len(users), "burst": 0},
        "burst_colors": [],
        "me": message.channel.world.bot in users,
        "me_burst": False,
    }
