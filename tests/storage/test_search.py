"""The index finds the same clips as a scan of every second of every clip."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from bot.domain import timeline
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.erasure import Messages
from bot.domain.job import Reply
from bot.domain.search import Visibility, first_snowflake, moment_of, normalize
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import JobRecord, JobRecordStore
from bot.storage.opt_outs import OptOutStore
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.tables import (
    posted_clips,
    posted_concepts,
    posted_texts,
    search_scores,
    search_taggings,
    taggings,
)
from bot.storage.taggings import TaggingStore
from tests.storage.concept_search import ConceptSearch, SearchHit, SearchQuery, resolved
from tests.storage.samples import FINGERPRINT, TAGGING, make_tagging

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.domain.tagging import Tagging
    from bot.storage.database import Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LOCAL = TaggerIdentity("local", "net", 0.5, "r1")
CLARIFAI = TaggerIdentity("clarifai", "general", 0.9)
NAMES = ("cat", "Cat", "hot dog", "dog", "Café", "DOG SHOW")
SCORES = (0.0, 0.3, 0.5, 0.6, 0.9, 0.95)
GUILDS, CHANNELS = (1, 2, None), (10, 11, 12)


def tagged(
    fingerprint: str, tagger: TaggerIdentity, *seconds: Iterable[tuple[str, float]]
) -> Tagging:
    frames = tuple(
        Frame(second * 1000, tuple(Concept(*each) for each in seen))
        for second, seen in enumerate(seconds)
    )
    return replace(make_tagging(frames, fingerprint), tagger=tagger)


def posted(message_id: int, fingerprint: str, **others: object) -> PostedClip:
    clip = PostedClip(message_id, fingerprint, 1, 10, 5, NOW)
    return replace(clip, **others)  # type: ignore[arg-type]  # fields by name


@pytest.fixture
def found(database: Database) -> ConceptSearch:
    return ConceptSearch(database)


async def keep(database: Database, tagging: Tagging, *clips: PostedClip) -> None:
    await TaggingStore(database).save(tagging)
    await PostedClipStore(database).add(clips)


async def look(found: ConceptSearch, tag: str, **narrowed: object) -> list[SearchHit]:
    concept = await found.named(tag)
    if concept is None:
        return []
    search = SearchQuery(concept.number, **narrowed)  # type: ignore[arg-type]  # fields by name
    hits = await found.find(search, limit=100)
    assert await found.count(search) == len(hits)
    return hits


# ---- compared with a full scan

clips = st.builds(
    PostedClip,
    message_id=st.builds(
        lambda days, number: first_snowflake(NOW + timedelta(days=days)) + number,
        st.integers(0, 3),
        st.integers(0, 1),
    ),
    fingerprint=st.sampled_from(["a", "b", "c", "d"]),
    guild_id=st.sampled_from(GUILDS),
    channel_id=st.integers(10, 15),
    author_id=st.sampled_from([5, 6, None]),
    posted_at=st.just(NOW),
    parent_id=st.sampled_from([None, 10, 11]),
    private=st.booleans(),
    game=st.sampled_from([None, "Cat", "Hot Dog"]),
)
seconds = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(SCORES)), max_size=3)
tagged_clips = st.builds(
    lambda fingerprint, tagger, frames: tagged(fingerprint, tagger, *frames),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([LOCAL, CLARIFAI]),
    st.lists(seconds, max_size=18),  # the samples' clip has sixteen seconds
)
ids = st.frozensets(st.integers(10, 15), max_size=3)
searches = st.builds(
    SearchQuery,
    concept=st.just(0),
    guild_id=st.sampled_from(GUILDS),
    channel_id=st.sampled_from([None, 10, 14]),
    author_id=st.sampled_from([None, 5]),
    since=st.sampled_from([None, NOW + timedelta(days=1)]),
    until=st.sampled_from([None, NOW + timedelta(days=2)]),
    min_score=st.sampled_from([None, 0.0, 0.6]),
    visibility=st.one_of(st.none(), st.builds(Visibility, ids, ids, ids)),
)


def is_seen(clip: PostedClip, visibility: Visibility | None) -> bool:
    if visibility is None or clip.channel_id in visibility.channels | visibility.threads:
        return True
    if clip.parent_id is None:
        return False
    return clip.parent_id in visibility.managed or (
        clip.parent_id in visibility.channels and not clip.private
    )


def is_wanted(clip: PostedClip, search: SearchQuery) -> bool:
    return (
        search.guild_id in {None, clip.guild_id}
        and search.channel_id in {None, clip.channel_id, clip.parent_id}
        and search.author_id in {None, clip.author_id}
        and (search.since is None or moment_of(clip.message_id) >= search.since)
        and (search.until is None or moment_of(clip.message_id) < search.until)
    )


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(tagged_clips, max_size=5),
    st.lists(clips, max_size=8, unique_by=lambda clip: (clip.message_id, clip.fingerprint)),
    searches,
    st.sampled_from(NAMES),
)
async def test_the_index_finds_the_same_clips_as_a_full_scan(
    database: Database,
    seen: list[Tagging],
    shared: list[PostedClip],
    search: SearchQuery,
    tag: str,
) -> None:
    async with database.writing() as connection:
        for table in (posted_clips, posted_concepts, posted_texts, taggings):
            await connection.execute(delete(table))
    await GuildSettingsStore(database).set_threshold(1, "local:net", 0.6)
    known: dict[tuple[str, TaggerIdentity], Tagging] = {}
    for tagging in seen:
        await TaggingStore(database).save(tagging)
        # Saving the same again changes nothing.
        known.setdefault((tagging.info.fingerprint, tagging.tagger), tagging)
    await PostedClipStore(database).add(shared)

    def threshold(clip: PostedClip, tagger: TaggerIdentity) -> float:
        own = 0.6 if clip.guild_id == 1 and tagger == LOCAL else tagger.default_threshold
        return own if search.min_score is None else search.min_score

    def shows(clip: PostedClip, tagging: Tagging) -> bool:
        if clip.game and normalize(clip.game) == normalize(tag):
            return True
        above = threshold(clip, tagging.tagger)
        built = timeline.build(tagging.frames, tagging.info.duration, above)
        return any(normalize(segment.tag) == normalize(tag) for segment in built.segments)

    expected = [
        clip
        for clip in sorted(shared, key=lambda clip: (-clip.message_id, clip.fingerprint))
        if is_seen(clip, search.visibility)
        and is_wanted(clip, search)
        and any(shows(clip, each) for key, each in known.items() if key[0] == clip.fingerprint)
    ]
    found = ConceptSearch(database)
    concept = await found.named(tag)
    if concept is None:
        assert expected == []
        return
    search = replace(search, concept=concept.number)
    hits = await found.find(search, limit=100)
    assert [(hit.message_id, hit.fingerprint) for hit in hits] == [
        (clip.message_id, clip.fingerprint) for clip in expected
    ]
    assert await found.count(search) == len(expected)
    pages = [await found.find(search, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [hit for page in pages for hit in page] == hits
    visibility = search.visibility or Visibility(frozenset(range(10, 16)))
    suggested = await found.suggest("", guild_id=search.guild_id, visibility=visibility)
    everywhere = replace(
        search,
        channel_id=None,
        author_id=None,
        since=None,
        until=None,
        min_score=None,
        visibility=visibility,
    )
    assert (concept.name in suggested) == (await found.count(everywhere) > 0)


# ---- single behaviours


async def test_a_hit_has_its_position_and_score(database: Database, found: ConceptSearch) -> None:
    tagging = tagged(FINGERPRINT, LOCAL, [("cat", 0.6)], [("cat", 0.8)])
    message = first_snowflake(NOW)
    clip = posted(message, FINGERPRINT, position=2, clips=3, posted_at=NOW + timedelta(days=9))
    await keep(database, tagging, clip)
    (hit,) = await look(found, "CAT")
    assert (hit.score, hit.threshold, hit.tagger) == (0.8, 0.5, LOCAL)
    assert (hit.position, hit.clips, hit.posted_at) == (2, 3, NOW)
    assert hit.link == f"https://discord.com/channels/1/10/{message}"
    private = replace(hit, guild_id=None)
    assert private.link == f"https://discord.com/channels/@me/10/{message}"


async def test_a_hit_of_a_command_links_to_the_reply(
    database: Database, found: ConceptSearch
) -> None:
    await keep(database, tagged(FINGERPRINT, LOCAL, [("cat", 0.8)]), posted(7, FINGERPRINT))
    store = JobRecordStore(database)
    await store.add(JobRecord("interaction-7", channel_id=10))
    await store.save_reply("interaction-7", Reply(10, 99))
    (hit,) = await look(found, "cat")
    assert hit.link == "https://discord.com/channels/1/10/99"


async def test_the_operators_default_threshold_applies_to_its_tagger_only(
    database: Database,
) -> None:
    found = ConceptSearch(database, {str(LOCAL): 0.7})
    await keep(database, tagged("a", LOCAL, [("cat", 0.65)]), posted(1, "a"))
    other = replace(LOCAL, model="net-2")
    await keep(database, tagged("b", other, [("cat", 0.65)]), posted(2, "b"))
    assert [hit.fingerprint for hit in await look(found, "cat")] == ["b"]
    await GuildSettingsStore(database).set_threshold(1, "local:net", 0.6)
    assert [hit.fingerprint for hit in await look(found, "cat")] == ["b", "a"]


async def test_only_what_the_models_chosen_by_a_server_saw_is_found(database: Database) -> None:
    food, local = replace(CLARIFAI, model="food"), LOCAL
    found = ConceptSearch(database, choosable=(CLARIFAI.model, "food"))
    for tagger in (CLARIFAI, food, local):
        names = [("cat", 0.99), (tagger.model, 0.99)]
        await keep(database, tagged("a", tagger, names), posted(1, "a"))
    settings = GuildSettingsStore(database)

    async def finds() -> list[str]:
        models = (CLARIFAI.model, "food", local.model)
        return [each for each in models if await look(found, each)]

    for chosen, seen in (
        ((), [CLARIFAI.model, "food", local.model]),
        (("food",), ["food", local.model]),
        (("gone",), [CLARIFAI.model, "food", local.model]),
        (("food", CLARIFAI.model), [CLARIFAI.model, "food", local.model]),
    ):
        await settings.update(1, models=frozenset(chosen))
        assert await finds() == seen
    await settings.update(1, models=frozenset({"food"}))
    visible = Visibility(frozenset({10}))
    assert await found.suggest("", guild_id=1, visibility=visible) == ["cat", "food", local.model]


async def test_a_clip_tagged_in_two_languages_is_found_in_both_and_once(
    database: Database, found: ConceptSearch
) -> None:
    german = replace(CLARIFAI, revision="@de")
    await keep(database, tagged("a", CLARIFAI, [("cat", 0.95), ("taxi", 0.95)]), posted(1, "a"))
    await keep(database, tagged("a", german, [("Katze", 0.95), ("Taxi", 0.95)]), posted(2, "a"))
    assert [hit.tagger for hit in await look(found, "cat")] == [CLARIFAI, CLARIFAI]
    assert [hit.tagger for hit in await look(found, "katze")] == [german, german]
    both = await look(found, "taxi")
    assert [(hit.message_id, hit.tagger) for hit in both] == [(2, german), (1, german)]


async def test_frames_past_the_end_of_a_clip_are_not_found(
    database: Database, found: ConceptSearch
) -> None:
    seconds: list[list[tuple[str, float]]] = [[] for _ in range(15)]
    await keep(database, tagged("a", LOCAL, *seconds, [("cat", 0.8)], [("dog", 0.8)]))
    await PostedClipStore(database).add([posted(1, "a")])
    assert len(await look(found, "cat")) == 1
    assert await look(found, "dog") == []


async def test_a_deleted_clip_leaves_the_index(database: Database, found: ConceptSearch) -> None:
    await keep(database, tagged("a", LOCAL, [("cat", 0.8)]), posted(1, "a"), posted(2, "a"))
    store = PostedClipStore(database)
    await store.erase(Messages(frozenset({2})))
    assert len(await look(found, "cat")) == 1
    await store.erase(Messages(frozenset({1})))
    async with database.reading() as connection:
        for table in (search_taggings, search_scores, posted_concepts, posted_texts):
            assert await connection.scalar(select(func.count()).select_from(table)) == 0


async def test_clips_of_people_who_opted_out_are_not_found(
    database: Database, found: ConceptSearch
) -> None:
    await keep(database, tagged("a", LOCAL, [("cat", 0.8)]), posted(1, "a"))
    await keep(database, tagged("b", LOCAL, [("cat", 0.8)]), posted(2, "b", author_id=None))
    await OptOutStore(database).add(5)
    assert [hit.message_id for hit in await look(found, "cat")] == [2]
    await PostedClipStore(database).erase(Messages(frozenset({2})))
    assert await found.suggest("", guild_id=1, visibility=Visibility(frozenset({10}))) == []


async def test_names_with_characters_that_databases_refuse_are_indexed(
    database: Database, found: ConceptSearch
) -> None:
    odd = replace(
        TAGGING, frames=(Frame(0, (Concept("\ud800c\0at", 0.9), Concept("\u202e", 0.9))),)
    )
    await keep(database, odd, posted(1, FINGERPRINT))
    assert len(await look(found, "cat")) == 1
    assert await found.suggest("", guild_id=1, visibility=Visibility(frozenset({10}))) == ["cat"]


async def test_suggestions_match_the_start_of_a_word_most_frequent_first(
    database: Database, found: ConceptSearch
) -> None:
    seen = [("hot dog", 0.9), ("dog", 0.9), ("100% wool", 0.9), ("Ärger", 0.9), ("doubt", 0.4)]
    await keep(database, tagged("a", LOCAL, seen), posted(1, "a"))
    await keep(database, tagged("b", LOCAL, [("hot dog", 0.9)]), posted(2, "b"))
    await keep(database, tagged("c", LOCAL, [("dog", 0.9)]), posted(3, "c", channel_id=11))

    async def suggest(typed: str, *channels: int, **others: object) -> list[str]:
        visibility = Visibility(frozenset(channels or (10,)))
        return await found.suggest(typed, guild_id=1, visibility=visibility, **others)  # type: ignore[arg-type]

    assert await suggest("DO") == ["hot dog", "dog"]
    assert await suggest("do", 10, 11) == ["dog", "hot dog"]
    assert await suggest("do", hidden=["Hot Dog"]) == ["dog"]
    assert await suggest("og") == []
    assert await suggest("arg") == ["Ärger"]
    assert await suggest("%") == await suggest("_") == []
    assert await suggest("100%") == ["100% wool"]
    assert await suggest("", limit=2) == ["hot dog", "100% wool"]
    assert await suggest("", 12) == []


async def test_only_private_threads_that_may_be_visible_are_returned(
    database: Database, found: ConceptSearch
) -> None:
    await keep(
        database,
        tagged("a", LOCAL, [("cat", 0.8)]),
        posted(1, "a"),
        posted(2, "a", channel_id=20, parent_id=10),
        posted(3, "a", channel_id=21, parent_id=10, private=True),
        posted(4, "a", channel_id=22, parent_id=10, private=True),
        posted(5, "a", channel_id=23, parent_id=11, private=True),
        posted(6, "a", channel_id=24, parent_id=12, private=True),
        posted(7, "a", channel_id=22, parent_id=10, private=True),
    )
    concept = await found.named("cat")
    assert concept is not None
    visibility = Visibility(frozenset({10, 12}), managed=frozenset({12}))
    search = SearchQuery(concept.number, 1, visibility=visibility)
    assert await found.private_threads(resolved(search), 9) == [22, 21]
    assert await found.private_threads(resolved(search), 1) == [22]
    assert await found.private_threads(resolved(replace(search, visibility=None)), 9) == []
    joined = replace(search, visibility=replace(visibility, threads=frozenset({22})))
    assert await found.private_threads(resolved(joined), 9) == [21]
    assert [hit.message_id for hit in await found.find(joined, limit=9)] == [7, 6, 4, 2, 1]
