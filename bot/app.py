"""The one place where parts are chosen, opened and wired together."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from bot.answering import Answerer
from bot.jobs import JobQueue
from bot.media.fetch import Fetcher
from bot.media.sandbox import Sandbox
from bot.storage.database import Database
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.meta import MetaStore
from bot.storage.taggings import TaggingStore
from bot.taggers.clarifai import ClarifaiAccount, ClarifaiTagger
from bot.taggers.local import LocalTagger
from bot.tagging import ClipTagger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.config import Config
    from bot.taggers import Tagger


# Decoding keeps about one core busy a child; more than two only take each other's turns.
_CHILDREN = 2


@dataclass(frozen=True, slots=True)
class App:
    """Everything a front end needs, open for as long as ``opened`` lasts."""

    config: Config
    clip_tagger: ClipTagger
    answerer: Answerer
    settings: GuildSettingsStore
    meta: MetaStore


@asynccontextmanager
async def opened_taggers(config: Config) -> AsyncIterator[dict[str, Tagger]]:
    """Open every tagger these settings allow, by name."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(workers=1, folder=_folder(config)))
        taggers: dict[str, Tagger] = {}
        if config.clarifai_pat:
            taggers["clarifai"] = await _clarifai(config, stack)
        taggers["local"] = _local(config, sandbox)
        yield taggers


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[App]:
    """Open every resource once; they close in the opposite order."""
    async with AsyncExitStack() as stack:
        folder = _folder(config)
        database = await stack.enter_async_context(Database.open(config.database))
        sandbox = await stack.enter_async_context(Sandbox(workers=_CHILDREN, folder=folder))
        settings = GuildSettingsStore(database)
        clip_tagger = ClipTagger(
            fetcher=await stack.enter_async_context(Fetcher(config.fetch_allowed_hosts)),
            sandbox=sandbox,
            tagger=await _choose_tagger(config, sandbox, stack),
            taggings=TaggingStore(database),
            limits=config.limits,
            folder=folder,
        )
        yield App(
            config=config,
            clip_tagger=clip_tagger,
            answerer=Answerer(clip_tagger, settings, config.default_threshold),
            settings=settings,
            meta=MetaStore(database),
        )


def job_queue(config: Config) -> JobQueue:
    """Return the queue for this process; its tables lie beside ours."""
    return JobQueue(
        _queue_database(config.database),
        worker_id=config.worker_id,
        worker_concurrency=config.worker_concurrency,
        server_concurrency=config.server_concurrency,
    )


async def _choose_tagger(config: Config, sandbox: Sandbox, stack: AsyncExitStack) -> Tagger:
    if config.chosen_tagger == "local":
        return _local(config, sandbox)
    return await _clarifai(config, stack)


def _local(config: Config, sandbox: Sandbox) -> LocalTagger:
    return LocalTagger(sandbox, config.data_dir / "models", config.limits)


async def _clarifai(config: Config, stack: AsyncExitStack) -> ClarifaiTagger:
    session = await stack.enter_async_context(aiohttp.ClientSession())
    return ClarifaiTagger(session, _account(config), config.limits)


def _account(config: Config) -> ClarifaiAccount:
    return ClarifaiAccount(
        api_url=config.clarifai_api_url,
        token=config.clarifai_pat.get_secret_value() if config.clarifai_pat else "",
        user_id=config.clarifai_user_id,
        app_id=config.clarifai_app_id,
        model_id=config.clarifai_model_id,
        model_version_id=config.clarifai_model_version_id,
    )


def _queue_database(url: str) -> str:
    """Give the queue a SQLite file of its own, so that neither waits for the other's lock."""
    if not url.startswith("sqlite"):
        return url
    stem, dot, suffix = url.rpartition(".")
    return f"{stem}-jobs.{suffix}" if dot and "/" not in suffix else f"{url}-jobs"


def _folder(config: Config) -> Path:
    """Name the folder for clips while they are worked on; the sandbox makes it."""
    return config.data_dir / "work"
