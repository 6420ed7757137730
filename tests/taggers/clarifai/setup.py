"""A tagger, the loopback Clarifai it calls, and clips to tag."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.taggers.clarifai.tagger import ClarifaiAccount, ClarifaiTagger
from bot.taggers.retry import RetryPolicy
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

QUICK = RetryPolicy(
    deadline=10, request_timeout=5, wait_initial=0.001, wait_max=0.002, wait_jitter=0.001
)
LIMITS = ClipLimits(by_url=2000, as_bytes=1000)


def account(url: str, token: str = TOKEN, version: str | None = None) -> ClarifaiAccount:
    """Return the default model's account at another root."""
    return ClarifaiAccount(url, token, "clarifai", "main", "general-image-recognition", version)


def write_clip(
    folder: Path, size: int = 100, duration: int = 9000, public_url: str | None = None
) -> ClipFile:
    """Write ``size`` bytes without repetition, as a checked clip."""
    path = folder / f"{size}.mp4"
    content = bytes(number * 7 % 251 for number in range(size))
    path.write_bytes(content)
    fingerprint = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return ClipFile(path, ClipInfo(ClipFormat.MP4, size, duration, fingerprint), public_url)


@asynccontextmanager
async def talking(
    *,
    limits: ClipLimits = LIMITS,
    retry: RetryPolicy = QUICK,
    token: str = TOKEN,
    version: str | None = None,
    model: str = "general-image-recognition",
    runner: Mapping[str, object] | None = None,
    fetches: bool = False,
    lawful: bool = True,
    **options: Any,
) -> AsyncIterator[tuple[LoopbackClarifai, ClarifaiTagger]]:
    """Open a loopback Clarifai and a tagger on it; with ``lawful``, no request may be invalid."""
    async with LoopbackClarifai(fetches=fetches) as clarifai, aiohttp.ClientSession() as session:
        where = replace(account(clarifai.url, token, version), model_id=model, runner=runner)
        yield clarifai, ClarifaiTagger(session, where, limits, retry=retry, **options)
    assert not (lawful and clarifai.violations), clarifai.violations
