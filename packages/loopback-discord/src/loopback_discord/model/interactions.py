"""Interactions, and the bot's responses to them.

https://docs.discord.com/developers/interactions/receiving-and-responding
"""

# ruff: noqa: ASYNC109 - the error of a wait names what was waited for; asyncio.timeout's could not

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from loopback_discord.api import already_acknowledged, invalid_webhook_token, unknown
from loopback_discord.events import NO_INTENT, fixed_event
from loopback_discord.model.attachments import MAX_FILE_BYTES
from loopback_discord.model.channels import ChannelType
from loopback_discord.model.commands import IntegrationType
from loopback_discord.model.messages import EPHEMERAL, LOADING, message_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_discord.api import Json
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.messages import Message
    from loopback_discord.model.state import Found
    from loopback_discord.model.users import Member

_ACKNOWLEDGE_S = 3.0


class InteractionType(IntEnum):
    """What a person used."""

    APPLICATION_COMMAND = 2
    MESSAGE_COMPONENT = 3


class Context(IntEnum):
    """Where a person used it."""

    GUILD = 0
    BOT_DM = 1
    PRIVATE_CHANNEL = 2


class CallbackType(IntEnum):
    """How the bot responds first."""

    CHANNEL_MESSAGE = 4
    DEFERRED_CHANNEL_MESSAGE = 5
    DEFERRED_UPDATE_MESSAGE = 6
    UPDATE_MESSAGE = 7
    AUTOCOMPLETE_RESULT = 8
    MODAL = 9


def context_of(channel: Channel) -> Context:
    if channel.guild:
        return Context.GUILD
    return Context.BOT_DM if channel.type is ChannelType.DM else Context.PRIVATE_CHANNEL


def available_installs(member: Member, channel: Channel) -> set[int]:
    """Return the installations through which a member can use the app in a channel."""
    installs: set[int] = {IntegrationType.USER} if member.user.installed else set()
    is_in_guild = channel.guild is not None and channel.guild.joined
    if is_in_guild or context_of(channel) is Context.BOT_DM:
        installs.add(IntegrationType.GUILD)
    return installs


@dataclass(eq=False)
class Interaction:
    """A command or a button that a member used, and what the bot has responded so far.

    ``message`` is the message with the button. ``original`` is the message of the first response,
    even while it says "is thinking…"; ``response`` is the same message once it has content.
    """

    type: InteractionType
    member: Member
    channel: Channel
    data: Json = field(repr=False)
    command: Json | None = field(default=None, repr=False)
    message: Message | None = None
    id: int = field(init=False)
    token: str = field(init=False, repr=False)
    callback: CallbackType | None = None
    original: Message | None = None
    response: Message | None = None
    modal: Json | None = None
    followups: list[Message] = field(default_factory=list)
    expired: bool = False
    _created: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.id = self.channel.state.ids.next()
        self.token = secrets.token_urlsafe(24)

    def expire(self) -> None:
        """Expire the token, as Discord does after 15 minutes."""
        self.expired = True

    def acknowledge(self, callback: CallbackType) -> None:
        """Accept the first response; raise an ApiError if it is late or not the first."""
        if self.expired or time.monotonic() - self._created > _ACKNOWLEDGE_S:
            raise unknown("Interaction")
        if self.callback is not None:
            raise already_acknowledged()
        self.callback = callback

    def check_token(self) -> None:
        """Raise an ApiError unless the bot may edit its response or follow up."""
        if self.expired:
            raise invalid_webhook_token()
        if self.callback is None:
            raise unknown("Webhook")

    async def wait_for_acknowledgement(self, timeout: float = 60) -> CallbackType:
        return await self._wait_for(lambda: self.callback, "acknowledgement", timeout)

    async def wait_for_response(self, timeout: float = 60) -> Message:
        """Wait until the response is more than "is thinking…"."""
        return await self._wait_for(lambda: self.response, "response", timeout)

    async def wait_for_followup(self, number: int = 1, timeout: float = 60) -> Message:
        def find() -> Message | None:
            return self.followups[number - 1] if len(self.followups) >= number else None

        return await self._wait_for(find, f"followup {number}", timeout)

    async def _wait_for(self, find: Callable[[], Found | None], what: str, timeout: float) -> Found:
        name = self.data.get("name") or self.data.get("custom_id")
        changes = self.channel.state.changes
        return await changes.wait_for(find, f"{what} to {name!r}", timeout=timeout)

    def metadata(self) -> Json:
        """Return the ``interaction_metadata`` of messages that respond to this."""
        return {
            "id": str(self.id),
            "type": int(self.type),
            "user": self.member.user.to_json(),
            "authorizing_integration_owners": self._integration_owners(),
        }

    def callback_json(self) -> Json:
        """Return the response to a callback with ``with_response``."""
        body: Json = {"id": str(self.id), "type": int(self.type)}
        message = self.original
        if message is not None:
            body |= {
                "response_message_id": str(message.id),
                "response_message_loading": bool(message.flags & LOADING),
                "response_message_ephemeral": bool(message.flags & EPHEMERAL),
            }
        resource: Json = {"type": int(self.callback or 0)}
        with_message = {CallbackType.CHANNEL_MESSAGE, CallbackType.UPDATE_MESSAGE}
        if message is not None and self.callback in with_message:
            resource["message"] = message_json(message, content_allowed=True)
        return {"interaction": body, "resource": resource}

    def publish(self) -> None:
        """Send INTERACTION_CREATE, which needs no intent."""
        state = self.channel.state
        state.interactions[self.token] = self
        guild_id = self.channel.guild.id if self.channel.guild else None
        state.publish(fixed_event("INTERACTION_CREATE", guild_id, NO_INTENT, self._to_json()))

    def _integration_owners(self) -> Json:
        """Return who installed the app: the guild (0 in private channels), the user, or both."""
        command = self.command or (self.message and self.message.command)
        offered = set(command["integration_types"]) if command else {IntegrationType.GUILD}
        used = offered & available_installs(self.member, self.channel)
        guild = str(self.channel.guild.id) if self.channel.guild else "0"
        owners = {IntegrationType.GUILD: guild, IntegrationType.USER: str(self.member.user.id)}
        return {str(int(kind)): owner for kind, owner in owners.items() if kind in used}

    def _to_json(self) -> Json:
        body = {
            "id": str(self.id),
            "application_id": str(self.channel.state.bot.id),
            "type": int(self.type),
            "token": self.token,
            "version": 1,
            "data": self.data,
            "channel_id": str(self.channel.id),
            "channel": self._channel_json(),
            "app_permissions": str(int(self.channel.app_permissions())),
            "locale": self.member.user.locale,
            "entitlements": [],
            "attachment_size_limit": MAX_FILE_BYTES,
            "context": int(context_of(self.channel)),
            "authorizing_integration_owners": self._integration_owners(),
        }
        if self.message is not None:
            body["message"] = message_json(self.message, content_allowed=True)
        return body | self._guild_or_user_fields()

    def _channel_json(self) -> Json:
        body = self.channel.to_json()
        if self.channel.guild is not None:
            body["permissions"] = str(int(self.channel.permissions_of(self.member)))
        return body

    def _guild_or_user_fields(self) -> Json:
        guild = self.channel.guild
        if guild is None:
            return {"user": self.member.user.to_json()}
        return {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
            "guild_locale": guild.locale,
            "member": self.member.interaction_json(self.channel),
        }
