"""A loopback Discord, a loopback Clarifai, and programs that run against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loopback_discord import LoopbackDiscord
from tests.processes.programs import TOKEN
from tests.processes.running_bot import Programs
from tests.stand_ins.clarifai import LoopbackClarifai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def discord() -> AsyncIterator[LoopbackDiscord]:
    """A Discord with one server and one channel."""
    async with LoopbackDiscord(TOKEN) as discord:
        discord.add_guild("Cats").add_text_channel("videos")
        yield discord


@pytest.fixture
async def clarifai() -> AsyncIterator[LoopbackClarifai]:
    async with LoopbackClarifai() as clarifai:
        yield clarifai


@pytest.fixture
def programs(discord: LoopbackDiscord, data_dir: Path, tmp_path: Path) -> Programs:
    return Programs(discord, data_dir, tmp_path)
