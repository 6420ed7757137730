"""Wiring: the one place where implementations are chosen, opened and connected."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from bot.media.decode.proxy import ProxyMaker
from bot.media.fetch.download import Fetcher
from bot.media.fetch.own_networks import OwnNetworks
from bot.media.fetch.sites import MODULE as SITES_MODULE
from bot.media.fetch.sites import SiteFetcher
from bot.media.sandbox.pool import Sandbox, SandboxLimits
from bot.media.scratch_dir import remove_stale_dirs
from bot.runtime.metrics import Metrics
from bot.services.alerts import AlertService
from bot.services.answer_job import Answerer
from bot.services.clip_copies import ClipCopies
from bot.services.erasure import Erasure
from bot.services.history_index import HistoryIndex
from bot.services.job_records import JobRecords
from bot.services.known_taggings import KnownTaggings
from bot.services.library import ServerLibrary
from bot.services.personal_alerts import PersonalAlerts
from bot.services.query_resolver import QueryResolver
from bot.services.reports import ReportBuilder
from bot.services.search import ClipSearch
from bot.services.search_reasons import ReasonFinder
from bot.services.tag_clip import ClipTagger
from bot.storage import locks
from bot.storage.concepts import ConceptStore
from bot.storage.copies import CopyStore
from bot.storage.database import Database
from bot.storage.engine import queue_url
from bot.storage.library import LibraryStore
from bot.storage.previews import PreviewStore
from bot.storage.rate_limiter import RateLimiter
from bot.storage.same_clips import SameClipStore
from bot.storage.search import SearchStore
from bot.storage.senses import SenseStores
from bot.storage.stores import Stores
from bot.storage.taggings import TaggingStore
from bot.storage.usage import UsageStore
from bot.taggers.billing import BillingAccount
from bot.taggers.cache import CachingTagger, TaggerGroup
from bot.taggers.circuit_breaker import CircuitBreaker
from bot.taggers.clarifai.tagger import ClarifaiAccount, ClarifaiTagger
from bot.taggers.clip_senses import ClipSenseReader
from bot.taggers.copies import CopyFinder
from bot.taggers.local.sense_reader import SenseReader
from bot.taggers.local.tagger import LocalTagger
from bot.taggers.proxy import ProxyTagger
from bot.taggers.trouble import TaggerTrouble
from bot.taggers.vision.endpoint import VisionEndpoint
from bot.taggers.vision.tagger import VisionTagger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from bot.config import Config
    from bot.domain.job import Job
    from bot.domain.models import Models
    from bot.jobs.queue import JobQueue
    from bot.services.erasure import QueuedJobs
    from bot.storage.locks import Locks
    from bot.taggers import Tagger


# Each child keeps about one core busy; more than two would only compete for the cores.
_CHILDREN = 2
# Bytes for a child with a model of the operator's; the bundled models need less than the default.
_OWN_MODEL_MEMORY = 512 * 1024**2
# Seconds that a clip waits until the tagger works again; an interaction can be answered for 900.
_MAX_WAIT = 600.0
# Calls may arrive a little earlier or later: at the full rate, some second would get one too many.
_RATE_MARGIN = 0.95


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases."""

    clip_tagger: ClipTagger
    taggings: KnownTaggings
    reports: ReportBuilder
    answerer: Answerer
    job_records: JobRecords
    search: ClipSearch
    copies: ClipCopies
    history: HistoryIndex
    library: ServerLibrary
    trouble: TaggerTrouble


@dataclass(frozen=True, slots=True)
class App:
    """Everything that commands and cogs need, open for as long as ``opened`` lasts."""

    config: Config
    stores: Stores
    services: Services
    sandbox: Sandbox
    locks: Locks
    metrics: Metrics

    def erasure(
        self, jobs: QueuedJobs, answer_dropped: Callable[[Job], Awaitable[None]] | None = None
    ) -> Erasure:
        """Return the service that erases data, in the queue too."""
        return Erasure(
            self.stores,
            jobs,
            retention_days=self.config.retention_days,
            answer_dropped=answer_dropped,
        )


def clip_sandbox(config: Config, *, children: int = 1) -> Sandbox:
    """Return the sandbox in which clips are opened; its children may read the operator's models."""
    folder = _folder(config)
    own = (config.local_model and config.local_model.path, config.text_model)
    models = [path for path in own if path]
    if not models:
        return Sandbox(workers=children, folder=folder)
    limits = SandboxLimits(memory=_OWN_MODEL_MEMORY)
    return Sandbox(workers=children, folder=folder, limits=limits, readable=models)


@asynccontextmanager
async def opened_taggers(config: Config, sandbox: Sandbox) -> AsyncIterator[dict[str, Tagger]]:
    """Open every tagger that the settings allow, by name."""
    async with AsyncExitStack() as stack:
        taggers: dict[str, Tagger] = {}
        if config.clarifai_pat and not config.has_placeholder_token:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            for account in _accounts(config):
                name = f"clarifai {account.model_id}" if config.clarifai_models else "clarifai"
                taggers[name] = ClarifaiTagger(session, account, config.limits)
        if endpoint := _vision_endpoint(config):
            session = await stack.enter_async_context(aiohttp.ClientSession())
            taggers["vision"] = VisionTagger(session, endpoint, sandbox, config.limits)
        taggers["local"] = await _local(config, sandbox, await _senses(config, sandbox))
        yield taggers


def billing_account(config: Config, database: Database) -> BillingAccount:
    """Return the budget that paid taggers are billed to."""
    return BillingAccount(UsageStore(database), config.budget)


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[App]:
    """Open every resource once; they close in reverse order."""
    async with AsyncExitStack() as stack:
        folder = _folder(config)
        await remove_stale_dirs(folder)
        metrics = Metrics()
        database = await stack.enter_async_context(Database.open(config.database))
        sandbox = await stack.enter_async_context(clip_sandbox(config, children=_CHILDREN))
        senses = await _senses(config, sandbox)
        stores = Stores.of(database, senses.text, senses.nudity)
        parts = _Parts(
            config,
            stack,
            database,
            sandbox,
            senses,
            await stack.enter_async_context(locks.opened(config.database)),
            metrics,
            TaggerTrouble(stores.meta),
        )
        services = _services(config, stores, await parts.clip_tagger(), parts)
        yield App(config, stores, services, parts.sandbox, parts.locks, metrics)


def job_queue(config: Config, metrics: Metrics | None = None) -> JobQueue:
    """Return the queue for this process; its tables are beside ours."""
    from bot.jobs.queue import JobLimits, JobQueue  # noqa: PLC0415 - framehound tag needs no queue
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
    """The parts that taggers are made of."""

    config: Config
    stack: AsyncExitStack
    database: Database
    sandbox: Sandbox
    senses: SenseReader
    locks: Locks
    metrics: Metrics
    trouble: TaggerTrouble

    async def clip_tagger(self) -> ClipTagger:
        """Return the service that fetches and tags clips."""
        main = await self._main_tagger()
        return ClipTagger(
            fetcher=await self._fetcher(main.tagger.longest),
            sandbox=self.sandbox,
            main=main,
            fallback=await self._fallback(),
            folder=_folder(self.config),
            metrics=self.metrics,
        )

    async def _fetcher(self, longest: int) -> Fetcher:
        """Return the downloader; web pages are read in a sandbox of their own."""
        config, folder = self.config, _folder(self.config)
        own = OwnNetworks(_public_address_url(config))
        if not config.sites:
            return await self.stack.enter_async_context(
                Fetcher(config.fetch_allowed_hosts, own=own)
            )
        sandbox = await self.stack.enter_async_context(
            Sandbox(workers=_CHILDREN, folder=folder, modules=(SITES_MODULE,))
        )
        fetcher = SiteFetcher(
            config.fetch_allowed_hosts,
            sites=config.sites,
            sandbox=sandbox,
            longest=longest,
            own=own,
        )
        return await self.stack.enter_async_context(fetcher)

    async def _main_tagger(self) -> CachingTagger:
        """Return the tagger that the settings choose."""
        if self.config.chosen_tagger == "local":
            return self._caching(await self._local())
        account = billing_account(self.config, self.database)
        copies = self._copies()
        if self.config.chosen_tagger == "vision":
            return self._caching(await self._vision(), account, copies)
        return self._caching(await self._clarifai(), account, copies)

    def _copies(self) -> CopyFinder | None:
        if self.config.recognize_copies == "off":
            return None
        return CopyFinder(self.sandbox, CopyStore(self.database), TaggingStore(self.database))

    async def _fallback(self) -> CachingTagger | None:
        """Return the tagger to use if the main one is unavailable, if the operator wants one."""
        if self.config.chosen_tagger == "local" or self.config.clarifai_fallback == "wait":
            return None
        return self._caching(await self._local())

    async def _local(self) -> LocalTagger:
        return await _local(self.config, self.sandbox, self.senses)

    async def _vision(self) -> CircuitBreaker:
        endpoint = _vision_endpoint(self.config)
        if endpoint is None:
            raise ValueError("the configuration requires an endpoint for the vision tagger")
        session = await self.stack.enter_async_context(aiohttp.ClientSession())
        return self._breaking(
            VisionTagger(session, endpoint, self.sandbox, self.config.limits, metrics=self.metrics)
        )

    async def _clarifai(self) -> TaggerGroup:
        """Return Clarifai's models: they share the rate limit, and each has a circuit breaker."""
        per_second = self.config.clarifai_calls_per_second * _RATE_MARGIN
        make = partial(
            ClarifaiTagger,
            await self.stack.enter_async_context(aiohttp.ClientSession()),
            limits=self.config.limits,
            permit=RateLimiter(self.database, "clarifai", per_second).wait,
            metrics=self.metrics,
        )
        circuits = [self._circuit(make(each)) for each in _accounts(self.config)]
        self._show_circuits(circuits)
        by_identity = {each.identity: each for each in circuits}
        main, *others = map(self._proxying(), circuits)
        return TaggerGroup(
            main,
            tuple(others),
            choosable=self.config.clarifai_model_choice == "servers",
            held_back=lambda identity: by_identity[identity].is_holding_back,
        )

    def _breaking(self, tagger: Tagger) -> CircuitBreaker:
        circuit = self._circuit(tagger)
        self._show_circuits([circuit])
        return circuit

    def _circuit(self, tagger: Tagger) -> CircuitBreaker:
        # With a fallback, no clip waits until the tagger works again.
        waits = self.config.clarifai_fallback == "wait"
        return CircuitBreaker(tagger, max_wait=_MAX_WAIT if waits else 0.0, trouble=self.trouble)

    def _show_circuits(self, circuits: Sequence[CircuitBreaker]) -> None:
        self.metrics.circuit_open.set_function(
            lambda: float(any(circuit.is_open for circuit in circuits))
        )

    def _proxying(self) -> Callable[[CircuitBreaker], Tagger]:
        """Return what puts a tagger behind proxies, if the operator wants any."""
        proxies = self.config.proxies
        if proxies is None:
            return lambda clarifai: clarifai
        maker = ProxyMaker(self.sandbox, _folder(self.config))
        return lambda clarifai: ProxyTagger(clarifai, maker, self.config.limits, proxies)

    def _caching(
        self,
        tagger: Tagger | TaggerGroup,
        account: BillingAccount | None = None,
        copies: CopyFinder | None = None,
    ) -> CachingTagger:
        shared = {"alone": partial(locks.alone, self.locks)} if self.database.is_postgresql else {}
        stores = SenseStores.of(self.database, self.senses.text, self.senses.nudity)
        return CachingTagger(
            tagger,
            TaggingStore(self.database),
            self.metrics,
            account=account,
            senses=ClipSenseReader(self.senses, stores),
            copies=copies,
            **shared,
        )


def _services(config: Config, stores: Stores, clip_tagger: ClipTagger, parts: _Parts) -> Services:
    models = clip_tagger.models
    thresholds = _operator_thresholds(config, models)
    known = KnownTaggings(stores.taggings, models, clip_tagger.fallback_identity, stores.senses)
    reports = ReportBuilder(known, stores.settings, stores.tag_corrections, thresholds)
    records = JobRecords(stores.posted_clips, stores.job_records)
    alerts = AlertService(stores.watches, reports)
    copies = ClipCopies(CopyStore(parts.database), SameClipStore(parts.database))
    index = SearchStore(parts.database, thresholds, models.options)
    return Services(
        clip_tagger=clip_tagger,
        taggings=known,
        reports=reports,
        answerer=Answerer(
            clip_tagger,
            reports,
            records,
            alerts,
            stores.opt_outs,
            copies,
            PersonalAlerts(stores.saved_queries, stores.personal_alerts),
        ),
        job_records=records,
        search=ClipSearch(
            index,
            QueryResolver(ConceptStore(parts.database)),
            ReasonFinder(
                stores.taggings, stores.senses, PreviewStore(parts.database), stores.settings
            ),
            stores.settings,
        ),
        copies=copies,
        history=HistoryIndex(
            stores.index_runs, stores.posted_clips, stores.job_records, stores.opt_outs
        ),
        library=ServerLibrary(LibraryStore(parts.database), stores.posted_clips, reports),
        trouble=parts.trouble,
    )


async def _local(config: Config, sandbox: Sandbox, senses: SenseReader) -> LocalTagger:
    # In a thread: it reads every file of the operator's model, if there is one.
    return await asyncio.to_thread(LocalTagger, sandbox, config.limits, config.local_model, senses)


async def _senses(config: Config, sandbox: Sandbox) -> SenseReader:
    # In a thread for the same reason.
    return await asyncio.to_thread(SenseReader, sandbox, config.text_model)


def _operator_thresholds(config: Config, models: Models) -> dict[str, float]:
    """Return the thresholds that the operator set, by tagger: a model's own, or that of all."""
    own = {each.model_id: each.threshold for each in config.clarifai_models}
    asked = {
        str(each): config.default_threshold if own.get(each.model) is None else own[each.model]
        for each in models.identities
    }
    return {tagger: threshold for tagger, threshold in asked.items() if threshold is not None}


def _accounts(config: Config) -> list[ClarifaiAccount]:
    """Return the account as it calls each model, the main one first."""
    account = partial(
        ClarifaiAccount,
        api_url=config.clarifai_api_url,
        token=config.clarifai_pat.get_secret_value() if config.clarifai_pat else "",
        user_id=config.clarifai_user_id,
        app_id=config.clarifai_app_id,
        model_version_id=config.clarifai_model_version_id,
        runner=config.clarifai_runner,
    )
    return [account(model_id=each.model_id) for each in config.all_clarifai_models]


def _vision_endpoint(config: Config) -> VisionEndpoint | None:
    """Return the endpoint that the settings describe, if they do."""
    if config.vision_url is None or config.vision_model is None:
        return None
    key = config.vision_key.get_secret_value() if config.vision_key else ""
    return VisionEndpoint(config.vision_url, config.vision_model, key)


def _public_address_url(config: Config) -> str | None:
    """Return where to ask for our public addresses: Discord, which a bot is connected to anyway."""
    if config.discord_token is None:
        return None
    root = URL(config.discord_api_url or "https://discord.com")
    return str(root.origin() / "cdn-cgi/trace")


def _folder(config: Config) -> Path:
    """Return the folder for clips that are being worked on; the sandbox creates it."""
    return config.data_dir / "work"
