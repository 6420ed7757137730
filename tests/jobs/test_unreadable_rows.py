"""Rows in the queue's database that this program did not write; on both databases.

A person who can write to the database must not be able to run code in the bot, so nothing is
unpickled.
"""

from __future__ import annotations

import base64
import json
import logging
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.jobs.recorder import Recorder, execute, job, until_recorded

if TYPE_CHECKING:
    from pathlib import Path

    from bot.domain.clip import Clip
    from bot.jobs.queue import JobQueue
    from bot.runtime.app import App

PICKLE, JSON = "py_pickle", "portable_json"


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self._path), "w")


@pytest.fixture
def created(tmp_path: Path) -> Path:
    """Return the file that exists once the pickle was loaded."""
    return tmp_path / "created"


@pytest.fixture
def malicious_row(created: Path) -> str:
    return base64.b64encode(pickle.dumps(Malicious(created))).decode()


def test_the_pickle_would_create_the_file(malicious_row: str, created: Path) -> None:
    pickle.loads(base64.b64decode(malicious_row)).close()  # noqa: S301 - to check that it works
    assert created.exists()


@pytest.mark.parametrize("format_name", [PICKLE, None])
async def test_a_jobs_pickle_is_not_read(
    queue: JobQueue,
    app: App,
    missing_clip: Clip,
    malicious_row: str,
    created: Path,
    format_name: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder()
    async with queue.accepting() as intake:
        await intake.submit(job(1, missing_clip))
        await replace_input(queue, malicious_row, format_name)
        async with queue.working(app.services.answerer, recorder):
            await intake.submit(job(2, missing_clip))
            await recorder.until_refused("message-2")
        figures = await intake.figures()
    assert recorder.refusals == ["message-2"]
    assert (figures.waiting, figures.running) == (0, 0)
    assert not was_created(created)
    assert len(errors(caplog)) == 1
    assert "message-1" in errors(caplog)[0]
    if format_name == PICKLE:
        assert "holds a pickle from an older version" in errors(caplog)[0]


async def test_a_steps_pickle_is_not_read(
    queue: JobQueue,
    app: App,
    missing_clip: Clip,
    malicious_row: str,
    created: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder()
    async with (
        queue.accepting() as intake,
        queue.working(app.services.answerer, recorder) as worker,
    ):
        await intake.submit(job(1, missing_clip))
        await recorder.until_refused("message-1")
        await until_recorded("message-1")
        await execute(
            queue,
            "UPDATE {steps} SET output = :output, serialization = :format",
            output=malicious_row,
            format=PICKLE,
        )
        await execute(queue, "UPDATE {jobs} SET status = 'PENDING'")
        with capture_logs() as lines:
            assert await worker.recover(queue.worker_id) == 1
            await until_recorded("message-1")
    assert not was_created(created)
    assert recorder.refusals == ["message-1"]
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert line["event"] == "job skipped: its stored row is unreadable"
    assert "holds a pickle from an older version" in line["reason"]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "saved",
    [
        {"positionalArgs": [{"surprise": 1}], "namedArgs": {}},
        {"positionalArgs": [], "namedArgs": {}},
        {"positionalArgs": ["text"], "namedArgs": {}},
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_json_that_is_not_a_job_is_refused_with_a_sentence(
    queue: JobQueue, app: App, saved: Any, caplog: pytest.LogCaptureFixture, missing_clip: Clip
) -> None:
    recorder = Recorder()
    async with queue.accepting() as intake:
        await intake.submit(job(1, missing_clip))
        await replace_input(queue, json.dumps(saved), JSON)
        async with queue.working(app.services.answerer, recorder):
            await intake.submit(job(2, missing_clip))
            await recorder.until_refused("message-2")
        assert (await intake.figures()).running == 0
    assert len(errors(caplog)) == 1
    assert "the row doesn't hold a valid job" in errors(caplog)[0]
    assert "Traceback" not in caplog.text


async def test_jobs_are_stored_as_json_only(queue: JobQueue, app: App, missing_clip: Clip) -> None:
    recorder = Recorder()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, missing_clip))
        await recorder.until_refused("message-1")
        await until_recorded("message-1")
    formats = await execute(queue, "SELECT serialization FROM {jobs}")
    formats += await execute(queue, "SELECT serialization FROM {steps}")
    assert {format_name for (format_name,) in formats} == {JSON}
    stored = await execute(queue, "SELECT inputs FROM {inputs}")
    stored += await execute(queue, "SELECT output FROM {outputs}")
    stored += await execute(queue, "SELECT output FROM {steps}")
    assert len(stored) >= 4
    for (value,) in stored:
        json.loads(value)


async def replace_input(queue: JobQueue, value: str, format_name: str | None) -> None:
    await execute(queue, "UPDATE {inputs} SET inputs = :value", value=value)
    await execute(queue, "UPDATE {jobs} SET serialization = :format", format=format_name)


def was_created(path: Path) -> bool:
    return path.exists()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]
