"""A tagger, the loopback vision endpoint it calls, and numbered clips to tag."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import aiohttp

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.taggers.retry import RetryPolicy
from bot.taggers.vision.child import scenes
from bot.taggers.vision.endpoint import VisionEndpoint
from bot.taggers.vision.tagger import VisionTagger
from tests.media.numbered_clips import numbered_clip
from tests.stand_ins.vision import MODEL, OLLAMA, LoopbackVision, Server
from tests.stand_ins.vision_judge import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.media.sandbox.pool import Sandbox

QUICK = RetryPolicy(
    deadline=10, request_timeout=5, wait_initial=0.001, wait_max=0.002, wait_jitter=0.001
)


def write_clip(folder: Path, seconds: int = 3, *, language: str = "en") -> ClipFile:
    path = numbered_clip(folder / f"{seconds}.mkv", ClipFormat.MKV, seconds)
    info = ClipInfo(ClipFormat.MKV, path.stat().st_size, seconds * 1000, f"sha256:{seconds}")
    return ClipFile(path, info, language=language)


class DirectSandbox:
    """Runs the task in this process, which is quicker; tests of the tagger use a real sandbox."""

    async def run(
        self,
        task: str,
        request: dict[str, Any],
        *,
        files: list[Path],
        on_progress: Callable[[Any], None],
        **_: Any,
    ) -> Any:
        assert task == f"{scenes.__module__}:{scenes.__name__}"
        return await asyncio.to_thread(scenes, {**request, "files": files}, on_progress)


@asynccontextmanager
async def talking(
    server: Server = OLLAMA,
    *,
    sandbox: Sandbox | None = None,
    model: str = MODEL,
    key: str = KEY,
    retry: RetryPolicy = QUICK,
) -> AsyncIterator[tuple[LoopbackVision, VisionTagger]]:
    """Open a loopback endpoint and a tagger on it; no request may be invalid."""
    async with (
        LoopbackVision(server) as vision,
        aiohttp.ClientSession() as session,
    ):
        sandbox = sandbox or cast("Sandbox", DirectSandbox())
        endpoint = VisionEndpoint(vision.url, model, key)
        yield vision, VisionTagger(session, endpoint, sandbox, ClipLimits(), retry=retry)
    assert vision.violations == []
