"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    for create in (
        _create_taggings,
        _create_search_concepts,
        _create_search_taggings,
        _create_search_scores,
        _create_posted_clips,
        _create_watches,
        _create_thresholds,
        _create_guild_settings,
        _create_opt_outs,
        _create_job_records,
        _create_job_record_messages,
        _create_usage,
        _create_rate_limits,
        _create_meta,
    ):
        create()


def _create_taggings() -> None:
    op.create_table(
        "taggings",
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("tagger", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("sampling", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("duration", sa.BigInteger, nullable=False),
        sa.Column("frames", sa.LargeBinary, nullable=False),
        sa.Column("frames_format", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("thumbnails", sa.LargeBinary, nullable=True),
        sa.Column("proxied", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint(
            "fingerprint", "tagger", "model", "revision", "sampling", name="pk_taggings"
        ),
    )


def _create_search_concepts() -> None:
    op.create_table(
        "search_concepts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("normalized", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_concepts"),
        sa.UniqueConstraint("normalized", name="uq_search_concepts_normalized"),
    )


def _create_search_taggings() -> None:
    op.create_table(
        "search_taggings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("tagger", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("sampling", sa.Integer, nullable=False),
        sa.Column("default_threshold", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(
            ["fingerprint", "tagger", "model", "revision", "sampling"],
            [
                "taggings.fingerprint",
                "taggings.tagger",
                "taggings.model",
                "taggings.revision",
                "taggings.sampling",
            ],
            name="fk_search_taggings_fingerprint_tagger_model_revision_sampling",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_search_taggings"),
        sa.UniqueConstraint(
            "fingerprint",
            "tagger",
            "model",
            "revision",
            "sampling",
            name="uq_search_taggings_fingerprint_tagger_model_revision_sampling",
        ),
    )


def _create_search_scores() -> None:
    op.create_table(
        "search_scores",
        sa.Column("tagging", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("concept", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(
            ["concept"], ["search_concepts.id"], name="fk_search_scores_concept"
        ),
        sa.ForeignKeyConstraint(
            ["tagging"], ["search_taggings.id"], name="fk_search_scores_tagging", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tagging", "concept", name="pk_search_scores"),
        sqlite_with_rowid=False,
    )


def _create_posted_clips() -> None:
    op.create_table(
        "posted_clips",
        sa.Column("message_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=True),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("author_id", sa.BigInteger, nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parent_id", sa.BigInteger, nullable=True),
        sa.Column("private", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("position", sa.SmallInteger, nullable=True),
        sa.Column("clips", sa.SmallInteger, nullable=True),
        sa.Column("alerted", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "fingerprint", name="pk_posted_clips"),
    )
    op.create_index("ix_posted_clips_author_id", "posted_clips", ["author_id"])
    op.create_index("ix_posted_clips_channel_id", "posted_clips", ["channel_id"])
    op.create_index("ix_posted_clips_fingerprint", "posted_clips", ["fingerprint"])
    op.create_index("ix_posted_clips_guild_id", "posted_clips", ["guild_id"])
    op.create_index("ix_posted_clips_parent_id", "posted_clips", ["parent_id"])
    op.create_index("ix_posted_clips_posted_at", "posted_clips", ["posted_at"])


def _create_watches() -> None:
    op.create_table(
        "watches",
        sa.Column("guild_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("normalized", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("threshold", sa.Double, nullable=True),
        sa.PrimaryKeyConstraint("guild_id", "normalized", name="pk_watches"),
    )
    op.create_index("ix_watches_channel_id", "watches", ["channel_id"])


def _create_thresholds() -> None:
    op.create_table(
        "thresholds",
        sa.Column("guild_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("tagger", sa.Text, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "tagger", name="pk_thresholds"),
    )


def _create_guild_settings() -> None:
    op.create_table(
        "guild_settings",
        sa.Column("guild_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "name", name="pk_guild_settings"),
    )


def _create_opt_outs() -> None:
    op.create_table(
        "opt_outs",
        sa.Column("user_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_opt_outs"),
    )


def _create_job_records() -> None:
    op.create_table(
        "job_records",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=True),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("people", sa.Text, nullable=False),
        sa.Column("clips", sa.Text, nullable=False),
        sa.Column("reply_channel_id", sa.BigInteger, nullable=True),
        sa.Column("reply_id", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_records"),
    )
    op.create_index("ix_job_records_channel_id", "job_records", ["channel_id"])
    op.create_index("ix_job_records_created_at", "job_records", ["created_at"])
    op.create_index("ix_job_records_guild_id", "job_records", ["guild_id"])
    op.create_index("ix_job_records_reply_channel_id", "job_records", ["reply_channel_id"])
    op.create_index("ix_job_records_reply_id", "job_records", ["reply_id"])


def _create_job_record_messages() -> None:
    op.create_table(
        "job_record_messages",
        sa.Column("message_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "job_id", name="pk_job_record_messages"),
    )
    op.create_index("ix_job_record_messages_job_id", "job_record_messages", ["job_id"])


def _create_usage() -> None:
    op.create_table(
        "usage",
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("payer", sa.Text, nullable=False),
        sa.Column("month", sa.Text, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("reference", name="pk_usage"),
    )
    op.create_index("ix_usage_month_payer", "usage", ["month", "payer"])


def _create_rate_limits() -> None:
    op.create_table(
        "rate_limits",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("next", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_rate_limits"),
    )


def _create_meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
