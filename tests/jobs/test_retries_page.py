"""docs/retries.md names files that exist and the numbers of the code."""

from __future__ import annotations

import re
from pathlib import Path

from bot.jobs import workflow
from bot.jobs.workflow import JobTimeouts
from bot.taggers.retry import RetryPolicy

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "retries.md").read_text()


def test_the_page_names_existing_files() -> None:
    named = set(re.findall(r"`((?:bot|cogs)/[\w/]+\.py)`", PAGE))
    assert len(named) >= 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_answers_are_retried_as_the_page_says() -> None:
    attempts, first_pause = workflow._ANSWER_ATTEMPTS, JobTimeouts().first_pause
    minutes = int(sum(first_pause * 2**n for n in range(attempts - 1)) / 60)
    assert f"{attempts} attempts, pauses of {first_pause:g} s doubling: {minutes} minutes" in PAGE
    assert f"after {workflow._MAX_ATTEMPTS} attempts it is given up" in PAGE


def test_clarifai_is_retried_as_the_page_says() -> None:
    policy = RetryPolicy()
    assert f"{policy.attempts} attempts within {policy.deadline:g} s" in PAGE
