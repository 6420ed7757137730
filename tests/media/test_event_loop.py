from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.media.loop_lag import hosted, tag_all, write_clips
from tests.media.loop_profile import profiled_loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG, BIG = 20, 20  # seconds of a clip, megabytes of another
HOSTILE = ("a GIF of 300,000 frames", "a GIF that loops for ever", "its index at the end")
# C functions that may take long: each of them has to run in another thread or process.
BLOCKING = (
    *("_hashlib.HASH.update", "zlib.", "_json.", "time.sleep"),
    *("io.open", "_io.open", "_io.FileIO.read", "_io.FileIO.write", "_io.BufferedWriter.write"),
    *("posix.open", "posix.stat", "posix.mkdir", "posix.rmdir", "posix.scandir", "posix.unlink"),
    *("sqlite3.", "_socket.getaddrinfo", "numpy.", "PIL.", "av."),
)
MAX_CALLS = 20_000  # in one callback; about 3,000 are usual, and a loop over 300,000 frames is over


async def test_hostile_clips_do_not_block_the_event_loop(
    tmp_path: Path, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    names = await asyncio.to_thread(
        write_clips, folder, long_seconds=LONG, megabytes=BIG, hostile=HOSTILE
    )
    async with hosted(folder) as host:
        app = await open_app(make_config(fetch_allowed_hosts=frozenset({host})))
        with profiled_loop() as profile:
            tagged = await tag_all(app.services.clip_tagger, host, names)
    assert tagged == 3  # the long one, the endless one, and the one with its index at the end
    assert [name for name in profile.c_functions if name.startswith(BLOCKING)] == []
    assert profile.longest < MAX_CALLS
