"""What operators learn about the confinement of the decoders."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from structlog.testing import capture_logs

from bot.cli.check import report_sandbox
from bot.cli.run import log_missing_confinement
from bot.media.sandbox import landlock
from bot.media.sandbox.confinement import Confinement
from bot.media.sandbox.pool import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from bot.runtime.app import App

pytestmark = pytest.mark.usefixtures("fresh_sandboxes")

OLD_KERNEL = "tests.media.sandbox.no_landlock"


async def test_a_kernel_without_landlock_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Sandbox(workers=1, folder=tmp_path, modules=(OLD_KERNEL,)) as sandbox:
        assert await sandbox.run(f"{OLD_KERNEL}:echo", {"value": 1}, seconds=30) == 1
        assert await report_sandbox(sandbox)
        logged = await start_log(sandbox)
    cost = "could read and change whatever this user can"
    assert cost in capsys.readouterr().out
    assert [each["log_level"] for each in logged] == ["warning"]
    assert cost in logged[0]["event"]


async def test_full_confinement_is_reported_only_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Sandbox(workers=1, folder=tmp_path) as sandbox:
        assert await report_sandbox(sandbox)
        assert await start_log(sandbox) == []
    version = landlock.abi_version()
    assert capsys.readouterr().out == (
        f"sandbox: the decoders are confined by Landlock (version {version}) and seccomp\n"
    )


async def test_children_that_cannot_start_are_logged_at_the_start(tmp_path: Path) -> None:
    async with Sandbox(workers=1, folder=tmp_path, modules=("no_such_module",)) as sandbox:
        logged = await start_log(sandbox)
    assert [each["log_level"] for each in logged] == ["error"]
    assert "no_such_module" in logged[0]["reason"]


async def start_log(sandbox: Sandbox) -> list[Any]:
    with capture_logs() as logged:
        await log_missing_confinement(cast("App", SimpleNamespace(sandbox=sandbox)))
    return list(logged)


def test_each_missing_part_is_named() -> None:
    both = str(Confinement(0, 0))
    assert "Landlock" in both
    assert "seccomp" in both
    assert Confinement(1, 1).warning == ""
