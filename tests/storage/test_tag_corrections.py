"""Wrong tags are hidden in one server, and forgotten with its last message that has the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.erasure import Messages, Person
from bot.domain.search import Visibility
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.tag_corrections import TagCorrectionStore
from bot.storage.taggings import TaggingStore
from tests.cogs.searchable_clips import DAY, tagging
from tests.storage.concept_search import ConceptSearch, SearchQuery

if TYPE_CHECKING:
    from bot.storage.database import Database

CLIP = "sha256:a"
HERE, THERE = 1, 2
MESSAGES = (
    PostedClip(100, CLIP, HERE, 10, 5, DAY),
    PostedClip(101, CLIP, HERE, 10, 6, DAY, game="Cat"),
    PostedClip(102, CLIP, THERE, 20, 5, DAY),
)


async def fill(database: Database) -> TagCorrectionStore:
    await TaggingStore(database).save(tagging(CLIP, {"Cat": 0.97, "dog": 0.8}))
    await PostedClipStore(database).add(MESSAGES)
    return TagCorrectionStore(database)


async def test_a_wrong_tag_is_neither_found_nor_suggested_in_its_server(database: Database) -> None:
    corrections, index = await fill(database), ConceptSearch(database)
    concept = await index.named("cat")
    assert concept
    query = SearchQuery(concept.number)
    everywhere = Visibility(frozenset({10, 20}))

    async def found() -> list[int]:
        hits = await index.find(query, limit=9)
        assert await index.count(query) == len(hits)
        return [hit.message_id for hit in hits]

    async def suggested(guild_id: int) -> list[str]:
        return await index.suggest("", guild_id=guild_id, visibility=everywhere)

    assert await found() == [102, 101, 100]
    assert await suggested(HERE) == ["Cat", "dog"]
    assert await corrections.hide(HERE, CLIP, "cat")
    assert await found() == [102]
    assert await suggested(HERE) == ["dog"]
    assert await suggested(THERE) == ["Cat", "dog"]
    assert await corrections.load(HERE, [CLIP, "sha256:b"]) == {CLIP: ("Cat",)}
    assert await corrections.load(THERE, [CLIP]) == {}
    await corrections.show(HERE, CLIP, "CAT")
    assert await found() == [102, 101, 100]
    assert await corrections.count() == 0


async def test_a_correction_is_erased_with_the_last_message_of_its_server(
    database: Database,
) -> None:
    corrections, clips = await fill(database), PostedClipStore(database)
    assert await corrections.hide(HERE, CLIP, "cat")
    assert await corrections.hide(HERE, CLIP, "cat")
    assert await corrections.hide(THERE, CLIP, "dog")
    await clips.erase(Messages(frozenset({100})))
    assert await corrections.count() == 2
    exported = [each async for each in corrections.everything()]
    assert [(each.guild_id, each.tag, each.scores) for each in exported] == [
        (HERE, "Cat", {"local:net": 0.97}),
        (THERE, "dog", {"local:net": 0.8}),
    ]
    await clips.erase(Person(6))
    assert await corrections.load(HERE, [CLIP]) == {}
    assert await corrections.count() == 1
    assert not await corrections.hide(HERE, CLIP, "cat")
    assert await corrections.count() == 1
