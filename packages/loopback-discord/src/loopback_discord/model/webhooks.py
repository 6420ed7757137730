"""Webhooks, by which proxies, link fixers and feeds post under names of their choice.

https://docs.discord.com/developers/resources/webhook#webhook-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loopback_discord.model import message_actions
from loopback_discord.model.message_actions import Draft
from loopback_discord.model.users import User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loopback_discord.api import Json
    from loopback_discord.model.attachments import File
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.messages import Message


@dataclass(eq=False)
class Webhook:
    """A webhook of a channel; ``application_id`` is the bot that made it, if it was a bot."""

    id: int
    channel: Channel = field(repr=False)
    application_id: int | None = None

    async def post(
        self,
        content: str = "",
        *,
        name: str = "Webhook",
        files: Iterable[File] = (),
        flags: int = 0,
    ) -> Message:
        """Post a message under a name."""
        draft = Draft(
            author=User(self.id, name, bot=True),
            content=content,
            files=message_actions.as_uploads(files),
            flags=flags,
            webhook=self,
        )
        return message_actions.create(self.channel, draft)

    def ids_json(self) -> Json:
        """Return the fields of a message that name its webhook."""
        application = self.application_id
        return {"webhook_id": str(self.id)} | (
            {} if application is None else {"application_id": str(application)}
        )
