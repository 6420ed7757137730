"""Copies of tagged clips cost no call to Clarifai: real clips, a real sandbox, a real server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from bot.domain.budget import Payer
from bot.domain.clip import Clip, ClipFile, ClipFormat, ClipInfo
from bot.domain.tagging import Observations, SecondRange, Tagging, TagRequest, Thumbnail
from bot.errors import TooSlow
from bot.media.sandbox.pool import Sandbox
from bot.runtime.metrics import Metrics
from bot.storage.copies import CopyStore
from bot.storage.posted_clips import PostedClip
from bot.taggers import copies
from bot.taggers.cache import CachingTagger
from bot.taggers.copies import CopyFinder
from tests.conftest import CLIPS
from tests.domain.test_perceptual_hash import made
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN
from tests.storage.samples import IDENTITY
from tests.storage.test_copies import DAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.domain.progress import ProgressListener
    from bot.runtime.app import App


@pytest.fixture
async def clarifai() -> AsyncIterator[LoopbackClarifai]:
    async with LoopbackClarifai() as clarifai:
        yield clarifai


@pytest.fixture
async def app(
    clarifai: LoopbackClarifai, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> App:
    config = make_config(clarifai_pat=TOKEN, clarifai_api_url=clarifai.url, recognize_copies="on")
    app: App = await open_app(config)
    return app


async def tag(app: App, name: str, payer: Payer | None = None) -> Tagging:
    request = TagRequest(Clip(name, str(CLIPS / name)), payer=payer or Payer())
    return await app.services.clip_tagger.tag_file(request)


async def test_a_re_encoded_copy_gets_the_tags_without_a_call(
    app: App, clarifai: LoopbackClarifai
) -> None:
    first = await tag(app, "montage.mp4")
    billed = await app.stores.usage.used()
    copy = await tag(app, "montage.webm")
    assert len(clarifai.calls) == 1
    assert await app.stores.usage.used() == billed
    assert copy.frames == first.frames
    assert copy.info.format == "webm"
    assert copy.info.fingerprint != first.info.fingerprint
    assert await tag(app, "montage.webm") == copy
    await tag(app, "city.mp4")
    assert len(clarifai.calls) == 2


async def test_a_copy_of_another_servers_clip_is_tagged_anew(
    app: App, clarifai: LoopbackClarifai
) -> None:
    tagging = await tag(app, "montage.mp4", Payer("guild-1", "message-1"))
    posted = PostedClip(1, tagging.info.fingerprint, 1, 3, 5, DAY)
    await app.stores.posted_clips.add([posted])
    await tag(app, "montage.webm", Payer("guild-2", "message-2"))
    assert len(clarifai.calls) == 2
    await tag(app, "montage.mkv", Payer("guild-1", "message-3"))
    assert len(clarifai.calls) == 2


async def test_a_clip_that_cannot_be_hashed_is_tagged_all_the_same(
    app: App, clarifai: LoopbackClarifai, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Sandbox.run

    async def slow(self: Sandbox, task: str, *args: Any, **more: Any) -> Any:
        if task == copies.TASK:
            raise TooSlow(stage="decode")
        return await run(self, task, *args, **more)

    monkeypatch.setattr(Sandbox, "run", slow)
    with capture_logs() as logs:
        assert (await tag(app, "montage.mp4")).frames
    assert "clip not hashed" in {line["event"] for line in logs}
    assert len(clarifai.calls) == 1


async def test_a_copy_gets_no_thumbnails_and_nothing_that_was_not_seen(app: App) -> None:
    finder = CopyFinder(app.sandbox, CopyStore(app.stores.database), app.stores.taggings)
    info = ClipInfo(ClipFormat.MP4, 9, 10_000, "sha256:1")
    original = Tagging(
        info, (), IDENTITY, (Thumbnail(0, b"a picture"),), proxied=True, perceptual_hash=made(1)
    )
    await app.stores.taggings.save(original)
    copy = ClipFile(CLIPS / "city.mp4", replace(info, fingerprint="sha256:2"))
    found = await finder.tagging_of(copy, made(1), IDENTITY)
    assert found == Tagging(copy.info, (), IDENTITY)
    damaged = replace(info, fingerprint="sha256:3")
    unreadable = (SecondRange(0, 1),)
    await app.stores.taggings.save(
        replace(original, info=damaged, unreadable=unreadable, perceptual_hash=made(1, scene=4))
    )
    assert await finder.tagging_of(copy, made(1, scene=4), IDENTITY) is None


class ByLink:
    """A tagger that fetched the clip itself, from a host that may have sent it another one."""

    identity = IDENTITY
    longest = 600_000

    def count_frames(self, duration: int) -> int:
        return duration // 1000

    def size_limit(self, *, public: bool) -> int:
        return 80_000_000 if public else 0

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        del clip, progress
        return Observations((), by_link=True)

    async def check(self) -> str:
        return "by link"


async def test_what_a_tagger_saw_behind_a_link_is_not_taken_over(app: App) -> None:
    copies_of = CopyStore(app.stores.database)
    finder = CopyFinder(app.sandbox, copies_of, app.stores.taggings)
    tagger = CachingTagger(ByLink(), app.stores.taggings, Metrics(), copies=finder)
    info = ClipInfo(ClipFormat.MP4, 9, 16_000, "sha256:1")
    clip = ClipFile(CLIPS / "montage.mp4", info)

    async def examine() -> ClipFile:
        return clip

    request = TagRequest(Clip("a.mp4", "a"), payer=Payer("guild-1", "message-1"))
    tagging = await tagger.tag("sha256:1", examine, request)
    assert tagging.info.fingerprint.startswith("link:")
    found = await finder.hash(clip)
    assert found
    assert await copies_of.originals_of(found, 16_000, IDENTITY, "") == []
