"""Routes of channels and their messages, with the permissions that each needs."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from loopback_discord.api import (
    Json,
    cannot_message_user,
    cannot_reply_without_history,
    created_at,
    invalid_form_body,
    missing_access,
    missing_permissions,
    not_the_author,
    thread_already_created,
    unknown,
    wrong_channel_type,
)
from loopback_discord.model import message_actions
from loopback_discord.model.channels import ChannelType
from loopback_discord.model.messages import COMPONENTS_V2, Message, Reference, message_json
from loopback_discord.model.roles import NO_PERMISSIONS, Permission
from loopback_discord.rest.message_validation import check_message
from loopback_discord.rest.rest_api import Call, Route

if TYPE_CHECKING:
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.state import State
    from loopback_discord.model.users import User

_DEFAULT_HISTORY_LIMIT = 50
_FORWARD = 1


class MessageRoutes:
    """Handlers of ``/channels``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        channel = "/channels/{channel}"
        messages = f"{channel}/messages"
        message = f"{messages}/{{message}}"
        reaction = f"{message}/reactions/{{emoji}}"
        start_thread = f"{message}/threads"
        return [
            Route("GET", channel, self.get_channel),
            Route("GET", f"{channel}/thread-members/{{user}}", self.get_thread_member),
            Route("POST", f"{channel}/typing", self.trigger_typing),
            Route("POST", messages, self.create),
            Route("GET", messages, self.history),
            Route("GET", message, self.get),
            Route("PATCH", message, self.edit),
            Route("DELETE", message, self.delete),
            Route("POST", start_thread, self.start_thread, status=HTTPStatus.CREATED),
            Route("PUT", f"{reaction}/@me", self.react),
            Route("DELETE", f"{reaction}/{{user}}", self.remove_reaction),
        ]

    def get_channel(self, call: Call) -> Json:
        return self._channel(call).to_json()

    def get_thread_member(self, call: Call) -> Json:
        thread, user = self._channel(call), call.id("user")
        if user not in {member.id for member in thread.thread_members}:
            raise unknown("Member")
        joined = created_at(thread.id)
        return {"id": str(thread.id), "user_id": str(user), "join_timestamp": joined, "flags": 0}

    def trigger_typing(self, call: Call) -> None:
        self._channel(call, Permission.SEND_MESSAGES).typing += 1

    def create(self, call: Call) -> Json:
        channel = self._channel(call, Permission.SEND_MESSAGES)
        if channel.type is ChannelType.DM and not channel.recipients[0].accepts_dms:
            raise cannot_message_user()
        if call.files:
            _require(channel, Permission.ATTACH_FILES)
        check_message(call.body, call.files.values(), new=True)
        return self._json(self._create(channel, call))

    def _create(self, channel: Channel, call: Call) -> Message:
        """Create a message, or return the one that has the same enforced nonce."""
        draft = message_actions.draft_from(self._state.bot, call.body, call.files)
        nonce = draft.nonce if call.body.get("enforce_nonce") else None
        if nonce in self._state.nonces:
            return self._state.nonces[nonce]
        reference = self._reference(channel, call.body)
        message = message_actions.create(channel, replace(draft, reference=reference))
        if nonce is not None:
            self._state.nonces[nonce] = message
        return message

    def _reference(self, channel: Channel, body: Json) -> Reference | None:
        reference = body.get("message_reference")
        if reference is None:
            return None
        source = self._state.channel(int(reference.get("channel_id") or channel.id))
        if not source.bot_may(Permission.READ_MESSAGE_HISTORY):
            raise cannot_reply_without_history()
        message = source.messages.get(int(reference["message_id"]))
        if message is not None:
            return Reference(message, forward=reference.get("type") == _FORWARD)
        if reference.get("fail_if_not_exists", True):
            code = "REPLIES_UNKNOWN_MESSAGE"
            raise invalid_form_body("message_reference", code, "Unknown message")
        return None

    def get(self, call: Call) -> Json:
        channel = self._channel(call, Permission.READ_MESSAGE_HISTORY)
        return self._json(_message(channel, call))

    def history(self, call: Call) -> list[Json]:
        channel = self._channel(call)
        if not channel.bot_may(Permission.READ_MESSAGE_HISTORY):
            return []
        visible = [message for message in channel.messages.values() if not message.ephemeral]
        page = _page(sorted(visible, key=lambda message: message.id), call)
        return [self._json(message) for message in page]

    def edit(self, call: Call) -> Json:
        message = _message(self._channel(call), call)
        if message.author is not self._state.bot:
            raise not_the_author()
        if call.files:
            _require(message.channel, Permission.ATTACH_FILES)
        was_v2 = bool(message.flags & COMPONENTS_V2)
        check_message(call.body, call.files.values(), new=False, was_v2=was_v2)
        message_actions.edit(message, call.body, call.files)
        return self._json(message)

    def delete(self, call: Call) -> None:
        message = _message(self._channel(call), call)
        if message.author is not self._state.bot:
            _require(message.channel, Permission.MANAGE_MESSAGES)
        message_actions.delete(message)

    def react(self, call: Call) -> None:
        channel = self._channel(call, Permission.READ_MESSAGE_HISTORY)
        message, emoji = _message(channel, call), call.path_values["emoji"]
        if emoji not in message.reactions:
            _require(channel, Permission.ADD_REACTIONS)
        message_actions.react(message, self._state.bot, emoji)

    def remove_reaction(self, call: Call) -> None:
        message = _message(self._channel(call), call)
        user = self._reacting_user(call)
        if user is not self._state.bot:
            _require(message.channel, Permission.MANAGE_MESSAGES)
        message_actions.remove_reaction(message, user, call.path_values["emoji"])

    def start_thread(self, call: Call) -> Json:
        """Start a thread from a message."""
        channel = self._channel(call)
        if channel.type is not ChannelType.TEXT:
            raise wrong_channel_type()
        _require(channel, Permission.CREATE_PUBLIC_THREADS)
        message = _message(channel, call)
        if message.thread is not None:
            raise thread_already_created()
        bot, name = self._state.bot, call.body["name"]
        return message_actions.start_thread_from_message(bot, message, name).to_json()

    def _reacting_user(self, call: Call) -> User:
        is_bot = call.path_values["user"] == "@me"
        return self._state.bot if is_bot else self._state.user(call.id("user"))

    def _channel(self, call: Call, needed: Permission = NO_PERMISSIONS) -> Channel:
        """Return the channel of a call. Raises an ApiError if the bot lacks a permission."""
        channel = self._state.channel(call.id("channel"))
        if not channel.bot_may(Permission.VIEW_CHANNEL):
            raise missing_access()
        if needed is Permission.SEND_MESSAGES and channel.is_thread:
            needed = Permission.SEND_MESSAGES_IN_THREADS
        _require(channel, needed)
        return channel

    def _json(self, message: Message) -> Json:
        # In REST responses, what counts is the grant of the intent to the application.
        return message_json(message, content_allowed=self._state.content_granted)


def _require(channel: Channel, needed: Permission) -> None:
    if not channel.bot_may(needed):
        raise missing_permissions()


def _message(channel: Channel, call: Call) -> Message:
    message = channel.messages.get(call.id("message"))
    if message is None:
        raise unknown("Message")
    return message


def _page(messages: list[Message], call: Call) -> list[Message]:
    """Return the page that the query asks for, newest first; ``messages`` are oldest first."""
    query = call.request.query
    limit = int(query.get("limit", _DEFAULT_HISTORY_LIMIT))
    if "around" in query:
        middle = bisect_left(messages, int(query["around"]), key=lambda message: message.id)
        return messages[max(0, middle - limit // 2) : middle + (limit + 1) // 2][::-1]
    if "after" in query:
        later = [message for message in messages if message.id > int(query["after"])]
        return later[:limit][::-1]
    before = int(query["before"]) if "before" in query else None
    earlier = [message for message in messages if before is None or message.id < before]
    return earlier[::-1][:limit]
