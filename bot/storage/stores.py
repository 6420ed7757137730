"""All stores of a database in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sqlalchemy import select, union

from bot.domain.job import GUILD_OWNER
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.index_runs import IndexRunStore
from bot.storage.job_records import JobRecordStore
from bot.storage.meta import MetaStore
from bot.storage.opt_outs import OptOutStore
from bot.storage.personal_alerts import PersonalAlertStore
from bot.storage.posted_clips import PostedClipStore
from bot.storage.recent_searches import RecentSearchStore
from bot.storage.reply_deletions import ReplyDeletionStore
from bot.storage.saved_queries import SavedQueryStore
from bot.storage.senses import SenseStores
from bot.storage.tables import (
    guild_settings,
    index_runs,
    job_records,
    posted_clips,
    recent_searches,
    saved_queries,
    thresholds,
    usage,
    watches,
)
from bot.storage.tag_corrections import TagCorrectionStore
from bot.storage.taggings import TaggingStore
from bot.storage.usage import UsageStore
from bot.storage.watches import WatchStore

if TYPE_CHECKING:
    from bot.domain.concepts import SenseIdentity
    from bot.storage.database import Database


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is stored, one store for each kind."""

    database: Database
    settings: GuildSettingsStore
    taggings: TaggingStore
    senses: SenseStores
    posted_clips: PostedClipStore
    job_records: JobRecordStore
    reply_deletions: ReplyDeletionStore
    tag_corrections: TagCorrectionStore
    watches: WatchStore
    saved_queries: SavedQueryStore
    personal_alerts: PersonalAlertStore
    opt_outs: OptOutStore
    usage: UsageStore
    index_runs: IndexRunStore
    recent_searches: RecentSearchStore
    meta: MetaStore

    @classmethod
    def of(cls, database: Database, text: SenseIdentity, nudity: SenseIdentity) -> Self:
        """Return the stores of a database; ``text`` and ``nudity`` are the senses in use."""
        return cls(
            database=database,
            settings=GuildSettingsStore(database),
            taggings=TaggingStore(database),
            senses=SenseStores.of(database, text, nudity),
            posted_clips=PostedClipStore(database),
            job_records=JobRecordStore(database),
            reply_deletions=ReplyDeletionStore(database),
            tag_corrections=TagCorrectionStore(database),
            watches=WatchStore(database),
            saved_queries=SavedQueryStore(database),
            personal_alerts=PersonalAlertStore(database),
            opt_outs=OptOutStore(database),
            usage=UsageStore(database),
            index_runs=IndexRunStore(database),
            recent_searches=RecentSearchStore(database),
            meta=MetaStore(database),
        )

    async def guild_ids(self) -> set[int]:
        """Return the IDs of all servers that something is stored about."""
        tables = (
            *(posted_clips, job_records, guild_settings, thresholds, watches, index_runs),
            recent_searches,
            saved_queries,
        )
        query = union(*(select(table.c.guild_id) for table in tables))
        payers = select(usage.c.payer).where(usage.c.payer.startswith(GUILD_OWNER)).distinct()
        async with self.database.reading() as connection:
            found = set(await connection.scalars(query)) - {None}
            names = (await connection.scalars(payers)).all()
        return found | {int(name.removeprefix(GUILD_OWNER)) for name in names}
