"""Delivering personal alerts as private messages, each only if the person may see the clip."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import discord
import structlog

from bot.chat.buttons import without_timeout
from bot.chat.retry import FAILURES, is_temporary_failure
from bot.chat.visibility import Reader
from bot.i18n import Translator
from bot.render.personal_alerts import private_message, query_name
from bot.runtime.tasks import in_background
from bot.storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bot.domain.personal_alerts import PersonalAlert, Recipient
    from bot.storage.locks import Locks
    from bot.storage.stores import Stores

_STOP = "fhn1:stop:{query}"
STOP_PATTERN = r"fhn1:stop:(?P<query>[0-9]+)"
_MAX_LABEL = 80
_LOCK = "personal alerts"
_AT_ONCE = 20
# Seconds until alerts are looked for again.
_PAUSE = 2.0
# After a private message, the next ones wait, so that many clips become one message.
_BETWEEN = timedelta(seconds=30)
_AFTER_FAILURE = timedelta(minutes=1)
_AFTER_REFUSAL = timedelta(minutes=10)


class PersonalAlertSender:
    """Sends the personal alerts that are stored, in the background, in one of all processes."""

    def __init__(self, client: discord.Client, stores: Stores, locks: Locks) -> None:
        self._client = client
        self._queries = stores.saved_queries
        self._alerts = stores.personal_alerts
        self._locks = locks
        self._log = structlog.get_logger("framehound.personal_alert")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send alerts while the block runs, beginning with those an earlier process left."""
        async with in_background(self._send_repeatedly()):
            yield

    async def send_due(self, now: datetime | None = None) -> None:
        """Send each person who has alerts a private message; raises ``StorageUnavailable``."""
        now = now or datetime.now(UTC)
        for recipient in await self._alerts.due(now, _AT_ONCE):
            quiet = recipient.quiet.end_after(now) if recipient.quiet else None
            if quiet:
                await self._alerts.postpone(recipient.user_id, quiet)
                continue
            try:
                await self._send_batch(recipient, now)
            except FAILURES as error:
                self._log.warning("personal alert not sent yet", reason=str(error))
                await self._alerts.postpone(recipient.user_id, now + _AFTER_FAILURE)

    async def _send_batch(self, recipient: Recipient, now: datetime) -> None:
        """Send a person's next private message. Raises one of ``FAILURES`` if that may work later.

        If it is sent again, as it is unknown whether it arrived, its nonce prevents a duplicate.
        """
        user_id = recipient.user_id
        batch = await self._alerts.next_batch(user_id)
        shown, server = await self._visible(user_id, batch)
        if recipient.is_off or not shown:
            await self._alerts.remove(user_id, batch)
            return
        try:
            await self._send(recipient, server, shown, _nonce(user_id, batch))
        except discord.HTTPException as error:
            if is_temporary_failure(error):
                raise
            self._log.info("personal alert refused", status=error.status, code=error.code)
            failures, pause = recipient.failures + 1, _AFTER_REFUSAL
        else:
            failures, pause = 0, _BETWEEN
        await self._alerts.remove(user_id, batch, failures=failures, next_at=now + pause)

    async def _visible(
        self, user_id: int, batch: Sequence[PersonalAlert]
    ) -> tuple[list[PersonalAlert], str]:
        """Return the alerts of one server whose channels a person may read now, and its name.

        The queries of a person who left the server are removed.
        """
        if not batch:
            return [], ""
        guild_id = batch[0].guild_id
        reader = await Reader.fetch(self._client, guild_id, user_id)
        if reader is None:
            await self._queries.remove_from_guild(user_id, guild_id)
            return [], ""
        places = {alert.channel_id for alert in batch}
        visible = {place for place in places if await reader.may_read(place)}
        return [alert for alert in batch if alert.channel_id in visible], reader.guild.name

    async def _send(
        self, recipient: Recipient, server: str, alerts: Sequence[PersonalAlert], nonce: str
    ) -> None:
        translate = Translator(recipient.language)
        known = {query.id: query.text for query in await self._queries.of_person(recipient.user_id)}
        queries = {each.query_id: known[each.query_id] for each in alerts if each.query_id in known}
        channel = await self._client.create_dm(discord.Object(recipient.user_id))
        await channel.send(
            private_message(translate, server, [alert.text for alert in alerts]),
            view=stop_buttons(queries, translate),
            nonce=nonce,
            allowed_mentions=discord.AllowedMentions.none(),
            suppress_embeds=True,
        )

    async def _send_repeatedly(self) -> None:
        while True:
            try:
                await self._send_alone()
            except StorageUnavailable as error:
                self._log.warning("personal alerts not sent yet", detail=error.detail)
            except Exception:  # noqa: BLE001 - logged with its traceback; the next attempt may work
                self._log.exception("sending personal alerts failed")
            await asyncio.sleep(_PAUSE)

    async def _send_alone(self) -> None:
        """Send what is due, unless another process does so now."""
        due = await self._alerts.due(datetime.now(UTC), 1)
        if due and await self._locks.acquire(_LOCK):
            try:
                await self.send_due()
            finally:
                await self._locks.release(_LOCK)


def stop_buttons(queries: Mapping[int, str], translate: Translator) -> discord.ui.View:
    """Return a button for each query that ends its alerts."""
    view = discord.ui.View(timeout=None)
    for query_id, text in queries.items():
        label = translate("Stop this alert")
        if len(queries) > 1:
            label = translate("Stop: {query}", query=query_name(text).replace("\\", ""))
        view.add_item(
            discord.ui.Button(label=label[:_MAX_LABEL], custom_id=_STOP.format(query=query_id))
        )
    return without_timeout(view)


def _nonce(user_id: int, batch: Sequence[PersonalAlert]) -> str:
    """Return the nonce, at most 25 characters; the first alert of a batch names it."""
    about = f"personal alert {user_id} {batch[0].message_id}"
    return hashlib.sha256(about.encode()).hexdigest()[:25]
