"""Searches by several words and texts, and what must never be found, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from bot.domain.concepts import Concept, Frame, SenseIdentity, TaggerIdentity
from bot.domain.erasure import Channel, Guild, Messages, Person
from bot.domain.query import (
    Field,
    MatchKind,
    Order,
    ResolvedClause,
    ResolvedQuery,
    Term,
    TermMatch,
)
from bot.domain.search import Visibility, normalize
from bot.domain.text_lines import TextLine, letters
from bot.storage import search, text_index
from bot.storage.concepts import ConceptStore
from bot.storage.database import Database
from bot.storage.opt_outs import OptOutStore
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.search import SearchStore
from bot.storage.senses import TextStore
from bot.storage.tables import posted_clips, posted_concepts, posted_texts, sense_observations
from bot.storage.taggings import TaggingStore
from tests.storage.samples import make_tagging

if TYPE_CHECKING:
    from bot.domain.erasure import Scope
    from bot.domain.query import QueryHit

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LOCAL = TaggerIdentity("local", "net", 0.5, "r1")
HERE = Visibility(frozenset({10}))


class Clips:
    """Stores clips and searches them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = SearchStore(database)

    async def add(
        self,
        message_id: int,
        *tags: str,
        text: str = "",
        sentence: str | None = None,
        **posted: object,
    ) -> None:
        """Post a clip with tags, a line on the screen and a sentence."""
        fingerprint = f"clip-{message_id}"
        frames = (Frame(0, tuple(Concept(tag, 0.9) for tag in tags)),)
        tagging = replace(make_tagging(frames, fingerprint), tagger=LOCAL, description=sentence)
        await TaggingStore(self.database).save(tagging)
        clip = PostedClip(message_id, fingerprint, 1, 10, 5, NOW)
        await PostedClipStore(self.database).add([replace(clip, **posted)])  # type: ignore[arg-type]
        if text:
            lines = tuple(TextLine(line, 2, 4, 0.9) for line in text.split("\n"))
            await TextStore(self.database, SenseIdentity("text", "1")).save(fingerprint, lines)

    async def term(self, words: str, field: Field = Field.ANY) -> TermMatch:
        normalized = normalize(words)
        concept = (await ConceptStore(self.database).named({normalized})).get(normalized)
        concepts = ((concept.number, MatchKind.TAG),) if concept else ()
        return TermMatch(Term(words, field=field), concepts, letters(words))

    async def query(self, *words: str, **filters: object) -> ResolvedQuery:
        """Return a query in which each word is a clause; one with - is excluded, a|b are two."""
        clauses = [
            ResolvedClause(
                tuple([await self.term(each) for each in word.removeprefix("-").split("|")]),
                word.startswith("-"),
            )
            for word in words
        ]
        options = {"guild_id": 1, "visibility": HERE, **filters}
        return ResolvedQuery(tuple(clauses), **options)  # type: ignore[arg-type]

    async def hits(self, *words: str, **filters: object) -> list[QueryHit]:
        query = await self.query(*words, **filters)
        return list((await self.store.page(query, limit=100)).hits)

    async def found(self, *words: str, **filters: object) -> list[int]:
        """Return the messages found, newest first."""
        return [hit.message_id for hit in await self.hits(*words, **filters)]

    async def rows(self) -> int:
        """Return the number of rows in the index."""
        async with self.database.reading() as connection:
            return sum(
                [
                    await connection.scalar(select(func.count()).select_from(table)) or 0
                    for table in (posted_concepts, posted_texts)
                ]
            )


@pytest.fixture
def clips(database: Database) -> Clips:
    return Clips(database)


async def test_words_match_tags_texts_file_names_and_sentences(clips: Clips) -> None:
    await clips.add(1, "dog", text="Victory Royale\nGG")
    await clips.add(2, "dog", "cat", name="Our VICTORY.mp4")
    await clips.add(3, "cat", sentence="A victory dance.")
    await clips.add(4, "victory")
    hits = await clips.hits("victory")
    assert [(hit.message_id, hit.matches[0].kind, hit.matches[0].text) for hit in hits] == [
        (4, MatchKind.TAG, None),
        (3, MatchKind.SENTENCE, "A victory dance."),
        (2, MatchKind.FILE_NAME, "Our VICTORY.mp4"),
        (1, MatchKind.TEXT, None),
    ]
    best = await clips.store.page(await clips.query("victory"), Order.BEST, limit=9)
    assert [hit.message_id for hit in best.hits] == [4, 1, 2, 3]
    assert await clips.found("ory roy") == [1]
    assert await clips.found("gg") == [1]
    assert await clips.found("royalegg") == []
    assert await clips.found("mp4") == []


async def test_all_clauses_must_hold_and_any_of_their_terms(clips: Clips) -> None:
    await clips.add(1, "cat", "piano")
    await clips.add(2, "cat", text="piano lessons")
    await clips.add(3, "cat")
    await clips.add(4, "dog", text="cats")
    assert await clips.found("cat", "piano") == [2, 1]
    assert await clips.found("cat", "-piano") == [4, 3]
    assert await clips.found("dog|piano") == [4, 2, 1]
    assert await clips.found("-cat") == []
    assert await clips.found() == [4, 3, 2, 1]
    assert await clips.found("cat", "piano", author_id=6) == []
    assert await clips.found("cat", "piano", author_id=5) == [2, 1]


async def test_a_text_is_found_with_one_letter_off(clips: Clips) -> None:
    await clips.add(1, text="VICTORY R0YALE")
    await clips.add(2, text="VICTOR ROYALE")
    await clips.add(3, text="VICTORYY ROYALE")
    await clips.add(4, text="VICTOR R0YALE")
    await clips.add(5, name="victory r0yale.mp4")
    assert await clips.found("victory royale") == [3, 2, 1]
    for number in range(6, 12):
        await clips.add(number, text="victory royale")
    assert await clips.found("victory royale") == [11, 10, 9, 8, 7, 6]


async def test_a_field_narrows_where_a_word_is_looked_for(clips: Clips) -> None:
    await clips.add(1, "tetris", text="nothing")
    await clips.add(2, text="Tetris")
    await clips.add(3, game="Tetris")
    await clips.add(4, name="tetris.mp4")
    for field, expected in ((Field.TEXT, [2]), (Field.GAME, [3]), (Field.SAID, [])):
        clause = ResolvedClause((await clips.term("tetris", field),))
        page = await clips.store.page(ResolvedQuery((clause,), 1, visibility=HERE), limit=9)
        assert [hit.message_id for hit in page.hits] == expected
    assert await clips.found("tetris") == [4, 3, 2, 1]


async def test_texts_are_found_and_suggested_only_where_they_may_be_seen(clips: Clips) -> None:
    text = "secret plan"
    await clips.add(1, text=text, channel_id=11)
    await clips.add(2, text=text, channel_id=20, parent_id=10)
    await clips.add(3, text=text, channel_id=21, parent_id=10, private=True)
    await clips.add(4, text=text, channel_id=22, parent_id=11)
    await clips.add(5, text=text, guild_id=2)
    await clips.add(6, text=text, guild_id=None, channel_id=30)
    await clips.add(7, text=text, author_id=9)
    await OptOutStore(clips.database).add(9)
    cases: tuple[tuple[Visibility, list[int]], ...] = (
        (HERE, [2]),
        (replace(HERE, threads=frozenset({21})), [3, 2]),
        (replace(HERE, managed=frozenset({10})), [3, 2]),
        (Visibility(frozenset({11})), [4, 1]),
        (Visibility(frozenset({12})), []),
    )
    for visibility, expected in cases:
        assert await clips.found("secret", visibility=visibility) == expected
        assert await clips.found("secrat plan", visibility=visibility) == expected
        assert await clips.found("-dog", visibility=visibility) == expected
        query = await clips.query("secret", visibility=visibility)
        assert (await clips.store.page(query, limit=1)).count == len(expected)
        suggested = await clips.store.suggest_texts("ret", guild_id=1, visibility=visibility)
        assert suggested == ([text] if expected else [])
    private = Visibility(frozenset({30}))
    assert await clips.found("secret", guild_id=None, visibility=private) == [6]
    assert await clips.found("secret", guild_id=None, visibility=None) == [6, 5, 4, 3, 2, 1]
    assert await clips.store.private_threads(await clips.query("secret"), 9) == [21]
    assert await clips.store.private_threads(await clips.query("other"), 9) == []


@pytest.mark.parametrize(
    "scope", [Messages(frozenset({1})), Channel(10), Guild(1), Person(5)], ids=repr
)
async def test_erased_clips_leave_the_index(clips: Clips, scope: Scope) -> None:
    await clips.add(1, "cat", text="hello", sentence="A cat.", name="cat.mp4")
    assert await clips.rows() == 4
    await PostedClipStore(clips.database).erase(scope)
    assert await clips.rows() == 0


async def test_expired_texts_and_taggings_leave_the_index(clips: Clips) -> None:
    await clips.add(1, "cat", text="hello", sentence="A cat.")
    await clips.add(2, "cat", text="hello")
    old = {"created_at": NOW - timedelta(days=400)}
    async with clips.database.writing() as connection:
        which = sense_observations.c.fingerprint == "clip-1"
        await connection.execute(update(sense_observations).where(which).values(old))
    await PostedClipStore(clips.database).purge(365)
    assert await clips.found("hello") == [2]
    async with clips.database.writing() as connection:
        aged = {"posted_at": NOW - timedelta(days=400)}
        await connection.execute(update(posted_clips).values(aged))
    await PostedClipStore(clips.database).purge(365)
    assert await clips.rows() == 0


async def test_a_text_read_again_replaces_the_one_before(clips: Clips) -> None:
    await clips.add(1, text="hello")
    store = TextStore(clips.database, SenseIdentity("text", "2"))
    await store.save("clip-1", (TextLine("goodbye", 0, 1, 0.9),))
    assert await clips.found("hello") == []
    assert await clips.found("goodbye") == [1]


async def test_results_are_counted_up_to_a_limit_and_read_in_batches(
    clips: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "COUNTED", 5)
    monkeypatch.setattr(search, "_BATCH", 2)
    for number in range(1, 9):
        await clips.add(number, "cat")
    query = await clips.query("cat")
    first = await clips.store.page(query, limit=2)
    assert ([hit.message_id for hit in first.hits], first.count, first.more) == ([8, 7], 5, True)
    last = await clips.store.page(query, limit=2, offset=99)
    assert [hit.message_id for hit in last.hits] == [4]
    assert [hit.message_id async for hit in clips.store.everything(query)] == list(range(8, 0, -1))
    few = await clips.store.page(replace(query, until=NOW), limit=2)
    assert few.count == 5


async def test_texts_are_found_without_the_text_index(
    new_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_index, "_PG_TRGM", ("CREATE EXTENSION missing_extension",))
    monkeypatch.setattr(text_index, "_FTS5", ("CREATE VIRTUAL TABLE x USING missing_module(y)",))
    async with Database.open(new_database_url) as database:
        clips = Clips(database)
        await clips.add(1, "cat", text="Victory Royale")
        assert not await database.has_text_index()
        assert await clips.found("ory roy") == await clips.found("victary royale") == [1]
