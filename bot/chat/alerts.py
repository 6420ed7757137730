"""Sending alerts about watched tags to moderators."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import discord
import structlog

from bot.chat.retry import is_temporary
from bot.chat.visibility import audience_may_read
from bot.render.search_results import alert_text

if TYPE_CHECKING:
    from bot.domain.alerts import Alert
    from bot.i18n import Translator


class Alerts:
    """Sends alerts. The nonce prevents duplicates: a repeated send returns the first message."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._log = structlog.get_logger("framehound.alert")

    async def send(self, alert: Alert, translate: Translator) -> None:
        """Send an alert; if Discord refuses it, log that once.

        Raises ``discord.HTTPException`` if another attempt may succeed.
        """
        try:
            await self._send(alert, translate)
        except discord.HTTPException as error:
            if is_temporary(error):
                raise
            self._log.warning(
                "alert not sent",
                server=alert.guild_id,
                channel=alert.channel_id,
                status=error.status,
                code=error.code,
            )

    async def _send(self, alert: Alert, translate: Translator) -> None:
        channel = await self._client.fetch_channel(alert.channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            self._refuse(alert, "messages can't be sent to its channel")
        # The settings may come from another server's file, but alerts never leave their own server.
        elif isinstance(channel, discord.abc.PrivateChannel) or channel.guild.id != alert.guild_id:
            self._refuse(alert, "its channel is in another server")
        elif not await audience_may_read(self._client, alert.source_id, channel):
            self._refuse(alert, "some people in its channel can't see the clip's channel")
        else:
            await channel.send(
                alert_text(translate, alert),
                nonce=_nonce(alert),
                allowed_mentions=discord.AllowedMentions.none(),
                suppress_embeds=True,
            )

    def _refuse(self, alert: Alert, reason: str) -> None:
        ids = {"server": alert.guild_id, "channel": alert.channel_id}
        self._log.warning(f"alert not sent: {reason}", **ids)


def _nonce(alert: Alert) -> str:
    """Return the nonce, at most 25 characters; there is one alert per message and channel."""
    about = f"alert {alert.message_id} {alert.channel_id}"
    return hashlib.sha256(about.encode()).hexdigest()[:25]
