"""``framehound backup``: a copy that is made while others write, and used afterwards."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING, Any

import pytest

from bot.cli.backup import backup
from bot.domain.clip import Clip
from bot.domain.job import Job
from bot.errors import ConfigError
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def test_a_copy_made_while_the_bot_writes_can_be_used(
    make_config: Callable[..., Any], open_app: Callable[..., Any], tmp_path: Path
) -> None:
    app, copy = await open_app(config := make_config()), tmp_path / "copy.sqlite"
    job = Job("message-1", 7, (Clip("a.mp4", "http://a/a.mp4"),), 1, message_id=1, author_id=2)
    written: list[int] = []

    async def write() -> None:
        for number in range(1, 200):
            await app.stores.opt_outs.add(number)
            written.append(number)

    async with wiring.job_queue(config).accepting(app.services.job_records.begin) as intake:
        await intake.submit(job)
        writing = asyncio.create_task(write())
        await asyncio.to_thread(backup, config, copy)
        before = set(written)
        await writing
    restored = make_config(database_url=f"sqlite:///{copy}")
    other = await open_app(restored)
    found = await other.stores.opt_outs.among(range(1, 200))
    assert found == set(range(1, len(found) + 1))
    assert len(found) <= len(before) + 1
    async with wiring.job_queue(restored).accepting() as intake:
        assert await intake.is_unfinished(job.id)
    assert await other.services.job_records.exists(job)
    assert modes(tmp_path) == {0o600}


def modes(folder: Path) -> set[int]:
    """Return the modes of a database, its queue, and the files beside them."""
    return {stat.S_IMODE(each.stat().st_mode) for each in folder.glob("copy*")}


def test_a_file_that_exists_is_not_overwritten(
    make_config: Callable[..., Any], tmp_path: Path
) -> None:
    config = make_config()
    (tmp_path / "copy.sqlite").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        backup(config, tmp_path / "copy.sqlite")
    assert [each.name for each in tmp_path.glob("copy*")] == ["copy.sqlite"]
    assert (tmp_path / "copy.sqlite").read_text() == "mine"


def test_postgresqls_own_tool_is_named_without_the_password(
    make_config: Callable[..., Any], tmp_path: Path
) -> None:
    config = make_config(database_url="postgresql://bot:secret@db/framehound")
    with pytest.raises(ConfigError, match="pg_dump --format=custom --file") as caught:
        backup(config, tmp_path / "copy")
    assert "secret" not in str(caught.value)
