"""Clips for jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.domain.clip import Clip

if TYPE_CHECKING:
    from tests.conftest import ClipHost


@pytest.fixture
def clip(clip_host: ClipHost) -> Clip:
    """A clip that costs little to tag."""
    return Clip("short.gif", clip_host.url("short.gif"))


@pytest.fixture
def missing_clip(clip_host: ClipHost) -> Clip:
    """Return a clip that is refused at once, as its address answers 404."""
    return Clip("x.gif", clip_host.url("x.gif"))
