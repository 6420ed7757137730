"""A loopback Discord with one server and one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loopback_discord import LoopbackDiscord
from tests.processes.programs import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    async with LoopbackDiscord(TOKEN) as discord:
        discord.add_guild("Cats").add_text_channel("videos")
        yield discord
