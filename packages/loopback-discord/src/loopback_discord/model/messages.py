"""Messages, and their JSON with or without the message content intent.

https://docs.discord.com/developers/resources/message#message-object
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from loopback_discord.api import created_at
from loopback_discord.model.commands import CommandType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loopback_discord.api import Json
    from loopback_discord.model.attachments import Attachment
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.interactions import Interaction
    from loopback_discord.model.users import User
    from loopback_discord.model.webhooks import Webhook

# https://docs.discord.com/developers/resources/message#message-object-message-flags
IS_CROSSPOST = 1 << 1
HAS_THREAD = 1 << 5
EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_NOTIFICATIONS = 1 << 12
COMPONENTS_V2 = 1 << 15

BUTTON, SELECT = 2, 3  # https://docs.discord.com/developers/components/reference#component-object

# https://docs.discord.com/developers/resources/message#message-object-message-types
_DEFAULT, _THREAD_CREATED, _REPLY = 0, 18, 19
_CHAT_INPUT_COMMAND, _THREAD_STARTER_MESSAGE, _CONTEXT_MENU_COMMAND = 20, 21, 23
_REPLY_REFERENCE, _FORWARD_REFERENCE = 0, 1


@dataclass(frozen=True)
class Reference:
    """The message that another one replies to or forwards."""

    message: Message
    forward: bool = False

    @property
    def message_id(self) -> int:
        return self.message.id

    def to_json(self) -> Json:
        return {
            "type": _FORWARD_REFERENCE if self.forward else _REPLY_REFERENCE,
            "message_id": str(self.message.id),
            "channel_id": str(self.message.channel.id),
        } | self.message.channel.guild_id_json()


@dataclass(eq=False)
class Message:
    """A message; edits, reactions and deletion change it in place.

    ``thread`` is the thread started from it; ``announced_thread`` is set for the system message of
    a thread started without a message.
    """

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
    webhook: Webhook | None = None
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reactions: dict[str, list[User]] = field(default_factory=dict)
    thread: Channel | None = None
    announced_thread: Channel | None = None
    edited_at: str | None = None
    deleted: bool = False

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def silent(self) -> bool:
        """Whether it was sent without a notification."""
        return bool(self.flags & SUPPRESS_NOTIFICATIONS)

    @property
    def loading(self) -> bool:
        """Whether people see "is thinking…"."""
        return bool(self.flags & LOADING)

    @property
    def command(self) -> Json | None:
        """The command that it responds to, if any."""
        return self.interaction.command if self.interaction else None

    @property
    def type(self) -> int:
        if self.announced_thread is not None:
            return _THREAD_CREATED
        if self.command is not None:
            is_slash = self.command["type"] == CommandType.CHAT_INPUT
            return _CHAT_INPUT_COMMAND if is_slash else _CONTEXT_MENU_COMMAND
        if self.reference is None or self.reference.forward:
            return _DEFAULT
        # A thread begins with a reference to the message that it was started from.
        is_starter = self.reference.message.thread is self.channel
        return _THREAD_STARTER_MESSAGE if is_starter else _REPLY

    def replies_to(self, message: Message) -> bool:
        reference = self.reference
        return bool(reference and not reference.forward and reference.message is message)


def message_json(message: Message, *, content_allowed: bool) -> Json:
    """Return a message object, with its content if that is allowed or Discord makes an exception.

    ``content_allowed`` stands for the message content intent.
    """
    body = _without_reference(message, content_allowed=content_allowed)
    reference = message.reference
    if reference is None:
        return body
    body["message_reference"] = reference.to_json()
    if reference.forward:
        visible = _is_content_visible(message, content_allowed=content_allowed)
        body["message_snapshots"] = [_snapshot(reference.message, visible=visible)]
    elif reference.message.deleted:
        body["referenced_message"] = None
    else:
        body["referenced_message"] = _without_reference(
            reference.message, content_allowed=content_allowed
        )
    return body


def message_event_json(message: Message, *, content_allowed: bool) -> Json:
    """Return a message object of a gateway event, which has the guild and the author's member."""
    body = message_json(message, content_allowed=content_allowed)
    body |= message.channel.guild_id_json()
    guild = message.channel.guild
    member = guild.members.get(message.author.id) if guild else None
    return body | ({"member": member.to_json(with_user=False)} if member else {})


def walk_components(components: Sequence[Json]) -> Iterator[Json]:
    """Yield every component, including nested ones."""
    for component in components:
        yield component
        nested = [component["accessory"]] if "accessory" in component else []
        yield from walk_components([*component.get("components", ()), *nested])


def number_components(components: Sequence[Json]) -> list[Json]:
    """Return a copy in which components without an id have one, as Discord returns them."""
    numbered = deepcopy(list(components))
    taken = {component["id"] for component in walk_components(numbered) if component.get("id")}
    free = (number for number in count(1) if number not in taken)
    for component in walk_components(numbered):
        component["id"] = component.get("id") or next(free)
    return numbered


def _without_reference(message: Message, *, content_allowed: bool) -> Json:
    visible = _is_content_visible(message, content_allowed=content_allowed)
    return {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "author": message.author.to_json(),
        "timestamp": created_at(message.id),
        "edited_timestamp": message.edited_at,
        "tts": False,
        "pinned": False,
        "type": message.type,
        "flags": message.flags,
        "mention_everyone": message.mention_everyone,
        "mentions": [user.to_json() for user in message.mentions],
        "mention_roles": [str(role) for role in message.mention_roles],
        **_content_fields(message, visible=visible),
        **_optional_fields(message),
    }


def _is_content_visible(message: Message, *, content_allowed: bool) -> bool:
    """Without the intent, bots see the content of own messages, DMs and mentions."""
    bot = message.channel.state.bot
    return (
        content_allowed
        or message.author is bot
        or message.channel.guild is None
        or bot in message.mentions
    )


def _content_fields(message: Message, *, visible: bool) -> Json:
    return {
        "content": message.content if visible else "",
        "attachments": [item.to_json() for item in message.attachments] if visible else [],
        "embeds": message.embeds if visible else [],
        "components": message.components if visible else [],
    }


def _snapshot(message: Message, *, visible: bool) -> Json:
    """Return the snapshot of a forwarded message; it has no author."""
    body = {
        "type": message.type,
        "timestamp": created_at(message.id),
        "edited_timestamp": message.edited_at,
        "flags": message.flags,
        "mentions": [],
        "mention_roles": [],
    }
    return {"message": body | _content_fields(message, visible=visible)}


def _optional_fields(message: Message) -> Json:
    fields: Json = {}
    if message.nonce is not None:
        fields["nonce"] = message.nonce
    if (thread := message.announced_thread) is not None:
        reference = {"type": _REPLY_REFERENCE, "channel_id": str(thread.id)}
        fields["message_reference"] = reference | thread.guild_id_json()
    if message.thread is not None:
        fields["thread"] = message.thread.to_json()
    if message.reactions:
        fields["reactions"] = [_reaction(message, emoji) for emoji in message.reactions]
    if message.webhook is not None:
        fields |= message.webhook.ids_json()
    if message.interaction is not None:
        application = str(message.channel.state.bot.id)
        fields |= {"application_id": application, "webhook_id": application}
        fields["interaction_metadata"] = message.interaction.metadata()
    return fields


def _reaction(message: Message, emoji: str) -> Json:
    users = message.reactions[emoji]
    return {
        "emoji": {"id": None, "name": emoji},
        "count": len(users),
        "count_details": {"normal": len(users), "burst": 0},
        "burst_colors": [],
        "me": message.channel.state.bot in users,
        "me_burst": False,
    }
