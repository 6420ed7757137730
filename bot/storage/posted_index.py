"""Writing the search index of posted clips: their concepts and texts, each where it was posted.

It repeats what other tables have, in the order in which a search reads it. Rows are written in the
transaction that stores a clip, a tagging or a text, whichever comes last, and deleted in the one
that deletes it.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, select, tuple_

from bot.domain.query import MatchKind
from bot.domain.text_lines import letters
from bot.storage.frame_codec import decode_text
from bot.storage.tables import (
    posted_clips,
    posted_concepts,
    posted_texts,
    search_scores,
    search_taggings,
    sense_observations,
    taggings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.storage.database import Database

_posted, _concepts, _texts = posted_clips.c, posted_concepts.c, posted_texts.c
_GUILD = func.coalesce(_posted.guild_id, 0)
_PLACE = (_posted.channel_id, func.coalesce(_posted.parent_id, 0), _posted.private)
_KEY = (_concepts.concept, _concepts.guild_id, _concepts.message_id, _concepts.tagging)


async def lock(
    database: Database, connection: AsyncConnection, fingerprints: Iterable[str]
) -> None:
    """Let one transaction at a time write about a clip.

    Otherwise one that stores its tagging and one that stores where it was posted would not see each
    other. SQLite has a single writer anyway.
    """
    if database.is_postgresql:
        for fingerprint in sorted(set(fingerprints)):
            number = func.hashtextextended(fingerprint, 0)
            await connection.execute(select(func.pg_advisory_xact_lock(number)))


async def add_concepts(
    database: Database, connection: AsyncConnection, which: ColumnElement[bool]
) -> None:
    """Index the concepts of posted clips, given by a condition."""
    rows = _rows(which, search_scores.c.score)
    insert = database.insert(posted_concepts)
    columns = [column.name for column in posted_concepts.columns]
    await connection.execute(insert.from_select(columns, rows).on_conflict_do_nothing())


async def add_texts(
    connection: AsyncConnection,
    which: ColumnElement[bool],
    names: Mapping[tuple[int, str], str],
) -> None:
    """Index the texts of newly posted clips; ``names`` are those of the files, by clip."""
    rows = [
        *await _screen_texts(connection, which),
        *await _sentences(connection, which),
        *_file_names(await _places(connection, which), names),
    ]
    if rows:
        await connection.execute(posted_texts.insert(), rows)


async def replace_screen_text(connection: AsyncConnection, fingerprint: str) -> None:
    """Index the stored lines of a clip wherever it was posted."""
    which = _posted.fingerprint == fingerprint
    await remove_texts(connection, which, MatchKind.TEXT)
    if rows := list(await _screen_texts(connection, which)):
        await connection.execute(posted_texts.insert(), rows)


async def replace_sentence(connection: AsyncConnection, fingerprint: str) -> None:
    """Index the stored sentence about a clip wherever it was posted."""
    which = _posted.fingerprint == fingerprint
    await remove_texts(connection, which, MatchKind.SENTENCE)
    if rows := list(await _sentences(connection, which)):
        await connection.execute(posted_texts.insert(), rows)


async def remove(connection: AsyncConnection, which: ColumnElement[bool]) -> None:
    """Remove posted clips from the index; delete their rows in ``posted_clips`` afterwards."""
    await remove_concepts(connection, which)
    await remove_texts(connection, which)


async def remove_concepts(connection: AsyncConnection, which: ColumnElement[bool]) -> None:
    """Remove concepts; the condition may be about the posted clips or their taggings."""
    keys = _rows(which).with_only_columns(
        search_scores.c.concept, _GUILD, _posted.message_id, search_taggings.c.id
    )
    await connection.execute(delete(posted_concepts).where(tuple_(*_KEY).in_(keys)))


async def remove_texts(
    connection: AsyncConnection, which: ColumnElement[bool], kind: MatchKind | None = None
) -> None:
    """Remove the texts of posted clips, of one kind or all."""
    keys = select(_GUILD, _posted.message_id, _posted.fingerprint).where(which)
    own = tuple_(_texts.guild_id, _texts.message_id, _texts.fingerprint).in_(keys)
    wanted = own if kind is None else and_(own, _texts.kind == kind)
    await connection.execute(delete(posted_texts).where(wanted))


def _rows(which: ColumnElement[bool], *more: ColumnElement[Any]) -> Select[Any]:
    own = search_taggings.c.fingerprint == _posted.fingerprint
    return (
        select(
            search_scores.c.concept,
            *(_GUILD, _posted.message_id, search_taggings.c.id, *_PLACE, *more),
        )
        .select_from(
            posted_clips.join(search_taggings, own).join(
                search_scores, search_scores.c.tagging == search_taggings.c.id
            )
        )
        .where(which)
    )


def _place_columns() -> tuple[ColumnElement[Any], ...]:
    channel, parent, private = _PLACE
    return (
        *(_GUILD.label("guild_id"), _posted.message_id, _posted.fingerprint),
        *(channel, parent.label("parent_id"), private),
    )


async def _places(
    connection: AsyncConnection, which: ColumnElement[bool]
) -> list[Mapping[str, Any]]:
    found = await connection.execute(select(*_place_columns()).where(which))
    return [dict(row) for row in found.mappings()]


async def _screen_texts(
    connection: AsyncConnection, which: ColumnElement[bool]
) -> Iterator[dict[str, Any]]:
    columns = sense_observations.c
    query = (
        select(*_place_columns(), columns.observations)
        .join_from(posted_clips, sense_observations, columns.fingerprint == _posted.fingerprint)
        .where(which, columns.sense == "text")
    )
    found = (await connection.execute(query)).mappings().all()
    return (text for row in found if (text := _screen_text(dict(row))))


def _screen_text(row: dict[str, Any]) -> dict[str, Any] | None:
    lines = [(letters(line.text), line) for line in decode_text(row.pop("observations"))]
    lines = [(text, line) for text, line in lines if text]
    if not lines:
        return None
    return row | {
        "kind": MatchKind.TEXT,
        "letters": "\n".join(text for text, _ in lines),
        "spans": " ".join(f"{line.start}-{line.end}" for _, line in lines),
        "written": None,
    }


async def _sentences(
    connection: AsyncConnection, which: ColumnElement[bool]
) -> Iterator[dict[str, Any]]:
    """Return the sentences about clips; of several taggers' one, as others say the same."""
    columns = taggings.c
    query = (
        select(*_place_columns(), func.max(columns.description).label("description"))
        .join_from(posted_clips, taggings, columns.fingerprint == _posted.fingerprint)
        .where(which, columns.description.is_not(None))
        .group_by(_posted.message_id, _posted.fingerprint)
    )
    found = (await connection.execute(query)).mappings().all()
    texts = ((dict(row), row["description"]) for row in found)
    return (
        text
        for row, sentence in texts
        if row.pop("description")
        and (text := _written(row, MatchKind.SENTENCE, sentence, sentence))
    )


def _file_names(
    places: Iterable[Mapping[str, Any]], names: Mapping[tuple[int, str], str]
) -> Iterator[dict[str, Any]]:
    for row in places:
        name = names.get((row["message_id"], row["fingerprint"]))
        stem = PurePosixPath(name).stem if name else ""
        if name and (text := _written(row, MatchKind.FILE_NAME, stem, name)):
            yield text


def _written(
    row: Mapping[str, Any], kind: MatchKind, searched: str, written: str
) -> dict[str, Any] | None:
    found = letters(searched)
    texts = {"letters": found, "spans": None, "written": written.replace("\0", "")}
    return {**row, "kind": kind, **texts} if found else None
