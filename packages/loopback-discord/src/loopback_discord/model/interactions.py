"""An interaction, and how the bot answers it.

https://docs.discord.com/developers/interactions/receiving-and-responding
"""

# ruff: noqa: ASYNC109 - a wait that fails says what was missed, which asyncio.timeout could not

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from tests.stand_ins.discord.channels import ChannelKind
from tests.stand_ins.discord.events import ALWAYS, plain
from tests.stand_ins.discord.messages import EPHEMERAL, LOADING, message_json
from tests.stand_ins.discord.refusals import already_acknowledged, expired_token, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.messages import Message
    from tests.stand_ins.discord.people import Member
    from tests.stand_ins.discord.refusals import Json
    from tests.stand_ins.discord.waiting import Found

ACKNOWLEDGE_SECONDS = 3.0
_FILE_BYTES = 10 * 1024 * 1024


class Kind(IntEnum):
    """What a person did."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Context(IntEnum):
    """Where an interaction happened."""

    GUILD = 0
    BOT_DM = 1
    PRIVATE_CHANNEL = 2


class Integration(IntEnum):
    """For whom an app was installed."""

    GUILD = 0
    USER = 1


class Callback(IntEnum):
    """How the bot answers at first."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


def context_of(channel: Channel) -> Context:
    if channel.guild:
        return Context.GUILD
    return Context.BOT_DM if channel.kind is ChannelKind.DIRECT else Context.PRIVATE_CHANNEL


def integrations(member: Member, channel: Channel) -> set[int]:
    """Return which of its installations the app is used through."""
    found: set[int] = {Integration.USER} if member.user.installed else set()
    context = context_of(channel)
    if context is Context.BOT_DM or (channel.guild and channel.guild.joined):
        found.add(Integration.GUILD)
    return found


@dataclass(eq=False)
class Interaction:
    """One thing a person did, with everything the bot has answered so far."""

    kind: Kind
    member: Member
    channel: Channel
    payload: Json = field(repr=False)
    command: Json | None = field(default=None, repr=False)
    source: Message | None = None
    id: int = field(init=False)
    token: str = field(init=False, repr=False)
    callback: Callback | None = None
    original: Message | None = None
    response: Message | None = None
    followups: list[Message] = field(default_factory=list)
    modal: Json | None = None
    choices: list[Json] | None = None
    expired: bool = False
    _created: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.id = self.channel.world.ids.next()
        self.token = secrets.token_urlsafe(24)

    def expire(self) -> None:
        """Let the fifteen minutes of its token be over."""
        self.expired = True

    def acknowledge(self, callback: Callback) -> None:
        """Take the first answer; refused when late, expired or not the first."""
        if self.expired or time.monotonic() - self._created > ACKNOWLEDGE_SECONDS:
            raise unknown("Interaction")
        if self.callback is not None:
            raise already_acknowledged()
        self.callback = callback

    def check_token(self) -> None:
        """Refuse what comes after the first answer when that never came or was long ago."""
        if self.expired:
            raise expired_token()
        if self.callback is None:
            raise unknown("Webhook")

    async def wait_for_acknowledgement(self, timeout: float = 10) -> Callback:
        return await self._until(lambda: self.callback, "acknowledgement", timeout)

    async def wait_for_response(self, timeout: float = 10) -> Message:
        """Return the answer people read, once it is more than "is thinking…"."""
        return await self._until(lambda: self.response, "response", timeout)

    async def wait_for_followup(self, number: int = 1, timeout: float = 10) -> Message:
        def find() -> Message | None:
            return self.followups[number - 1] if len(self.followups) >= number else None

        return await self._until(find, f"followup {number}", timeout)

    async def wait_for_modal(self, timeout: float = 10) -> Json:
        return await self._until(lambda: self.modal, "modal", timeout)

    async def wait_for_choices(self, timeout: float = 10) -> list[Json]:
        return await self._until(lambda: self.choices, "choices", timeout)

    async def _until(self, find: Callable[[], Found | None], what: str, timeout: float) -> Found:
        asked = f"{self.kind.name.lower()} {self.payload.get('name', '')}"
        changes = self.channel.world.changes
        return await changes.until(find, f"{what} to {asked}", timeout=timeout)

    def metadata(self) -> Json:
        return {
            "id": str(self.id),
            "type": int(self.kind),
            "user": self.member.user.as_json(),
            "authorizing_integration_owners": self.owners(),
        }

    def callback_json(self) -> Json:
        """What the callback answers when it is asked ``with_response``."""
        body: Json = {"id": str(self.id), "type": int(self.kind)}
        shown = self.original
        if shown is not None:
            body |= {
                "response_message_id": str(shown.id),
                "response_message_loading": bool(shown.flags & LOADING),
                "response_message_ephemeral": bool(shown.flags & EPHEMERAL),
            }
        resource: Json = {"type": int(self.callback or 0)}
        if shown is not None and self.callback in {Callback.MESSAGE, Callback.UPDATE}:
            resource["message"] = message_json(shown, readable=True)
        return {"interaction": body, "resource": resource}

    def publish(self) -> None:
        """Tell the bot; interactions need no intent."""
        world = self.channel.world
        world.interactions[self.token] = self
        guild_id = self.channel.guild.id if self.channel.guild else None
        world.publish(plain("INTERACTION_CREATE", guild_id, ALWAYS, self._json()))

    def owners(self) -> Json:
        """Who installed the app: the server (0 for a private channel), the person, or both."""
        command = self.command or (self.source and self.source.command)
        offered = set(command["integration_types"]) if command else {Integration.GUILD}
        used = offered & integrations(self.member, self.channel)
        guild = str(self.channel.guild.id) if self.channel.guild else "0"
        owners = {Integration.GUILD: guild, Integration.USER: str(self.member.user.id)}
        return {str(int(kind)): owner for kind, owner in owners.items() if kind in used}

    def _json(self) -> Json:
        body = {
            "id": str(self.id),
            "application_id": str(self.channel.world.bot.id),
            "type": int(self.kind),
            "token": self.token,
            "version": 1,
            "data": self.payload,
            "channel_id": str(self.channel.id),
            "channel": self.channel.as_json() | self._permissions_here(),
            "app_permissions": str(int(self.channel.app_permissions())),
            "locale": self.member.user.locale,
            "entitlements": [],
            "attachment_size_limit": _FILE_BYTES,
            "context": int(context_of(self.channel)),
            "authorizing_integration_owners": self.owners(),
        }
        if self.source is not None:
            body["message"] = message_json(self.source, readable=True)
        return body | self._place()

    def _permissions_here(self) -> Json:
        """What who acted may do in the channel, overwrites counted."""
        if self.channel.guild is None:
            return {}
        return {"permissions": str(int(self.channel.permissions_of(self.member)))}

    def _place(self) -> Json:
        guild = self.channel.guild
        if guild is None:
            return {"user": self.member.user.as_json()}
        return {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
            "guild_locale": guild.locale,
            "member": self.member.interaction_json(self.channel),
        }
