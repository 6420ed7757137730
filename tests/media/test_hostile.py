"""Hostile clips through the whole path from file to frames.

Single faults of probing, a child and the local tagger are tested in ``test_probe.py``,
``test_sandbox.py`` and ``taggers/local/test_tagger.py``. Here each file goes through all of them,
its cost is limited, and the next clip is tagged as usual.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

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

    from bot.media.sandbox.pool import Sandbox
    from bot.runtime.app import App
    from bot.services.tag_clip import ClipTagger

CORPUS = corpus()
PATIENCE = 60.0  # seconds for any file
MAX_MEMORY = 700 * 1_000_000  # bytes, all processes together
GLANCE = 0.02  # seconds between measurements
# Memory of the bot's own process; here it is pytest's, which holds other tests, too.
BOT = 130 * 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(folder: Path) -> AsyncIterator[App]:
    """One app for all files, as in the bot, so that a file could harm the next one."""
    config = Config(_env_file=None, data_dir=folder, tagger="local")  # type: ignore[call-arg]  # pydantic-settings' own argument
    async with opened(config) as app:
        yield app


@contextlib.contextmanager
def watched(sandbox: Sandbox) -> Iterator[list[int]]:
    """Measure again and again the memory of the children and of this process."""
    before = _memory(os.getpid()) - BOT
    held = [_held(sandbox) - before]
    over = threading.Event()

    def look() -> None:
        while not over.wait(GLANCE):
            held.append(_held(sandbox) - before)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield held
    finally:
        over.set()
        watcher.join()


def _held(sandbox: Sandbox) -> int:
    servers = [child._process.pid for child in tuple(sandbox._children) if child._process]
    tasks = [pid for server in servers for pid in _children(server)]
    return sum(map(_memory, (os.getpid(), *servers, *tasks)))


def _memory(pid: int) -> int:
    """Return the resident memory of a process, from proc(5); 0 if it is gone."""
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    return []


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
    name: str, app: App, tmp_path: Path
) -> None:
    clip_tagger = app.services.clip_tagger
    content = CORPUS[name].make()
    with watched(app.sandbox) as held:
        came = await ending(clip_tagger, tmp_path / "clip.mp4", content)
    assert came in CORPUS[name].ends
    assert max(held) < MAX_MEMORY
    unheard_of = gif([100 + list(CORPUS).index(name)])
    assert await ending(clip_tagger, tmp_path / "next.gif", unheard_of) == "frames"
