"""The current tables; ``migrations`` has the steps that lead to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

from bot.domain.perceptual_hash import KEYS

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, always with its time zone, which SQLite would lose."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a time to UTC; raises ``ValueError`` if it has no time zone."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC, whatever the time zone of the database session."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    # Explicit names, so that later migrations can refer to constraints in every database.
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

TAGGING_KEY = ("fingerprint", "tagger", "model", "revision", "sampling")

# The raw observations of a clip by a tagger. The key has everything that the frames depend on: the
# clip's bytes, the tagger with its model and revision, and the ``sampling`` in milliseconds.
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
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("thumbnails", LargeBinary),
    Column("proxied", Boolean, nullable=False, server_default=false()),
    Column("unreadable", Text),
    Column("description", Text),
    Column("kind", Text),
)

# What other senses observed in a clip, such as its text, whichever tagger named its concepts. Each
# sense has a revision of its own. Rows are deleted with the clip's taggings.
sense_observations = Table(
    "sense_observations",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("sense", Text, primary_key=True),
    Column("revision", Text, nullable=False),
    Column("observations", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
)

# The search index of clips: each concept's name (``normalized`` for comparing), taggings as
# numbers, and the highest score for each pair of them. ``seconds`` has a bit for each second, or
# each 63rd of a longer clip, in which the score is above the tagger's own threshold. Rows are
# deleted with their tagging.
search_concepts = Table(
    "search_concepts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("normalized", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
)
search_taggings = Table(
    "search_taggings",
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
search_scores = Table(
    "search_scores",
    metadata,
    Column(
        "tagging",
        ForeignKey(search_taggings.c.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("concept", ForeignKey(search_concepts.c.id), primary_key=True, autoincrement=False),
    Column("score", Double, nullable=False),
    Column("seconds", BigInteger),
    sqlite_with_rowid=False,
)

# What the pictures of a tagged clip look like (``domain/perceptual_hash``), and the numbers that
# copies of it are found by. ``duration`` is in milliseconds. A tagging that was taken over
# from another clip is not ``original``. Rows are deleted with their tagging.
perceptual_hashes = Table(
    "perceptual_hashes",
    metadata,
    Column(
        "tagging",
        ForeignKey(search_taggings.c.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("duration", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("original", Boolean, nullable=False),
    *(Column(f"key_{number}", Integer) for number in range(1, KEYS + 1)),
    *(Index(None, f"key_{number}", "duration") for number in range(1, KEYS + 1)),
)

# Tags that people marked as wrong for a clip, which hides them in their server. Rows are deleted
# with the server's last message that has the clip.
tag_corrections = Table(
    "tag_corrections",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("fingerprint", Text, primary_key=True, index=True),
    Column("concept", ForeignKey(search_concepts.c.id), primary_key=True, autoincrement=False),
    Column("corrected_at", UtcDateTime, nullable=False),
)

# Tags that a channel is alerted to; without a ``threshold``, the server's applies.
watches = Table(
    "watches",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("normalized", Text, primary_key=True),
    Column("tag", Text, nullable=False),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("threshold", Double),
)

# Queries that people saved to be told of new clips, with what ``by:`` and ``in:`` mean in them.
saved_queries = Table(
    "saved_queries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("author_id", BigInteger),
    Column("channel_id", BigInteger),
    UniqueConstraint("user_id", "guild_id", "text"),
)

# How people want personal alerts: their language and quiet hours, in minutes since midnight at an
# ``utc_offset``. ``failures`` counts private messages in a row that Discord refused; the next one
# is sent at ``next_at`` at the earliest.
alert_recipients = Table(
    "alert_recipients",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("language", Text, nullable=False),
    Column("quiet_from", SmallInteger),
    Column("quiet_to", SmallInteger),
    Column("utc_offset", SmallInteger, nullable=False, server_default="0"),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    Column("next_at", UtcDateTime),
)

# Messages for which it was decided who gets a personal alert. Rows are deleted with the message.
notified_messages = Table(
    "notified_messages",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
)

# Personal alerts that are still to be delivered. Those with a ``batch`` are in a private message
# that may have been sent already. Rows are deleted with the message of the clip.
personal_alerts = Table(
    "personal_alerts",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("query_id", Integer, nullable=False),
    Column("guild_id", BigInteger, nullable=False, index=True),
    Column("channel_id", BigInteger, nullable=False),
    Column("parent_id", BigInteger),
    Column("text", Text, nullable=False),
    Column("batch", BigInteger),
)

# A server's threshold for a tagger (``name:model``). Without a row, the default applies.
thresholds = Table(
    "thresholds",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("tagger", Text, primary_key=True),
    Column("threshold", Double, nullable=False),
)

# When the next call to a rate-limited service may be made, in seconds since 1970.
rate_limits = Table(
    "rate_limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", Double, nullable=False),
)

# Which clips were posted where, by whom and when. Search, erasure and the purge use this. It has no
# clip, file name or link. ``guild_id`` is NULL in private channels, ``parent_id`` outside of
# threads. ``position`` (from 1) is the clip's position among the ``clips`` of its message;
# ``alerted`` is true once moderators were alerted to it. ``game`` is the concept with the
# name of the game that Discord recorded it in.
posted_clips = Table(
    "posted_clips",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("fingerprint", Text, primary_key=True, index=True),
    Column("guild_id", BigInteger),
    Column("channel_id", BigInteger, nullable=False),
    Column("author_id", BigInteger),
    Column("posted_at", UtcDateTime, nullable=False, index=True),
    Column("parent_id", BigInteger),
    Column("private", Boolean, nullable=False, server_default=false()),
    Column("position", SmallInteger),
    Column("clips", SmallInteger),
    Column("alerted", Boolean, nullable=False, server_default=false()),
    Column("game", ForeignKey(search_concepts.c.id)),
    Index(None, "guild_id", "message_id"),
    Index(None, "channel_id", "message_id"),
    Index(None, "author_id", "message_id"),
    Index(None, "parent_id", "message_id"),
    Index(None, "game", "message_id"),
)
# Private threads are few, and a search asks which of them have results.
Index(
    "ix_posted_clips_private",
    posted_clips.c.guild_id,
    posted_clips.c.message_id,
    sqlite_where=posted_clips.c.private,
    postgresql_where=posted_clips.c.private,
)


def _place() -> tuple[Column[Any], ...]:
    """Return columns that say where a clip was posted, so that a search need not look it up.

    ``guild_id`` and ``parent_id`` are 0 where they are NULL in ``posted_clips``.
    """
    return (
        Column("channel_id", BigInteger, nullable=False),
        Column("parent_id", BigInteger, nullable=False),
        Column("private", Boolean, nullable=False),
    )


# The search index of posted clips: each concept of each of them, in the order in which a search
# reads them. Rows are deleted with the posted clip.
posted_concepts = Table(
    "posted_concepts",
    metadata,
    Column("concept", Integer, nullable=False, autoincrement=False),
    Column("guild_id", BigInteger, nullable=False, autoincrement=False),
    Column("message_id", BigInteger, nullable=False, autoincrement=False),
    Column("tagging", Integer, nullable=False, autoincrement=False),
    *_place(),
    Column("score", Double, nullable=False),
    PrimaryKeyConstraint(
        *("concept", "guild_id", "message_id", "tagging"),
        postgresql_include=["channel_id", "parent_id", "private", "score"],
    ),
    sqlite_with_rowid=False,
)

# The texts of posted clips by ``kind`` (``MatchKind``): the letters of the lines on the screen, one
# line each with its ``spans`` in seconds, of the file's name, and of the sentence about the clip.
# The latter two are also kept as they were written. ``text_index`` finds parts of ``letters``. Rows
# are deleted with the posted clip.
posted_texts = Table(
    "posted_texts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    *_place(),
    Column("fingerprint", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("letters", Text, nullable=False),
    Column("spans", Text),
    Column("written", Text),
    Index(None, "guild_id", "message_id"),
)

# Billed frames. Each payer has one row a month, with a ``reference`` made of both, and one for each
# call that is under way: frames are reserved before a call, and billed when it ends. ``month`` is
# like ``2026-11``, in UTC.
usage = Table(
    "usage",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("payer", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("frames", Integer, nullable=False),
    Index(None, "month", "payer"),
)

# Frames used by those who may only use a part of a budget: one person in a server, a new or small
# server, and all of these. ``holder`` is a keyed hash. ``period`` is a day or a month, in UTC.
usage_shares = Table(
    "usage_shares",
    metadata,
    Column("holder", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("frames", Integer, nullable=False),
)

# People who opted out: their clips are not tagged.
opt_outs = Table(
    "opt_outs",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
)

# The other settings of a server by their names in ``GuildSettings``, with values as JSON. Without
# a row, the default applies.
guild_settings = Table(
    "guild_settings",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# The outcome of each job and where its reply is, for the buttons under the reply and for deleting
# it with its message. ``clips`` (JSON) has each clip's name and outcome. ``reply_id`` is NULL until
# the reply is sent, ``parent_id`` outside of threads.
job_records = Table(
    "job_records",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("guild_id", BigInteger, index=True),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("clips", Text, nullable=False),
    Column("reply_channel_id", BigInteger, index=True),
    Column("reply_id", BigInteger, index=True),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("parent_id", BigInteger, index=True),
)

# The messages that a job is about: if one is deleted, the reply is deleted too.
job_record_messages = Table(
    "job_record_messages",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Text, primary_key=True, index=True),
)

# The people who posted the clips of a job or asked for it.
job_record_people = Table(
    "job_record_people",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Text, primary_key=True, index=True),
)

# Replies whose records were erased, until they are deleted on Discord, too.
reply_deletions = Table(
    "reply_deletions",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("erased_at", UtcDateTime, nullable=False),
)

# Runs that tag what was posted before the bot came, and the messages each still has to do.
index_runs = Table(
    "index_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False, index=True),
    Column("started_by", BigInteger),
    Column("state", Text, nullable=False, index=True),
    Column("clips", Integer, nullable=False),
    Column("tagged", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("shown_channel_id", BigInteger),
    Column("shown_id", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
)
index_messages = Table(
    "index_messages",
    metadata,
    Column(
        "run",
        ForeignKey(index_runs.c.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("clips", Integer, nullable=False),
    Column("author_id", BigInteger, index=True),
)

# The last searches of each person (``SearchRequest`` as JSON), for the buttons under their results
# and for suggestions. ``guild_id`` is NULL outside of servers.
recent_searches = Table(
    "recent_searches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", BigInteger, nullable=False, index=True),
    Column("guild_id", BigInteger, index=True),
    Column("request", Text, nullable=False),
    Column("searched_at", UtcDateTime, nullable=False, index=True),
    sqlite_autoincrement=True,  # a button of an erased search must not show another one
)

# Values of the program's own, such as the hash of the commands it has registered with Discord.
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
