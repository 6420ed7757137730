"""A queue and an app on one database of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.clip import Clip
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.jobs.queue import JobQueue
    from bot.runtime.app import App
    from tests.conftest import ClipHost


@pytest.fixture
def queue(make_config: Callable[..., Any], database_url: str) -> JobQueue:
    return wiring.job_queue(make_config(database_url=database_url))


@pytest.fixture
async def app(
    make_config: Callable[..., Any], open_app: Callable[..., Any], database_url: str
) -> App:
    app: App = await open_app(make_config(database_url=database_url))
    return app


@pytest.fixture
def clip(clip_host: ClipHost) -> Clip:
    return Clip("montage.gif", clip_host.url("montage.gif"))


@pytest.fixture
def missing_clip(clip_host: ClipHost) -> Clip:
    """Return a clip that is refused at once, as nothing is found at its address."""
    return Clip("x.gif", clip_host.url("x.gif"))
