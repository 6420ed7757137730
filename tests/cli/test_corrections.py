"""``framehound corrections`` as the operator runs it, in this process."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from bot.__main__ import cli
from bot.storage.database import Database
from tests.storage.test_tag_corrections import CLIP, HERE, fill

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def correct(url: str) -> None:
    async with Database.open(url) as database:
        await (await fill(database)).hide(HERE, CLIP, "cat")


def test_wrong_tags_are_printed_as_json_lines(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    asyncio.run(correct(f"sqlite:///{data_dir / 'framehound.sqlite'}"))
    (line,) = CliRunner().invoke(cli, ["corrections"]).stdout.splitlines()
    said = json.loads(line)
    assert said.pop("corrected_at").endswith("+00:00")
    assert said == {
        "server": str(HERE),
        "fingerprint": CLIP,
        "tag": "Cat",
        "scores": {"local:net": 0.97},
    }
