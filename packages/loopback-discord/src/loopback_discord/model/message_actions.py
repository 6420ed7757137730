"""The life of a message: posted, edited, reacted to, deleted, whoever does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.stand_ins.discord.attachments import Attachment, Upload, as_upload
from tests.stand_ins.discord.component_rules import numbered
from tests.stand_ins.discord.events import Event, Intent, plain
from tests.stand_ins.discord.mentions import pinged
from tests.stand_ins.discord.messages import (
    HAS_THREAD,
    LOADING,
    Message,
    Reference,
    gateway_json,
)
from tests.stand_ins.discord.permissions import Permission
from tests.stand_ins.discord.snowflakes import now

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.stand_ins.discord.attachments import File
    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.interactions import Interaction
    from tests.stand_ins.discord.people import User
    from tests.stand_ins.discord.refusals import Json

_NO_FILES: Mapping[int, Upload] = {}


@dataclass(frozen=True)
class Draft:
    """A message that is about to be posted."""

    author: User
    content: str = ""
    files: tuple[Upload, ...] = ()
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    flags: int = 0
    reference: Reference | None = None
    allowed_mentions: Json | None = None
    nonce: str | None = None
    interaction: Interaction | None = None
    announces: Channel | None = None


def as_uploads(files: Iterable[File]) -> tuple[Upload, ...]:
    return tuple(as_upload(file) for file in files)


def draft_from(author: User, body: Json, files: Mapping[int, Upload]) -> Draft:
    """Read a request's body as a draft; files are described by their number in it."""
    nonce = body.get("nonce")
    return Draft(
        author=author,
        content=body.get("content") or "",
        files=tuple(described(body, files).values()),
        embeds=tuple(body.get("embeds") or ()),
        components=tuple(body.get("components") or ()),
        flags=body.get("flags") or 0,
        allowed_mentions=body.get("allowed_mentions"),
        nonce=None if nonce is None else str(nonce),
    )


def described(body: Json, files: Mapping[int, Upload]) -> dict[int, Upload]:
    """Give each file the description the body has for its number."""
    told = {int(entry["id"]): entry for entry in body.get("attachments") or ()}
    return {
        number: replace(upload, description=told.get(number, {}).get("description"))
        for number, upload in files.items()
    }


def create(channel: Channel, draft: Draft, snowflake: int | None = None) -> Message:
    message = Message(
        id=snowflake or channel.world.ids.next(),
        channel=channel,
        author=draft.author,
        content=draft.content,
        embeds=list(draft.embeds),
        components=numbered(draft.components),
        flags=draft.flags,
        reference=draft.reference,
        allowed_mentions=draft.allowed_mentions,
        nonce=draft.nonce,
        interaction=draft.interaction,
        announces=draft.announces,
    )
    message.attachments = [attach(channel, upload, message.ephemeral) for upload in draft.files]
    _note_mentions(message)
    channel.messages[message.id] = message
    _announce("MESSAGE_CREATE", message)
    return message


def edit(message: Message, body: Json, files: Mapping[int, Upload] = _NO_FILES) -> None:
    """Change what the body names and nothing else."""
    message.past_contents.append(message.content)
    message.content = body.get("content", message.content) or ""
    message.embeds = body.get("embeds", message.embeds) or []
    message.components = numbered(body.get("components", message.components) or ())
    message.flags = (message.flags | (body.get("flags") or 0)) & ~LOADING
    message.allowed_mentions = body.get("allowed_mentions", message.allowed_mentions)
    message.attachments = _kept(message, body) + [
        attach(message.channel, upload, message.ephemeral)
        for upload in described(body, files).values()
    ]
    message.edited_at = now()
    _note_mentions(message)
    _announce("MESSAGE_UPDATE", message)


def unfurl(message: Message, embeds: list[Json]) -> None:
    """Let Discord find out late what a link leads to; that is no edit of the author's."""
    message.embeds = embeds
    _announce("MESSAGE_UPDATE", message)


def delete(message: Message) -> None:
    _remove(message)
    intent = _intent(message, Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES)
    _publish(message, plain("MESSAGE_DELETE", _guild_id(message), intent, _ids(message)))


def delete_many(messages: Sequence[Message]) -> None:
    """Delete messages of one channel, told in one event."""
    for message in messages:
        _remove(message)
    first = messages[0]
    body = _ids(first) | {"ids": [str(message.id) for message in messages]}
    del body["id"]
    event = plain("MESSAGE_DELETE_BULK", _guild_id(first), Intent.GUILD_MESSAGES, body)
    _publish(first, event)


def open_thread(user: User, message: Message, name: str, *, private: bool = False) -> Channel:
    """Open a thread from a message, which then says so, as does the thread's first message."""
    thread = message.channel.add_thread(name, starter=message, private=private)
    message.thread = thread
    message.flags |= HAS_THREAD
    _announce("MESSAGE_UPDATE", message)
    create(thread, Draft(user, reference=Reference(message)))
    return thread


def begin_thread(user: User, channel: Channel, name: str) -> Channel:
    """Open a thread from nothing, which the channel is told in a message of Discord's own."""
    thread = channel.add_thread(name)
    create(channel, Draft(user, name, announces=thread))
    return thread


def open_post(forum: Channel, name: str, draft: Draft) -> Message:
    """Begin a post: a thread whose first message has the thread's id."""
    thread = forum.add_thread(name)
    return create(thread, draft, thread.id)


def react(message: Message, user: User, emoji: str) -> None:
    users = message.reactions.setdefault(emoji, [])
    if user not in users:
        users.append(user)
        _announce_reaction("MESSAGE_REACTION_ADD", message, user, emoji)


def unreact(message: Message, user: User, emoji: str) -> None:
    users = message.reactions.get(emoji, [])
    if user in users:
        users.remove(user)
        if not users:
            del message.reactions[emoji]
        _announce_reaction("MESSAGE_REACTION_REMOVE", message, user, emoji)


def created_event(message: Message) -> Event:
    return _message_event("MESSAGE_CREATE", message)


def attach(channel: Channel, upload: Upload, ephemeral: bool) -> Attachment:  # noqa: FBT001 - a field's value
    """Store a file where the CDN finds it."""
    world = channel.world
    attachment = Attachment(world.ids.next(), channel.id, upload, world.cdn_root, ephemeral)
    world.attachments[attachment.id] = attachment
    return attachment


def _kept(message: Message, body: Json) -> list[Attachment]:
    if body.get("attachments") is None:
        return message.attachments
    named = {int(entry["id"]) for entry in body["attachments"]}
    return [attachment for attachment in message.attachments if attachment.id in named]


def _remove(message: Message) -> None:
    message.deleted = True
    del message.channel.messages[message.id]
    for attachment in message.attachments:
        attachment.gone = True


def _note_mentions(message: Message) -> None:
    reference = message.reference
    replied_to = reference.message.author.id if reference and not reference.forward else None
    found = pinged(message.content, message.allowed_mentions, replied_to)
    message.mentions = [user for user in _readers(message.channel) if user.id in found.users]
    message.mention_roles = sorted(found.roles)
    message.mention_everyone = found.everyone


def _readers(channel: Channel) -> list[User]:
    if channel.guild is None:
        return [channel.world.bot, *channel.recipients]
    return [member.user for member in channel.guild.members.values()]


def _announce(name: str, message: Message) -> None:
    _publish(message, _message_event(name, message))


def _publish(message: Message, event: Event) -> None:
    """Tell the bot unless it must not see the channel; ephemeral messages it gets from REST."""
    world = message.channel.world
    if message.channel.bot_may(Permission.VIEW_CHANNEL) and not message.ephemeral:
        world.publish(event)
    else:
        world.changes.notify()


def _message_event(name: str, message: Message) -> Event:
    intent = _intent(message, Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES)
    return Event(
        name,
        _guild_id(message),
        intent,
        lambda readable: gateway_json(message, readable=readable),
    )


def _announce_reaction(name: str, message: Message, user: User, emoji: str) -> None:
    body = _ids(message) | {
        "user_id": str(user.id),
        "message_id": str(message.id),
        "emoji": {"id": None, "name": emoji},
        "message_author_id": str(message.author.id),
        "burst": False,
        "type": 0,
    }
    del body["id"]
    guild = message.channel.guild
    if guild and user.id in guild.members:
        body["member"] = guild.members[user.id].as_json()
    intent = _intent(message, Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS)
    _publish(message, plain(name, _guild_id(message), intent, body))


def _ids(message: Message) -> Json:
    ids = {"id": str(message.id), "channel_id": str(message.channel.id)}
    return ids | message.channel.guild_part()


def _guild_id(message: Message) -> int | None:
    return message.channel.guild.id if message.channel.guild else None


def _intent(message: Message, in_guild: Intent, in_private: Intent) -> Intent:
    return in_guild if message.channel.guild else in_private
