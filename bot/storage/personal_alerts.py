"""Personal alerts until they are delivered: each person gets at most one about a message."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, or_, select, update

from bot.domain.personal_alerts import PersonalAlert
from bot.storage.database import batched
from bot.storage.saved_queries import read_recipient
from bot.storage.tables import (
    alert_recipients,
    notified_messages,
    opt_outs,
    personal_alerts,
    posted_clips,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.personal_alerts import Recipient
    from bot.storage.database import Database

_columns = personal_alerts.c
_people = alert_recipients.c
_COLUMNS = [_columns[field.name] for field in fields(PersonalAlert)]
BATCH_SIZE = 8
"""Alerts in one private message; each is a line with a link."""


class PersonalAlertStore:
    """Alerts that are still to be delivered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, message_id: int, alerts: Sequence[PersonalAlert]) -> bool:
        """Add the alerts about a message; return False if that was done, or it was erased."""
        posted = select(posted_clips.c.message_id).where(posted_clips.c.message_id == message_id)
        async with self._database.writing() as connection:
            # The lock makes an erasure of the message wait, so that it erases the alerts, too.
            locked = posted.limit(1).with_for_update(read=True)
            if (await connection.execute(locked)).first() is None:
                return False
            mark = self._database.insert(notified_messages).values(message_id=message_id)
            marked = mark.on_conflict_do_nothing().returning(notified_messages.c.message_id)
            if (await connection.execute(marked)).first() is None:
                return False
            if alerts:
                rows = [asdict(alert) for alert in alerts]
                await connection.execute(personal_alerts.insert(), rows)
        return True

    async def due(self, now: datetime, limit: int) -> list[Recipient]:
        """Return people who have alerts, and may be sent a private message now."""
        waiting = select(_columns.user_id).where(_columns.user_id == _people.user_id)
        query = (
            select(alert_recipients)
            .where(waiting.exists(), or_(_people.next_at.is_(None), _people.next_at <= now))
            .order_by(_people.next_at, _people.user_id)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [read_recipient(row) for row in await connection.execute(query)]

    async def next_batch(self, user_id: int) -> list[PersonalAlert]:
        """Return the alerts for a person's next private message, about one server, oldest first.

        They stay together until they are removed, so that the same message is sent again if it is
        unknown whether it arrived. Clips whose poster opted out meanwhile are left out.
        """
        mine = _columns.user_id == user_id
        async with self._database.writing() as connection:
            await connection.execute(delete(personal_alerts).where(mine, _is_opted_out()))
            batch = await connection.scalar(
                select(_columns.batch).where(mine, _columns.batch.is_not(None)).limit(1)
            )
            if batch is None:
                ids = await _oldest(connection, user_id)
                batch = min(ids, default=None)
                chosen = and_(mine, _columns.message_id.in_(ids))
                statement = update(personal_alerts).where(chosen).values(batch=batch)
                await connection.execute(statement)
            query = select(*_COLUMNS).where(mine, _columns.batch == batch)
            rows = await connection.execute(query.order_by(_columns.message_id))
            return [PersonalAlert(**row) for row in rows.mappings()]

    async def remove(
        self, user_id: int, alerts: Collection[PersonalAlert], **recipient: Any
    ) -> None:
        """Remove a person's alerts, and update what is stored about the person."""
        ids = [alert.message_id for alert in alerts]
        which = and_(_columns.user_id == user_id, _columns.message_id.in_(ids))
        async with self._database.writing() as connection:
            await connection.execute(delete(personal_alerts).where(which))
            if recipient:
                ours = update(alert_recipients).where(_people.user_id == user_id)
                await connection.execute(ours.values(**recipient))

    async def postpone(self, user_id: int, until: datetime) -> None:
        """Send a person nothing before a moment."""
        ours = update(alert_recipients).where(_people.user_id == user_id)
        async with self._database.writing() as connection:
            await connection.execute(ours.values(next_at=until.astimezone(UTC)))


async def _oldest(connection: AsyncConnection, user_id: int) -> list[int]:
    """Return the messages of a person's oldest alerts, all in one server."""
    order = _columns.message_id
    query = select(_columns.guild_id, order).where(_columns.user_id == user_id).order_by(order)
    first = (await connection.execute(query.limit(1))).first()
    if first is None:
        return []
    rows = await connection.execute(
        query.where(_columns.guild_id == first.guild_id).limit(BATCH_SIZE)
    )
    return [row.message_id for row in rows]


async def erase_unposted(connection: AsyncConnection, message_ids: Collection[int]) -> None:
    """Erase what is known about those messages that have no clips any more."""
    for some in batched(sorted(message_ids)):
        for table in (personal_alerts, notified_messages):
            own = table.c.message_id
            still_posted = select(posted_clips.c.message_id).where(posted_clips.c.message_id == own)
            gone = and_(own.in_(some), ~still_posted.exists())
            await connection.execute(delete(table).where(gone))


def _is_opted_out() -> Any:
    """Return the condition that the poster of an alert's clip opted out."""
    author = (
        select(posted_clips.c.author_id)
        .join(opt_outs, opt_outs.c.user_id == posted_clips.c.author_id)
        .where(posted_clips.c.message_id == _columns.message_id)
    )
    return author.exists()
