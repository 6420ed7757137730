"""Secrets in the process's memory and environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from bot.cli.run import _opened_app
from bot.config import DiscordConfig, load
from bot.runtime import secrets
from tests.unprivileged import unprivileged

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SECRETS = ("DISCORD_TOKEN", "CLARIFAI_PAT", "CLARIFAI_KEY", "DATABASE_URL")
# Reads the settings as each command does; then another program of the same user looks for them.
VICTIM = """
import os, subprocess, sys
from bot import __main__, config

__main__._load(config.DiscordConfig)
look = "import sys; print(open(sys.argv[1], 'rb').read(9))"
for file in ("environ", "mem"):
    command = [sys.executable, "-c", look, f"/proc/{os.getpid()}/{file}"]
    done = subprocess.run(command, capture_output=True, text=True)
    print(file, done.stdout or done.stderr.splitlines()[-1].partition(":")[0])
"""


def test_a_program_of_the_same_user_cannot_read_our_secrets() -> None:
    done = subprocess.run(
        [*unprivileged(), sys.executable, "-c", VICTIM],
        env={**os.environ, "DISCORD_TOKEN": "secret"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["environ PermissionError", "mem PermissionError"]


def test_secrets_leave_the_environment_once_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "sqlite:///secret")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    config = load(DiscordConfig, env_file=None)
    secrets.remove_from_environment(config)
    assert "sqlite:///secret" not in os.environ.values()
    assert os.environ["LOG_LEVEL"] == "DEBUG"
    assert config.discord_token.get_secret_value() == "sqlite:///secret"


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)]
)
def test_an_env_file_open_to_everybody_gets_a_warning(
    mode: int, *, warned: bool, tmp_path: Path
) -> None:
    env_file = tmp_path / ".env"
    assert secrets.env_file_warning(env_file) is None
    env_file.touch()
    env_file.chmod(mode)
    expected = f"other users of this machine can read or change {env_file}; "
    warning = secrets.env_file_warning(env_file)
    assert warning == (f"{expected}run chmod 600 {env_file}" if warned else None)


@pytest.fixture
def _open_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    (tmp_path / ".env").chmod(0o644)


@pytest.mark.usefixtures("_open_env_file")
async def test_the_warning_is_logged_when_the_bot_starts(make_config: Callable[..., Any]) -> None:
    with capture_logs() as logged:
        async with _opened_app(make_config()):
            pass
    assert "run chmod 600 .env" in str(logged)
