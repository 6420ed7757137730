"""A host that serves one clip to the bot and another to Clarifai poisons no other message."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web
from yarl import URL

from bot.domain.budget import Payer
from bot.domain.clip import Clip, ClipFormat, ClipInfo, ClipLimits, ProxyLimits
from bot.domain.concepts import Concept, Frame
from bot.domain.tagging import Tagging, TagRequest
from bot.media.decode.proxy import ProxyMaker
from bot.media.fetch.download import Fetcher
from bot.media.sandbox.pool import Sandbox
from bot.runtime.metrics import Metrics
from bot.services.known_taggings import KnownTaggings
from bot.services.tag_clip import ClipTagger
from bot.storage.database import Database
from bot.storage.taggings import TaggingStore
from bot.taggers.cache import CachingTagger, TaggerGroup
from bot.taggers.clarifai.tagger import ClarifaiTagger
from bot.taggers.proxy import ProxyTagger
from tests.media.numbered_clips import numbered_clip
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai_eyes import reading
from tests.taggers.clarifai.setup import talking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.media.fetch.download import Fetched
    from tests.stand_ins.clarifai import LoopbackClarifai

FOOD = "food-item-recognition"
LIMITS = ClipLimits(by_url=2_000_000, as_bytes=100_000)
PROXIES = ProxyLimits(size=2_000_000, duration=60_000)


class FetcherOfPublicHosts(Fetcher):
    """A fetcher for which hosts on loopback are public."""

    async def fetch(self, *args: Any) -> Fetched:
        return replace(await super().fetch(*args), public=True)


class Service:
    """A service that tags the link of a two-faced host, and its Clarifai."""

    def __init__(
        self, link: str, good: Path, clarifai: LoopbackClarifai, store: TaggingStore
    ) -> None:
        self.link = link
        self.good = good
        self.clarifai = clarifai
        self.store = store
        self.clip_tagger: ClipTagger

    async def tag(self, job: str) -> Tagging:
        request = TagRequest(Clip("a.mp4", self.link), payer=Payer("guild-1", job))
        return await self.clip_tagger.tag_link(request)


@asynccontextmanager
async def two_faced_host(good: Path, bad: Path) -> AsyncIterator[str]:
    """Serve one clip to the bot and another one to everybody else."""
    with good.open("ab") as file:  # a box that readers ignore, so that it is too large to be sent
        file.write((200_000).to_bytes(4) + b"free" + bytes(200_000 - 8))

    async def answer(request: web.Request) -> web.StreamResponse:
        ours = request.headers.get("User-Agent") == "Framehound"
        return web.FileResponse(good if ours else bad)

    app = web.Application()
    app.router.add_get("/clip.mp4", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/clip.mp4"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened(
    folder: Path, database_url: str, *, proxies: bool = False, model: str | None = None
) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        good = numbered_clip(folder / "good.mp4", ClipFormat.MP4, 3)
        bad = numbered_clip(folder / "bad.mp4", ClipFormat.MP4, 4)
        link = await stack.enter_async_context(two_faced_host(good, bad))
        database = await stack.enter_async_context(Database.open(database_url))
        sandbox = await stack.enter_async_context(Sandbox(workers=1, folder=folder / "work"))
        clarifai, tagger = await stack.enter_async_context(talking(limits=LIMITS, fetches=True))
        if proxies:
            clarifai.eyes = reading(formats=list(ClipFormat))
        poison = replies.frames({0: {"poison": 0.99}})
        clarifai.serve(poison, sha256=fingerprint(bad).removeprefix("sha256:"))
        host = (URL(link).host or "", URL(link).port or 0)
        fetcher = await stack.enter_async_context(FetcherOfPublicHosts({host}))
        service = Service(link, good, clarifai, TaggingStore(database))
        proxying = ProxyTagger(tagger, ProxyMaker(sandbox, folder / "work"), LIMITS, PROXIES)
        others = (with_model(tagger, model),) if model else ()
        group = TaggerGroup(proxying if proxies else tagger, others)
        main = CachingTagger(group, service.store, Metrics())
        service.clip_tagger = ClipTagger(
            fetcher=fetcher,
            sandbox=sandbox,
            main=main,
            folder=folder / "work",
            metrics=Metrics(),
        )
        yield service


def with_model(tagger: ClarifaiTagger, model: str) -> ClarifaiTagger:
    account = replace(tagger._account, model_id=model)
    return ClarifaiTagger(tagger._session, account, LIMITS)


def fingerprint(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


async def test_what_clarifai_saw_behind_a_link_counts_for_that_message_alone(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with opened(tmp_path, sqlite_url) as service:
        seen = await service.tag("message-1")
        assert [concept.name for concept in seen.frames[0].concepts] == ["poison"]
        identity = service.clip_tagger.tagger.identity
        assert await service.store.find(fingerprint(service.good), identity) is None
        assert seen.info.fingerprint.startswith("link:")
        assert await service.store.find(seen.info.fingerprint, identity) == seen
        assert await service.tag("message-1") == seen  # a repeated step costs nothing
        assert len(service.clarifai.calls) == 1
        other = await service.tag("message-2")
        assert other.info.fingerprint != seen.info.fingerprint
        assert len(service.clarifai.calls) == 2


async def test_a_link_to_another_host_than_discord_is_sent_as_a_proxy_instead(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with opened(tmp_path, sqlite_url, proxies=True) as service:
        seen = await service.tag("message-1")
        assert [call.url for call in service.clarifai.calls] == [None]
        assert seen.proxied
        assert seen.info.fingerprint == fingerprint(service.good)
        assert await service.tag("message-2") == seen


async def test_what_one_model_saw_behind_a_link_taints_nothing_that_another_saw(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with opened(tmp_path, sqlite_url, model=FOOD) as service:
        clip_tagger, good = service.clip_tagger, fingerprint(service.good)
        main, food = clip_tagger.models.identities
        info = ClipInfo(ClipFormat.MP4, 1, 3000, good)
        known = Tagging(info, (Frame(0, (Concept("cat", 0.99),)),), main)
        await service.store.save(known)  # as when the clip was uploaded
        seen = await service.tag("message-1")
        for again in (seen, await service.tag("message-1")):  # a repeated step costs nothing
            names = {concept.name for frame in again.frames for concept in frame.concepts}
            assert (names, again.models) == ({"cat", "poison"}, (main, food))
            assert again.info.fingerprint.startswith("link:")
        assert [call.model_id for call in service.clarifai.calls] == [FOOD]
        taggings = KnownTaggings(service.store, clip_tagger.models)
        assert await taggings.find(seen.info.fingerprint) == seen
        assert await taggings.find(good) == known
