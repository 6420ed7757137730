"""All stores of a database in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import JobRecordStore
from bot.storage.meta import MetaStore
from bot.storage.opt_outs import OptOutStore
from bot.storage.posted_clips import PostedClipStore
from bot.storage.reply_deletions import ReplyDeletionStore
from bot.storage.taggings import TaggingStore
from bot.storage.usage import UsageStore
from bot.storage.watches import WatchStore

if TYPE_CHECKING:
    from bot.storage.database import Database


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is stored, one store for each kind."""

    database: Database
    settings: GuildSettingsStore
    taggings: TaggingStore
    posted_clips: PostedClipStore
    job_records: JobRecordStore
    reply_deletions: ReplyDeletionStore
    watches: WatchStore
    opt_outs: OptOutStore
    usage: UsageStore
    meta: MetaStore

    @classmethod
    def of(cls, database: Database) -> Self:
        """Return the stores of a database."""
        return cls(
            database=database,
            settings=GuildSettingsStore(database),
            taggings=TaggingStore(database),
            posted_clips=PostedClipStore(database),
            job_records=JobRecordStore(database),
            reply_deletions=ReplyDeletionStore(database),
            watches=WatchStore(database),
            opt_outs=OptOutStore(database),
            usage=UsageStore(database),
            meta=MetaStore(database),
        )
