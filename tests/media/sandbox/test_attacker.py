"""What an attacker who took over a child could do, tried in a real child: nothing outside of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.media.sandbox import landlock
from bot.media.sandbox.confinement import Confinement
from bot.media.sandbox.pool import Sandbox
from tests.conftest import CLIPS
from tests.unprivileged import NOBODY, unprivileged

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.usefixtures("fresh_sandboxes")

ATTACKER = "tests.media.sandbox.attacker"
FIRST_LANDLOCK = "tests.media.sandbox.first_landlock"
ROOT = Path(__file__).parents[3]


async def attack(data_dir: Path, attacker: str = ATTACKER) -> dict[str, str]:
    """Set up a data folder as the bot has it, and let a child attack it."""
    work, other = data_dir / "work", data_dir / "work" / "another-servers-clip"
    other.mkdir(parents=True)
    secrets = [data_dir / ".env", data_dir / "framehound.sqlite", other / "clip"]
    for secret in secrets:
        secret.write_text("DISCORD_TOKEN=secret")
    clip = data_dir / "clip.mp4"
    shutil.copy(CLIPS / "city.mp4", clip)
    request = {
        "secrets": [*map(str, secrets), str(clip), str(ROOT / "README.md")],
        "folders": [*map(str, (data_dir, work, other, ROOT))],
    }
    async with Sandbox(workers=2, folder=work, modules=(attacker,)) as sandbox:
        outcomes: Mapping[str, str] = await sandbox.run(
            f"{attacker}:attack", request, seconds=30, files=[clip]
        )
        confinement = await sandbox.confinement()
    version = landlock.abi_version() if attacker == ATTACKER else 1
    assert confinement == Confinement(version, seccomp=1)
    assert clip.read_bytes() == (CLIPS / "city.mp4").read_bytes()
    return dict(outcomes)


def assert_all_denied(outcomes: Mapping[str, str]) -> None:
    allowed = {name: outcome for name, outcome in outcomes.items() if outcome != "denied"}
    assert allowed == {}
    assert len(outcomes) > 60


@pytest.mark.parametrize("attacker", [ATTACKER, FIRST_LANDLOCK])
async def test_an_attacker_in_a_child_is_denied_everything(attacker: str, tmp_path: Path) -> None:
    assert_all_denied(await attack(tmp_path / "data", attacker))


def test_an_attacker_in_a_child_of_an_unprivileged_user_is_denied_everything(
    tmp_path: Path,
) -> None:
    """As in the image, where the bot runs as a user of its own."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    code = (
        "import asyncio, json, pathlib, sys; from tests.media.sandbox.test_attacker import attack; "
        "print(json.dumps(asyncio.run(attack(pathlib.Path(sys.argv[1])))))"
    )
    command = [sys.executable, "-c", code, str(data_dir)]
    if os.getuid() == 0:
        for folder in (data_dir, *data_dir.parents):
            if folder.is_relative_to(tmp_path.parents[1]):
                folder.chmod(0o755)
        os.chown(data_dir, NOBODY, NOBODY)
    done = subprocess.run(
        [*unprivileged(), *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert_all_denied(json.loads(done.stdout))
