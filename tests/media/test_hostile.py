"""Hostile clips through the whole path from file to frames.

Single faults of probing, a child and the local tagger are tested in ``test_probe.py``,
``test_sandbox.py`` and ``taggers/local/test_tagger.py``. Here each file goes through all of them,
its cost is limited, and the next clip is tagged as usual.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
import pytest_asyncio

from bot.config import Config
from bot.domain.clip import Clip
from bot.domain.tagging import TagRequest
from bot.errors import ClipError
from bot.runtime.app import opened
from tests.media.hostile_clips import corpus
from tests.media.made_clips import gif

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from bot.services.tag_clip import ClipTagger

CORPUS = corpus()
PATIENCE = 20.0  # seconds for any file
MAX_MEMORY = 700 * 1_000_000  # bytes, all processes together
GLANCE = 0.02  # seconds between measurements
# Memory of the bot's own process; here it is pytest's, which holds other tests, too.
BOT = 130 * 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clip_tagger(folder: Path) -> AsyncIterator[ClipTagger]:
    """One tagger for all files, as in the bot, so that a file could harm the next one."""
    config = Config(_env_file=None, data_dir=folder, tagger="local")  # type: ignore[call-arg]  # pydantic-settings' own argument
    async with opened(config) as app:
        yield app.services.clip_tagger


@contextlib.contextmanager
def watched() -> Iterator[list[int]]:
    """Measure again and again the memory of the children and of this process."""
    before = psutil.Process().memory_info().rss - BOT
    held = [_held() - before]
    over = threading.Event()

    def look() -> None:
        while not over.wait(GLANCE):
            held.append(_held() - before)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield held
    finally:
        over.set()
        watcher.join()


def _held() -> int:
    me = psutil.Process()
    total = 0
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


async def ending(clip_tagger: ClipTagger, path: Path, content: bytes) -> str:
    """Tag a file with these bytes; return the code of its error, or ``frames``."""
    await asyncio.to_thread(path.write_bytes, content)
    try:
        async with asyncio.timeout(PATIENCE):
            tagging = await clip_tagger.tag_file(TagRequest(Clip("clip.mp4", str(path))))
    except ClipError as error:
        if "Traceback" in error.detail:  # a bug in the bot that looks like a damaged clip
            raise
        return error.code
    assert tagging.frames
    return "frames"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CORPUS)
async def test_hostile_clips_use_limited_memory_and_harm_no_other_clip(
    name: str, clip_tagger: ClipTagger, tmp_path: Path
) -> None:
    content = CORPUS[name].make()
    with watched() as held:
        came = await ending(clip_tagger, tmp_path / "clip.mp4", content)
    assert came in CORPUS[name].ends
    assert max(held) < MAX_MEMORY
    unheard_of = gif([100 + list(CORPUS).index(name)])
    assert await ending(clip_tagger, tmp_path / "next.gif", unheard_of) == "frames"
