from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.media.sandbox.pool import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox with one child that runs the bot's own tasks."""
    async with Sandbox(workers=1, folder=tmp_path / "sandbox") as sandbox:
        yield sandbox
