"""Finding stored copies of a clip, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import TaggerIdentity
from bot.domain.erasure import Messages
from bot.domain.perceptual_hash import PerceptualHash, PictureHash
from bot.domain.tagging import Tagging
from bot.storage import copies
from bot.storage.copies import CopyStore
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.taggings import TaggingStore
from tests.domain.test_perceptual_hash import made

if TYPE_CHECKING:
    from bot.storage.database import Database

CLARIFAI = TaggerIdentity("clarifai", "general", 0.94)
HERE, OPERATOR = "guild-1", ""
COPY = made(1)
DAY = datetime(2026, 11, 1, tzinfo=UTC)


class Clips:
    """Stored clips with hashes."""

    def __init__(self, database: Database) -> None:
        self._taggings = TaggingStore(database)
        self.posted = PostedClipStore(database)
        self.copies = CopyStore(database)

    async def store(
        self,
        name: str,
        found: PerceptualHash = COPY,
        *,
        tagger: TaggerIdentity = CLARIFAI,
        duration: int = 10_000,
        guild_id: int | None = 1,
        author_id: int = 5,
        original: bool = True,
    ) -> None:
        """Store a clip that was posted in a message with the number in its name."""
        info = ClipInfo(ClipFormat.MP4, 9, duration, name)
        tagging = Tagging(info, (), tagger, perceptual_hash=found, original=original)
        await self._taggings.save(tagging)
        message = int(name)
        await self.posted.add([PostedClip(message, name, guild_id, 3, author_id, DAY)])

    async def originals(self, owner: str = HERE, tagger: TaggerIdentity = CLARIFAI) -> list[str]:
        """Return the originals of a clip that looks like ``COPY``."""
        return await self.copies.originals_of(COPY, 10_300, tagger, owner)


@pytest.fixture
def clips(database: Database) -> Clips:
    return Clips(database)


async def test_a_copy_is_found_if_its_pictures_and_its_length_agree(clips: Clips) -> None:
    await clips.store("1")
    await clips.store("2", made(2))
    await clips.store("3", made(1, scene=7))
    await clips.store("4", duration=10_701)
    await clips.store("5", PerceptualHash((PictureHash(),) * 10))
    assert await clips.originals() == ["1"]
    assert await clips.copies.copies_of(["1"], 1) == {"1"}
    await clips.store("6", duration=10_400, original=False)
    assert await clips.copies.copies_of(["1"], 1) == {"1", "6"}
    assert await clips.copies.copies_of(["6"], 1) == {"1", "6", "4"}
    assert await clips.copies.copies_of(["2"], 1) == {"2"}


async def test_only_the_same_taggers_own_observations_are_taken_over(clips: Clips) -> None:
    await clips.store("1", tagger=TaggerIdentity("local", "general", 0.94))
    await clips.store("2", tagger=replace(CLARIFAI, revision="2"))
    await clips.store("3", tagger=replace(CLARIFAI, model="other"))
    await clips.store("4", original=False)
    assert await clips.originals() == []


async def test_a_clip_of_another_server_is_not_taken_over(clips: Clips) -> None:
    await clips.store("1", guild_id=2)
    await clips.store("2", guild_id=None, author_id=7)
    assert await clips.originals() == []
    assert await clips.originals("guild-2") == ["1"]
    assert await clips.originals("person-7") == ["2"]
    assert await clips.originals("person-5") == []
    assert await clips.originals(OPERATOR) == ["1", "2"]
    assert await clips.copies.copies_of(["1"], 1) == {"1"}


async def test_a_hash_is_erased_with_its_clip(clips: Clips) -> None:
    await clips.store("1")
    await clips.posted.erase(Messages(frozenset({1})))
    assert await clips.originals(OPERATOR) == []


async def test_a_limited_number_of_hashes_is_compared(
    clips: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MAX_COMPARED", 2)
    for number in range(1, 5):
        await clips.store(str(number))
    assert await clips.originals() == ["1", "2"]
