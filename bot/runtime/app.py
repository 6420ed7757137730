"""The one place where parts are chosen, opened and wired together."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import aiohttp

from bot.media.decode.proxy import ProxyMaker
from bot.media.fetch.download import Fetcher
from bot.media.fetch.sites import SiteFetcher
from bot.media.sandbox.pool import Sandbox
from bot.media.scratch_dir import remove_stale_dirs
from bot.runtime.metrics import Metrics
from bot.services.alerts import AlertService
from bot.services.answer_job import Answerer
from bot.services.erasure import Erasure
from bot.services.job_records import JobRecords
from bot.services.reports import ReportBuilder
from bot.services.search import ClipSearch
from bot.services.tag_clip import ClipTagger
from bot.storage import locks
from bot.storage.database import Database
from bot.storage.engine import queue_url
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import ReportStore
from bot.storage.meta import MetaStore
from bot.storage.opt_outs import OptOutStore
from bot.storage.posted_clips import PostedClipStore
from bot.storage.rate_limiter import RateLimiter
from bot.storage.search import SearchStore
from bot.storage.taggings import TaggingStore
from bot.storage.usage import UsageStore
from bot.storage.watches import WatchStore
from bot.taggers.cache import BillingAccount, CachingTagger
from bot.taggers.circuit_breaker import CircuitBreaker
from bot.taggers.clarifai.tagger import ClarifaiAccount, ClarifaiTagger
from bot.taggers.local.tagger import LocalTagger
from bot.taggers.proxy import ProxyTagger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.config import Config
    from bot.domain.concepts import TaggerIdentity
    from bot.jobs.queue import JobQueue
    from bot.services.erasure import QueuedJobs
    from bot.storage.locks import Locks
    from bot.taggers import Tagger


# Decoding keeps about one core busy a child; more than two only take each other's turns.
_CHILDREN = 2
# Seconds a clip waits for Clarifai to be well again; an interaction can be answered for 900.
_PATIENCE = 600.0
# Calls arrive a little earlier or later than they are made: at the full pace there would be one too
# many within some second.
_PACE = 0.95


@dataclass(frozen=True, slots=True)
class App:
    """Everything a front end needs, open for as long as ``opened`` lasts."""

    config: Config
    clip_tagger: ClipTagger
    reporter: ReportBuilder
    answerer: Answerer
    notes: JobRecords
    clip_search: ClipSearch
    settings: GuildSettingsStore
    taggings: TaggingStore
    posted_clips: PostedClipStore
    reports: ReportStore
    watches: WatchStore
    people: OptOutStore
    usage: UsageStore
    meta: MetaStore
    locks: Locks
    metrics: Metrics

    def erasure(self, jobs: QueuedJobs) -> Erasure:
        """Return what forgets, in the queue's rows too."""
        days = self.config.retention_days
        return Erasure(
            self.posted_clips,
            self.reports,
            self.watches,
            self.settings,
            self.usage,
            jobs,
            retention_days=days,
        )


@asynccontextmanager
async def opened_taggers(config: Config) -> AsyncIterator[dict[str, Tagger]]:
    """Open every tagger these settings allow, by name."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(workers=1, folder=_folder(config)))
        taggers: dict[str, Tagger] = {}
        if config.clarifai_pat:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            taggers["clarifai"] = ClarifaiTagger(session, _account(config), config.limits)
        taggers["local"] = await _local(config, sandbox)
        yield taggers


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[App]:
    """Open every resource once; they close in the opposite order."""
    async with AsyncExitStack() as stack:
        folder = _folder(config)
        await remove_stale_dirs(folder)
        metrics = Metrics()
        database = await stack.enter_async_context(Database.open(config.database))
        settings = GuildSettingsStore(database)
        posted_clips = PostedClipStore(database)
        parts = _Parts(
            config,
            stack,
            database,
            await stack.enter_async_context(Sandbox(workers=_CHILDREN, folder=folder)),
            await stack.enter_async_context(locks.opened(config.database)),
            metrics,
        )
        asked = await parts.asked()
        clip_tagger = ClipTagger(
            fetcher=await parts.fetcher(asked.tagger.longest),
            sandbox=parts.sandbox,
            asked=asked,
            fallback=await parts.fallback(),
            folder=folder,
            metrics=metrics,
        )
        reporter = ReportBuilder(clip_tagger, settings, config.default_threshold)
        reports = ReportStore(database)
        notes = JobRecords(posted_clips, reports)
        watches = WatchStore(database)
        yield App(
            config=config,
            clip_tagger=clip_tagger,
            reporter=reporter,
            answerer=Answerer(clip_tagger, reporter, notes, AlertService(watches, reporter)),
            notes=notes,
            clip_search=_clip_search(config, database, settings, clip_tagger.tagger.identity),
            settings=settings,
            taggings=TaggingStore(database),
            posted_clips=posted_clips,
            reports=reports,
            watches=watches,
            people=OptOutStore(database),
            usage=UsageStore(database),
            meta=MetaStore(database),
            locks=parts.locks,
            metrics=metrics,
        )


def job_queue(config: Config, metrics: Metrics | None = None) -> JobQueue:
    """Return the queue for this process; its tables lie beside ours."""
    from bot.jobs.queue import JobLimits, JobQueue  # noqa: PLC0415 - who only tags needs no queue
    from bot.jobs.workflow import JobTimeouts  # noqa: PLC0415 - see above

    oldest = config.max_job_age_minutes
    return JobQueue(
        queue_url(config.database),
        worker_id=config.worker_id,
        limits=JobLimits(
            config.worker_concurrency, config.server_concurrency, config.server_waiting
        ),
        timeouts=JobTimeouts(max_age=oldest * 60 if oldest else None),
        metrics=metrics or Metrics(),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What taggers are made of."""

    config: Config
    stack: AsyncExitStack
    database: Database
    sandbox: Sandbox
    locks: Locks
    metrics: Metrics

    async def fetcher(self, longest: int) -> Fetcher:
        """Return what downloads; pages are read in children that keep no clip waiting."""
        config, folder = self.config, _folder(self.config)
        if not config.sites:
            return await self.stack.enter_async_context(Fetcher(config.fetch_allowed_hosts))
        sandbox = await self.stack.enter_async_context(Sandbox(workers=_CHILDREN, folder=folder))
        fetcher = SiteFetcher(
            config.fetch_allowed_hosts,
            sites=config.sites,
            sandbox=sandbox,
            folder=folder,
            longest=longest,
        )
        return await self.stack.enter_async_context(fetcher)

    async def asked(self) -> CachingTagger:
        """Return the tagger the settings choose."""
        if self.config.chosen_tagger == "local":
            return self._remembering(await _local(self.config, self.sandbox))
        account = BillingAccount(UsageStore(self.database), self.config.budget)
        return self._remembering(self._proxying(await self._clarifai()), account)

    async def fallback(self) -> CachingTagger | None:
        """Return the tagger to use when Clarifai can't be, if the operator wants one."""
        if self.config.chosen_tagger == "local" or self.config.clarifai_fallback == "wait":
            return None
        return self._remembering(await _local(self.config, self.sandbox))

    async def _clarifai(self) -> CircuitBreaker:
        per_second = self.config.clarifai_calls_per_second * _PACE
        clarifai = ClarifaiTagger(
            await self.stack.enter_async_context(aiohttp.ClientSession()),
            _account(self.config),
            self.config.limits,
            permit=RateLimiter(self.database, "clarifai", per_second).wait,
            metrics=self.metrics,
        )
        # With another tagger at hand nobody waits for Clarifai to be well again.
        waits = self.config.clarifai_fallback == "wait"
        circuit = CircuitBreaker(clarifai, max_wait=_PATIENCE if waits else 0.0)
        self.metrics.circuit_open.set_function(lambda: float(circuit.is_open))
        return circuit

    def _proxying(self, clarifai: CircuitBreaker) -> Tagger:
        proxies = self.config.proxies
        if proxies is None:
            return clarifai
        maker = ProxyMaker(self.sandbox, _folder(self.config))
        return ProxyTagger(clarifai, maker, self.config.limits, proxies)

    def _remembering(self, tagger: Tagger, account: BillingAccount | None = None) -> CachingTagger:
        shared = {"alone": partial(locks.alone, self.locks)} if self.database.is_postgresql else {}
        taggings = TaggingStore(self.database)
        return CachingTagger(tagger, taggings, self.metrics, account=account, **shared)


def _clip_search(
    config: Config, database: Database, settings: GuildSettingsStore, asked: TaggerIdentity
) -> ClipSearch:
    default = config.default_threshold
    index = SearchStore(database, None if default is None else (asked, default))
    return ClipSearch(index, TaggingStore(database), settings)


async def _local(config: Config, sandbox: Sandbox) -> LocalTagger:
    # In a thread: it reads every file of the operator's model, if there is one.
    return await asyncio.to_thread(LocalTagger, sandbox, config.limits, config.local_model)


def _account(config: Config) -> ClarifaiAccount:
    return ClarifaiAccount(
        api_url=config.clarifai_api_url,
        token=config.clarifai_pat.get_secret_value() if config.clarifai_pat else "",
        user_id=config.clarifai_user_id,
        app_id=config.clarifai_app_id,
        model_id=config.clarifai_model_id,
        model_version_id=config.clarifai_model_version_id,
    )


def _folder(config: Config) -> Path:
    """Name the folder for clips while they are worked on; the sandbox makes it."""
    return config.data_dir / "work"
