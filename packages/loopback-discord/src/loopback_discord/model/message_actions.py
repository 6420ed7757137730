"""Creating, editing and deleting messages, by people or by the bot, with the events of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loopback_discord.api import now
from loopback_discord.events import Event, Intent, fixed_event
from loopback_discord.model.attachments import Attachment, Upload, as_upload
from loopback_discord.model.messages import (
    HAS_THREAD,
    LOADING,
    Message,
    Reference,
    message_event_json,
    number_components,
)
from loopback_discord.model.roles import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from loopback_discord.api import Json
    from loopback_discord.model.attachments import File
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.interactions import Interaction
    from loopback_discord.model.users import User
    from loopback_discord.model.webhooks import Webhook

_NO_FILES: Mapping[int, Upload] = {}
_USER_MENTION, _ROLE_MENTION = re.compile(r"<@!?(\d+)>"), re.compile(r"<@&(\d+)>")
_EVERYONE_MENTION = re.compile("@everyone|@here")


@dataclass(frozen=True)
class Draft:
    """A message to create."""

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
    announced_thread: Channel | None = None
    webhook: Webhook | None = None


def as_uploads(files: Iterable[File]) -> tuple[Upload, ...]:
    return tuple(as_upload(file) for file in files)


def draft_from(author: User, body: Json, files: Mapping[int, Upload]) -> Draft:
    """Return the draft for a request; ``files`` has the uploads by their number in it."""
    nonce = body.get("nonce")
    return Draft(
        author=author,
        content=body.get("content") or "",
        files=_with_descriptions(body, files),
        embeds=tuple(body.get("embeds") or ()),
        components=tuple(body.get("components") or ()),
        flags=body.get("flags") or 0,
        allowed_mentions=body.get("allowed_mentions"),
        nonce=None if nonce is None else str(nonce),
    )


def create(channel: Channel, draft: Draft, snowflake: int | None = None) -> Message:
    message = Message(
        id=snowflake or channel.state.ids.next(),
        channel=channel,
        author=draft.author,
        content=draft.content,
        embeds=list(draft.embeds),
        components=number_components(draft.components),
        flags=draft.flags,
        reference=draft.reference,
        allowed_mentions=draft.allowed_mentions,
        nonce=draft.nonce,
        interaction=draft.interaction,
        announced_thread=draft.announced_thread,
        webhook=draft.webhook,
    )
    message.attachments = _store_all(message, draft.files)
    _update_mentions(message)
    channel.messages[message.id] = message
    _publish(message, created_event(message))
    return message


def edit(message: Message, body: Json, files: Mapping[int, Upload] = _NO_FILES) -> None:
    """Change the fields that a request contains; ``files`` are added to the attachments."""
    message.content = body.get("content", message.content) or ""
    message.embeds = body.get("embeds", message.embeds) or []
    message.components = number_components(body.get("components", message.components) or ())
    message.flags = (message.flags | (body.get("flags") or 0)) & ~LOADING
    message.allowed_mentions = body.get("allowed_mentions", message.allowed_mentions)
    added = _store_all(message, _with_descriptions(body, files))
    message.attachments = _remaining_attachments(message, body) + added
    message.edited_at = now()
    _update_mentions(message)
    _publish(message, _message_event("MESSAGE_UPDATE", message))


def add_embeds(message: Message, embeds: list[Json]) -> None:
    """Add the embeds of links in a message; that does not count as an edit."""
    message.embeds = embeds
    _publish(message, _message_event("MESSAGE_UPDATE", message))


def delete(message: Message) -> None:
    _remove(message)
    intent = _intent(message, Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES)
    body = {"id": str(message.id)} | _location(message)
    _publish(message, fixed_event("MESSAGE_DELETE", _guild_id(message), intent, body))


def bulk_delete(messages: Sequence[Message]) -> None:
    """Delete messages of one channel in one event."""
    for message in messages:
        _remove(message)
    first, guild_id = messages[0], _guild_id(messages[0])
    body = _location(first) | {"ids": [str(message.id) for message in messages]}
    _publish(first, fixed_event("MESSAGE_DELETE_BULK", guild_id, Intent.GUILD_MESSAGES, body))


def start_thread(user: User, channel: Channel, name: str) -> Channel:
    """Start a thread without a message; a system message in the channel announces it."""
    thread = channel.add_thread(name)
    create(channel, Draft(user, name, announced_thread=thread))
    return thread


def start_thread_from_message(user: User, message: Message, name: str) -> Channel:
    """Start a thread from a message; the thread's first message refers to that message."""
    thread = message.channel.add_thread(name, starter=message)
    message.thread = thread
    message.flags |= HAS_THREAD
    _publish(message, _message_event("MESSAGE_UPDATE", message))
    create(thread, Draft(user, reference=Reference(message)))
    return thread


def create_forum_post(forum: Channel, name: str, draft: Draft) -> Message:
    """Create a post: a thread whose first message has the same id as the thread."""
    thread = forum.add_thread(name)
    return create(thread, draft, thread.id)


def react(message: Message, user: User, emoji: str) -> None:
    users = message.reactions.setdefault(emoji, [])
    if user not in users:
        users.append(user)
        _publish_reaction("MESSAGE_REACTION_ADD", message, user, emoji)


def remove_reaction(message: Message, user: User, emoji: str) -> None:
    users = message.reactions.get(emoji, [])
    if user in users:
        users.remove(user)
        if not users:
            del message.reactions[emoji]
        _publish_reaction("MESSAGE_REACTION_REMOVE", message, user, emoji)


def created_event(message: Message) -> Event:
    return _message_event("MESSAGE_CREATE", message)


def store(channel: Channel, upload: Upload, *, ephemeral: bool) -> Attachment:
    """Store a file for the CDN to serve."""
    state = channel.state
    attachment = Attachment(state.ids.next(), channel.id, upload, state.cdn_url, ephemeral)
    state.attachments[attachment.id] = attachment
    return attachment


def _store_all(message: Message, uploads: Iterable[Upload]) -> list[Attachment]:
    return [store(message.channel, item, ephemeral=message.ephemeral) for item in uploads]


def _with_descriptions(body: Json, files: Mapping[int, Upload]) -> tuple[Upload, ...]:
    """Return a request's uploads with the descriptions that its ``attachments`` give them."""
    entries = {int(entry["id"]): entry for entry in body.get("attachments") or ()}
    return tuple(
        replace(upload, description=entries.get(number, {}).get("description"))
        for number, upload in files.items()
    )


def _remaining_attachments(message: Message, body: Json) -> list[Attachment]:
    if body.get("attachments") is None:
        return message.attachments
    kept = {int(entry["id"]) for entry in body["attachments"]}
    return [attachment for attachment in message.attachments if attachment.id in kept]


def _remove(message: Message) -> None:
    message.deleted = True
    del message.channel.messages[message.id]
    for attachment in message.attachments:
        attachment.deleted = True


def _update_mentions(message: Message) -> None:
    """Set whom a message notifies.

    https://docs.discord.com/developers/resources/message#allowed-mentions-object
    """
    allowed, content = message.allowed_mentions, message.content
    users = _mentioned_ids("users", _USER_MENTION, content, allowed)
    is_reply = message.reference is not None and not message.reference.forward
    if message.reference and is_reply and (allowed is None or allowed.get("replied_user")):
        users.add(message.reference.message.author.id)
    message.mentions = [user for user in _readers(message.channel) if user.id in users]
    message.mention_roles = sorted(_mentioned_ids("roles", _ROLE_MENTION, content, allowed))
    everyone_allowed = allowed is None or "everyone" in allowed.get("parse", ())
    message.mention_everyone = everyone_allowed and bool(_EVERYONE_MENTION.search(content))


def _mentioned_ids(
    kind: str, pattern: re.Pattern[str], content: str, allowed: Json | None
) -> set[int]:
    mentioned = {int(snowflake) for snowflake in pattern.findall(content)}
    if allowed is None or kind in allowed.get("parse", ()):
        return mentioned
    return mentioned & {int(snowflake) for snowflake in allowed.get(kind) or ()}


def _readers(channel: Channel) -> list[User]:
    if channel.guild is None:
        return [channel.state.bot, *channel.recipients]
    return [member.user for member in channel.guild.members.values()]


def _publish(message: Message, event: Event) -> None:
    """Send an event unless the bot must not see the channel or the message is ephemeral."""
    state = message.channel.state
    if message.channel.bot_may(Permission.VIEW_CHANNEL) and not message.ephemeral:
        state.publish(event)
    else:
        state.changes.notify()


def _message_event(name: str, message: Message) -> Event:
    return Event(
        name,
        _guild_id(message),
        _intent(message, Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES),
        lambda content_allowed: message_event_json(message, content_allowed=content_allowed),
    )


def _publish_reaction(name: str, message: Message, user: User, emoji: str) -> None:
    body = _location(message) | {
        "user_id": str(user.id),
        "message_id": str(message.id),
        "emoji": {"id": None, "name": emoji},
        "message_author_id": str(message.author.id),
        "burst": False,
        "type": 0,
    }
    guild = message.channel.guild
    if guild and user.id in guild.members:
        body["member"] = guild.members[user.id].to_json()
    intent = _intent(message, Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS)
    _publish(message, fixed_event(name, _guild_id(message), intent, body))


def _location(message: Message) -> Json:
    return {"channel_id": str(message.channel.id)} | message.channel.guild_id_json()


def _guild_id(message: Message) -> int | None:
    return message.channel.guild.id if message.channel.guild else None


def _intent(message: Message, in_guild: Intent, in_dm: Intent) -> Intent:
    return in_guild if message.channel.guild else in_dm
