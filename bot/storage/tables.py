"""The tables as they are now; ``migrations`` holds how they came to be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware on both sides; SQLite by itself would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment into UTC; a naive one raises ValueError."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC, whatever zone the database session speaks."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    # Without names of our own each database invents some, and a later migration can't say which
    # constraint it means.
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

TAGGING_KEY = ("fingerprint", "tagger", "model", "revision", "sampling")

# What a tagger said of a clip. Everything that changes the frames is in the key: the bytes, whose
# scores they are, and how far apart the frames lie (``sampling``, milliseconds).
taggings = Table(
    "taggings",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("tagger", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("revision", Text, primary_key=True),
    Column("sampling", Integer, primary_key=True, autoincrement=False),
    Column("format", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("duration", BigInteger, nullable=False),
    Column("frames", LargeBinary, nullable=False),
    Column("frames_format", SmallInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("thumbnails", LargeBinary),
    Column("proxied", Boolean, nullable=False, server_default=false()),
)

# The index to find posted clips by what they show: names once (``normalized`` as people may write
# them), taggings as numbers, and for each pair the best score. These rows go with their tagging;
# the seconds stand in the tagging alone.
index_concepts = Table(
    "index_concepts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("normalized", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
)
index_taggings = Table(
    "index_taggings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("tagger", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("sampling", Integer, nullable=False),
    Column("default_threshold", Double, nullable=False),
    UniqueConstraint(*TAGGING_KEY),
    ForeignKeyConstraint(
        TAGGING_KEY, [taggings.c[name] for name in TAGGING_KEY], ondelete="CASCADE"
    ),
)
index_scores = Table(
    "index_scores",
    metadata,
    Column(
        "tagging",
        ForeignKey(index_taggings.c.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("concept", ForeignKey(index_concepts.c.id), primary_key=True, autoincrement=False),
    Column("score", Double, nullable=False),
    sqlite_with_rowid=False,
)

# Tags whose moderators want to hear of them; ``threshold`` NULL is the server's.
watches = Table(
    "watches",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("normalized", Text, primary_key=True),
    Column("tag", Text, nullable=False),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("threshold", Double),
)

# A server's threshold for a tagger, written ``name:model``. No row: the default holds.
thresholds = Table(
    "thresholds",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("tagger", Text, primary_key=True),
    Column("threshold", Double, nullable=False),
)

# When the next call to a service that allows so many a second may be made (seconds since 1970).
turns = Table(
    "turns",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", Double, nullable=False),
)

# Which clips were posted where, by whom and when: what searching, forgetting and the daily purge go
# by. Neither the clip nor its name or link is kept. ``guild_id`` is NULL in private channels,
# ``parent_id`` outside of threads. ``position`` is the clip's among the ``clips`` of its message,
# from 1; ``alerted`` that moderators heard of it.
posted_clips = Table(
    "posted_clips",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("fingerprint", Text, primary_key=True, index=True),
    Column("guild_id", BigInteger, index=True),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("author_id", BigInteger, index=True),
    Column("posted_at", UtcDateTime, nullable=False, index=True),
    Column("parent_id", BigInteger, index=True),
    Column("private", Boolean, nullable=False, server_default=false()),
    Column("position", SmallInteger),
    Column("clips", SmallInteger),
    Column("alerted", Boolean, nullable=False, server_default=false()),
)

# Frames a tagger was or will be paid for: reserved before a call under a ``reference`` that a
# repeated attempt shares, set right after it. ``month`` is written ``2026-11``, in UTC.
usage = Table(
    "bills",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("payer", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("frames", Integer, nullable=False),
    Index(None, "month", "payer"),
)

# People whose clips are left alone. On PostgreSQL this id and that of ``retentions`` have a
# sequence nobody asks: revision 0003 made them so, and a new database is no other than an old one.
opted_out = Table(
    "opted_out",
    metadata,
    Column("user_id", BigInteger, primary_key=True),
)

# For how many days a server wants its posted clips kept. No row: as long as the operator allows.
retentions = Table(
    "retentions",
    metadata,
    Column("guild_id", BigInteger, primary_key=True),
    Column("days", Integer, nullable=False),
)

# What else a server has chosen, a row a choice, the value as JSON. No row: the default holds.
choices = Table(
    "choices",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# What was answered where, so that a reply can be shown anew and goes when its message goes.
# ``clips`` is JSON: each clip's name and what became of it; so is ``people``, the ids of who posted
# the clips or asked. ``reply_id`` is NULL until it is sent.
reports = Table(
    "reports",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("guild_id", BigInteger, index=True),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("people", Text, nullable=False),
    Column("clips", Text, nullable=False),
    Column("reply_channel_id", BigInteger, index=True),
    Column("reply_id", BigInteger, index=True),
    Column("created_at", UtcDateTime, nullable=False, index=True),
)

# The messages a report is about: when one is deleted, the reply goes.
report_messages = Table(
    "report_messages",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Text, primary_key=True, index=True),
)

# What the program notes for itself, such as the hash of the commands it told Discord.
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
