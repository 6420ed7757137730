"""Each message gets exactly one reply; benchmarks/survival.py tests the same at length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.processes.survival import Plan, survive_on_a_file, survive_on_a_server

if TYPE_CHECKING:
    from pathlib import Path

# With this seed the first process dies just after it sent a reply.
PLAN = Plan(jobs=7, kills=2, seed=12)

# Processes are started eight times: 15 seconds, or a minute on a busy machine.
pytestmark = [pytest.mark.process, pytest.mark.timeout(400)]


async def test_one_process_can_be_killed_without_losing_replies(tmp_path: Path) -> None:
    figures = await survive_on_a_file(PLAN, tmp_path)
    assert figures.faults == []
    assert (figures.kills.total(), figures.jobs, figures.replies) == (2, 7, 7)


async def test_gateway_and_workers_can_be_killed_without_losing_replies(
    tmp_path: Path, postgres_url: str
) -> None:
    figures = await survive_on_a_server(PLAN, tmp_path, postgres_url)
    assert figures.taken_over is not None
    assert figures.taken_over < 60
    assert figures.faults == []
    assert (figures.kills.total(), figures.jobs, figures.replies) == (2, 7, 7)
