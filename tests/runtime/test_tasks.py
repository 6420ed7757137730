from __future__ import annotations

import asyncio
import threading
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from bot.runtime.tasks import open_in_thread

if TYPE_CHECKING:
    from pathlib import Path


class Tracked(BytesIO):
    """Sets ``shut`` when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.shut = asyncio.Event()

    def close(self) -> None:
        super().close()
        self.shut.set()


async def test_a_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with await open_in_thread(lambda: path.open("wb")) as file:
        file.write(b"!")
    assert path.read_bytes() == b"!"


async def test_an_error_on_opening_is_raised(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        await open_in_thread(lambda: tmp_path.open("wb"))


async def test_a_file_opened_after_cancellation_is_closed() -> None:
    file, begun, go_on = Tracked(), threading.Event(), threading.Event()

    def open_slowly() -> Tracked:
        begun.set()
        go_on.wait(20)
        return file

    opening = asyncio.create_task(open_in_thread(open_slowly))
    assert await asyncio.to_thread(begun.wait, 20)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    go_on.set()
    async with asyncio.timeout(60):
        await file.shut.wait()
