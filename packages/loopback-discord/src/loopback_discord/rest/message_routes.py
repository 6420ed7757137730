"""Channels and their messages: what the bot may ask there, and what it may not."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.stand_ins.discord import posting
from tests.stand_ins.discord.channels import ChannelKind
from tests.stand_ins.discord.limits import check_message
from tests.stand_ins.discord.messages import COMPONENTS_V2, Message, Reference, message_json
from tests.stand_ins.discord.permissions import NOTHING, Permission
from tests.stand_ins.discord.refusals import (
    Json,
    closed_dms,
    has_a_thread,
    invalid_form,
    no_access,
    no_permission,
    no_reply_without_history,
    no_threads_here,
    not_the_author,
    unknown,
)
from tests.stand_ins.discord.rest import Call, Route

if TYPE_CHECKING:
    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.people import User
    from tests.stand_ins.discord.world import World

_HISTORY = 50
_CREATED = HTTPStatus.CREATED
_THREADED = {ChannelKind.TEXT, ChannelKind.FORUM}


class MessageRoutes:
    """Handlers of ``/channels``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        channel = "/channels/{channel}"
        messages = f"{channel}/messages"
        message = f"{messages}/{{message}}"
        reaction = f"{message}/reactions/{{emoji}}"
        return [
            Route("GET", channel, self.get_channel),
            Route("POST", f"{channel}/typing", self.type),
            Route("POST", f"{channel}/threads", self.open_thread, status=_CREATED),
            Route("POST", messages, self.create),
            Route("POST", f"{messages}/bulk-delete", self.delete_many),
            Route("GET", messages, self.history),
            Route("GET", message, self.get),
            Route("PATCH", message, self.edit),
            Route("DELETE", message, self.delete),
            Route("POST", f"{message}/threads", self.open_thread_from, status=_CREATED),
            Route("PUT", f"{reaction}/@me", self.react),
            Route("DELETE", f"{reaction}/{{user}}", self.unreact),
        ]

    def get_channel(self, call: Call) -> Json:
        return self._channel(call).as_json()

    def type(self, call: Call) -> None:
        channel = self._channel(call, Permission.SEND_MESSAGES)
        channel.typing += 1

    def create(self, call: Call) -> Json:
        channel = self._channel(call, Permission.SEND_MESSAGES)
        if call.files:
            _demand(channel, Permission.ATTACH_FILES)
        if not all(user.accepts_dms for user in channel.recipients):
            raise closed_dms()
        check_message(call.body, call.files.values(), new=True)
        return self._json(self._create(channel, call))

    def _create(self, channel: Channel, call: Call) -> Message:
        """Post, unless the bot's nonce was here before."""
        draft = posting.draft_from(self._world.bot, call.body, call.files)
        enforced = draft.nonce if call.body.get("enforce_nonce") else None
        if enforced in self._world.nonces:
            return self._world.nonces[enforced]
        reference = self._reference(channel, call.body)
        message = posting.create(channel, replace(draft, reference=reference))
        if enforced is not None:
            self._world.nonces[enforced] = message
        return message

    def _reference(self, channel: Channel, body: Json) -> Reference | None:
        told = body.get("message_reference")
        if told is None:
            return None
        place = self._world.channel(int(told.get("channel_id") or channel.id))
        if not place.bot_may(Permission.READ_MESSAGE_HISTORY):
            raise no_reply_without_history()
        message = place.messages.get(int(told["message_id"]))
        if message is not None:
            return Reference(message, forward=bool(told.get("type")))
        if told.get("fail_if_not_exists", True):
            field = "message_reference"
            raise invalid_form(field, "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return None

    def get(self, call: Call) -> Json:
        channel = self._channel(call, Permission.READ_MESSAGE_HISTORY)
        return self._json(_message(channel, call))

    def history(self, call: Call) -> list[Json]:
        channel = self._channel(call)
        if not channel.bot_may(Permission.READ_MESSAGE_HISTORY):
            return []
        chosen = _page(sorted(channel.messages.values(), key=lambda m: m.id), call)
        return [self._json(message) for message in chosen if not message.ephemeral]

    def edit(self, call: Call) -> Json:
        message = _message(self._channel(call), call)
        if message.author is not self._world.bot:
            raise not_the_author()
        if call.files:
            _demand(message.channel, Permission.ATTACH_FILES)
        v2 = bool(message.flags & COMPONENTS_V2)
        check_message(call.body, call.files.values(), new=False, v2=v2)
        posting.edit(message, call.body, call.files)
        return self._json(message)

    def delete(self, call: Call) -> None:
        message = _message(self._channel(call), call)
        if message.author is not self._world.bot:
            _demand(message.channel, Permission.MANAGE_MESSAGES)
        posting.delete(message)

    def delete_many(self, call: Call) -> None:
        channel = self._channel(call, Permission.MANAGE_MESSAGES)
        named = [int(snowflake) for snowflake in call.body["messages"]]
        posting.delete_many([channel.messages[i] for i in named if i in channel.messages])

    def react(self, call: Call) -> None:
        channel = self._channel(call, Permission.READ_MESSAGE_HISTORY)
        message, emoji = _message(channel, call), call.names["emoji"]
        if emoji not in message.reactions:
            _demand(channel, Permission.ADD_REACTIONS)
        posting.react(message, self._world.bot, emoji)

    def unreact(self, call: Call) -> None:
        message = _message(self._channel(call), call)
        user = self._reactor(call)
        if user is not self._world.bot:
            _demand(message.channel, Permission.MANAGE_MESSAGES)
        posting.unreact(message, user, call.names["emoji"])

    def open_thread(self, call: Call) -> Json:
        """Open a thread without a message; a forum's, which is a post, comes with one."""
        private = call.body.get("type") == ChannelKind.PRIVATE_THREAD
        channel = self._threaded(call, private=private)
        name = call.body["name"]
        if channel.kind is not ChannelKind.FORUM:
            return channel.add_thread(name, private=private, members=(channel.me,)).as_json()
        check_message(call.body["message"], call.files.values(), new=True)
        draft = posting.draft_from(self._world.bot, call.body["message"], call.files)
        message = posting.open_post(channel, name, draft)
        return message.channel.as_json() | {"message": self._json(message)}

    def open_thread_from(self, call: Call) -> Json:
        channel = self._threaded(call)
        message = _message(channel, call)
        if message.thread is not None:
            raise has_a_thread()
        return posting.open_thread(self._world.bot, message, call.body["name"]).as_json()

    def _threaded(self, call: Call, *, private: bool = False) -> Channel:
        channel = self._channel(call)
        if channel.kind not in _THREADED:
            raise no_threads_here()
        public = Permission.CREATE_PUBLIC_THREADS
        if channel.kind is ChannelKind.FORUM:
            public = Permission.SEND_MESSAGES
        _demand(channel, Permission.CREATE_PRIVATE_THREADS if private else public)
        return channel

    def _reactor(self, call: Call) -> User:
        named = call.names["user"]
        return self._world.bot if named == "@me" else self._world.user(call.id("user"))

    def _channel(self, call: Call, needed: Permission = NOTHING) -> Channel:
        channel = self._world.channel(call.id("channel"))
        if not channel.bot_may(Permission.VIEW_CHANNEL):
            raise no_access()
        if needed is Permission.SEND_MESSAGES and channel.is_thread:
            needed = Permission.SEND_MESSAGES_IN_THREADS
        _demand(channel, needed)
        return channel

    def _json(self, message: Message) -> Json:
        # Over REST it is the application's grant that counts, not a session's intents.
        return message_json(message, readable=self._world.content_granted)


def _demand(channel: Channel, needed: Permission) -> None:
    if not channel.bot_may(needed):
        raise no_permission()


def _message(channel: Channel, call: Call) -> Message:
    message = channel.messages.get(call.id("message"))
    if message is None:
        raise unknown("Message")
    return message


def _page(messages: list[Message], call: Call) -> list[Message]:
    """Choose from messages, oldest first, what ``limit`` and its companions name; newest first."""
    query = call.request.query
    limit = int(query.get("limit", _HISTORY))
    if "around" in query:
        middle = int(query["around"])
        near = sorted(messages, key=lambda message: abs(message.id - middle))[:limit]
        return sorted(near, key=lambda message: message.id, reverse=True)
    if "after" in query:
        later = [message for message in messages if message.id > int(query["after"])]
        return later[:limit][::-1]
    before = int(query["before"]) if "before" in query else None
    earlier = [message for message in messages if before is None or message.id < before]
    return earlier[::-1][:limit]
