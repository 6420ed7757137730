"""The search index by concept and place, and the texts of posted clips."""

from __future__ import annotations

import json
import unicodedata
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

from bot.storage import text_index

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "2014"
down_revision = "2013"

_TEXT, _FILE_NAME, _SENTENCE = 3, 5, 6
_INDEXES = ("guild_id", "channel_id", "author_id", "parent_id", "game")
_POSTED = (
    "coalesce(p.guild_id, 0) AS guild_id, p.message_id, p.channel_id,"
    " coalesce(p.parent_id, 0) AS parent_id, p.private, p.fingerprint"
)


def upgrade() -> None:
    """Create the two tables, and index what is stored."""
    op.add_column("search_scores", sa.Column("seconds", sa.BigInteger, nullable=True))
    _replace_indexes()
    _create_concepts()
    _create_texts()
    text_index.create(op.get_bind())


def _replace_indexes() -> None:
    for column in _INDEXES:
        op.drop_index(f"ix_posted_clips_{column}", "posted_clips")
        name = f"ix_posted_clips_{column}_message_id"
        op.create_index(name, "posted_clips", [column, "message_id"])
    private = sa.column("private", sa.Boolean)
    op.create_index(
        *("ix_posted_clips_private", "posted_clips", ["guild_id", "message_id"]),
        sqlite_where=private,
        postgresql_where=private,
    )


def _place() -> list[sa.Column[Any]]:
    return [
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("parent_id", sa.BigInteger, nullable=False),
        sa.Column("private", sa.Boolean, nullable=False),
    ]


def _create_concepts() -> None:
    op.create_table(
        "posted_concepts",
        sa.Column("concept", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("guild_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("message_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("tagging", sa.Integer, nullable=False, autoincrement=False),
        *_place(),
        sa.Column("score", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint(
            *("concept", "guild_id", "message_id", "tagging"),
            name="pk_posted_concepts",
            postgresql_include=["channel_id", "parent_id", "private", "score"],
        ),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO posted_concepts"
        " SELECT s.concept, coalesce(p.guild_id, 0), p.message_id, t.id, p.channel_id,"
        " coalesce(p.parent_id, 0), p.private, s.score FROM posted_clips p"
        " JOIN search_taggings t ON t.fingerprint = p.fingerprint"
        " JOIN search_scores s ON s.tagging = t.id"
    )


def _create_texts() -> None:
    table = op.create_table(
        "posted_texts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        *_place(),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("letters", sa.Text, nullable=False),
        sa.Column("spans", sa.Text),
        sa.Column("written", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_posted_texts"),
    )
    name = "ix_posted_texts_guild_id_message_id"
    op.create_index(name, "posted_texts", ["guild_id", "message_id"])
    rows = [*_screen_texts(), *_sentences(), *_file_names()]
    for start in range(0, len(rows), 500):
        op.bulk_insert(table, rows[start : start + 500])


def _screen_texts() -> Iterator[dict[str, Any]]:
    query = (
        f"SELECT {_POSTED}, o.observations FROM posted_clips p"  # noqa: S608 - a constant
        " JOIN sense_observations o ON o.fingerprint = p.fingerprint WHERE o.sense = 'text'"
    )
    for row in op.get_bind().execute(sa.text(query)).mappings():
        lines = [
            (letters, f"{start}-{end}")
            for text, start, end, _score in json.loads(zlib.decompress(row["observations"]))
            if (letters := _letters(text))
        ]
        if lines:
            texts = {
                "letters": "\n".join(letters for letters, _ in lines),
                "spans": " ".join(span for _, span in lines),
                "written": None,
            }
            yield _posted(row) | {"kind": _TEXT, **texts}


def _sentences() -> Iterator[dict[str, Any]]:
    query = (
        f"SELECT {_POSTED}, max(t.description) AS description FROM posted_clips p"  # noqa: S608 - a constant
        " JOIN taggings t ON t.fingerprint = p.fingerprint WHERE t.description IS NOT NULL"
        " GROUP BY p.message_id, p.fingerprint"
    )
    for row in op.get_bind().execute(sa.text(query)).mappings():
        yield from _written(row, _SENTENCE, row["description"], row["description"])


def _file_names() -> Iterator[dict[str, Any]]:
    query = (
        f"SELECT {_POSTED}, j.clips FROM posted_clips p"  # noqa: S608 - a constant
        " JOIN job_record_messages m ON m.message_id = p.message_id"
        " JOIN job_records j ON j.job_id = m.job_id"
    )
    seen = set()
    for row in op.get_bind().execute(sa.text(query)).mappings():
        for clip in json.loads(row["clips"]):
            key = row["message_id"], row["fingerprint"]
            if clip.get("fingerprint") == row["fingerprint"] and key not in seen:
                seen.add(key)
                yield from _written(row, _FILE_NAME, clip["name"], PurePosixPath(clip["name"]).stem)


def _written(row: Any, kind: int, written: str, searched: str) -> Iterator[dict[str, Any]]:
    if letters := _letters(searched):
        yield _posted(row) | {"kind": kind, "letters": letters, "spans": None, "written": written}


def _posted(row: Any) -> dict[str, Any]:
    names = ("guild_id", "message_id", "channel_id", "parent_id", "fingerprint")
    return {name: row[name] for name in names} | {"private": bool(row["private"])}


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalnum())
