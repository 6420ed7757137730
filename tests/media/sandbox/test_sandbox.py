from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from bot.errors import (
    Damaged,
    FramehoundError,
    QuotaExhausted,
    TaggerRefused,
    TooLargePicture,
    TooSlow,
)
from bot.media.sandbox import process, spawn
from bot.media.sandbox.pool import Sandbox, SandboxFault, SandboxLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.usefixtures("fresh_sandboxes")

MODULE = "tests.media.sandbox.tasks"
TASKS = f"{MODULE}:"
PLENTY = 30.0  # seconds; more than any test needs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.fixture
async def sandbox(folder: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=1, folder=folder, modules=(MODULE,)) as sandbox:
        yield sandbox


async def run(sandbox: Sandbox, task: str, *, seconds: float = PLENTY, **request: Any) -> Any:
    return await sandbox.run(TASKS + task, request, seconds=seconds)


def started(
    sandbox: Sandbox, task: str, owner: str = "", **request: Any
) -> tuple[asyncio.Task[Any], Any]:
    """Begin a call; also return an event that is set when it first reports progress."""
    first: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    call = sandbox.run(
        TASKS + task, request, seconds=PLENTY, on_progress=first.set_result, owner=owner
    )
    return asyncio.create_task(call), first


def has_ended(pid: int) -> bool:
    """Wait until a process has ended, whoever reaps it."""
    with contextlib.suppress(ProcessLookupError):
        watch = os.pidfd_open(pid)
        try:
            return bool(select.select([watch], [], [], 60)[0])
        finally:
            os.close(watch)
    return True


def task_folders(folder: Path) -> list[Path]:
    """Return the folders of tasks that are left in the children's folders."""
    return [*folder.glob("child-*/in/*"), *folder.glob("child-*/work/task-*")]


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if any("sandbox.fork_server" in word for word in _command_line(child))
    ]


def servers() -> list[psutil.Process]:
    return [child for child in children() if child.ppid() == os.getpid()]


def _command_line(process: psutil.Process) -> tuple[str, ...]:
    with contextlib.suppress(psutil.Error):
        return tuple(process.cmdline())
    return ()


async def test_a_task_takes_and_returns_json(sandbox: Sandbox) -> None:
    value = {"a": [1, 2.5, None, True], "ü": "\n\u2028"}
    assert await run(sandbox, "echo", value=value) == value


async def test_progress_arrives_in_order(sandbox: Sandbox) -> None:
    heard: list[int] = []
    call = sandbox.run(TASKS + "count", {"to": 500}, seconds=PLENTY, on_progress=heard.append)
    assert await call == "counted"
    assert heard == list(range(500))


async def test_questions_of_a_task_are_answered(sandbox: Sandbox) -> None:
    async def double(value: Any, _folder: Path) -> Any:
        return value * 2

    questions = {"questions": [1, "ab", [None]]}
    for _ in range(2):
        answers = await sandbox.run(TASKS + "ask", questions, seconds=PLENTY, on_question=double)
        assert answers == [2, "abab", [None, None]]


async def test_an_unexpected_question_means_a_damaged_clip(sandbox: Sandbox) -> None:
    first = await run(sandbox, "server")
    with pytest.raises(Damaged, match="damaged"):
        await run(sandbox, "ask", questions=[1])
    assert await run(sandbox, "server") != first


async def test_the_time_limit_includes_answering_questions(sandbox: Sandbox) -> None:
    async def never(_value: Any, _folder: Path) -> Any:
        await asyncio.Event().wait()

    with pytest.raises(TooSlow):
        await sandbox.run(TASKS + "ask", {"questions": [1]}, seconds=0.1, on_question=never)


async def test_a_child_has_none_of_the_parents_secrets(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    for name in ("DISCORD_TOKEN", "CLARIFAI_PAT", "DATABASE_URL", "PYTHONPATH", "HOME"):
        monkeypatch.setenv(name, "secret")
    os.kill(await run(sandbox, "server"), signal.SIGKILL)  # its successor has these settings
    seen = await run(sandbox, "describe")
    assert "secret" not in seen["environment"].values()
    assert set(seen["environment"]) <= {
        *spawn._INHERITED,
        *("TMPDIR", "MALLOC_ARENA_MAX", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LC_CTYPE"),
    }
    assert Path(seen["folder"]).is_relative_to(folder)
    assert seen["environment"]["TMPDIR"] == seen["folder"]


async def test_limits_hold_before_a_task_begins(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "describe")
    limits = SandboxLimits()
    assert seen["limits"] == {
        "DATA": limits.memory,
        "AS": limits.address_space,
        "FSIZE": limits.file_size,
        "NOFILE": limits.open_files,
        "CORE": 0,
    }
    call, first = started(sandbox, "sleep")
    pid = await first
    assert os.getpgid(pid) == psutil.Process(pid).ppid()
    status = await asyncio.to_thread(Path(f"/proc/{pid}/status").read_text)
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    call.cancel()


async def test_the_folder_of_a_task_is_deleted_afterwards(sandbox: Sandbox, folder: Path) -> None:
    first, second = [await run(sandbox, "describe") for _ in range(2)]
    assert first["folder"] != second["folder"]
    assert task_folders(folder) == []


async def test_a_child_imports_the_modules_of_its_tasks_and_no_others(folder: Path) -> None:
    async with Sandbox(workers=1, folder=folder, modules=(MODULE,)) as sandbox:
        modules = (await run(sandbox, "describe"))["modules"]
        assert not {"av", "numpy", "onnxruntime", "PIL", "asyncio"} & set(modules)
    async with Sandbox(workers=1, folder=folder, modules=(MODULE, "av")) as sandbox:
        assert "av" in (await run(sandbox, "describe"))["modules"]


async def test_printed_output_is_not_taken_for_an_answer(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger=process.__name__):
        assert await run(sandbox, "chatter") == "honest"
        assert await run(sandbox, "read_input") == ""
    said = [record.getMessage() for record in caplog.records]
    assert any("garbage on 1" in message for message in said)
    assert sum(map(len, said)) < 2 * process._MAX_LOGGED
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


@pytest.mark.parametrize("code", ["too_long", "unsupported_format", "tagger_refused"])
async def test_expected_errors_reach_the_parent_unchanged(sandbox: Sandbox, code: str) -> None:
    with pytest.raises(FramehoundError) as caught:
        await run(sandbox, "raise_expected", code=code)
    assert caught.value.code == code
    assert caught.value.facts
    assert "{" not in str(caught.value)


async def test_a_child_that_raised_an_expected_error_is_reused(sandbox: Sandbox) -> None:
    before = await run(sandbox, "server")
    with pytest.raises(QuotaExhausted):
        await run(sandbox, "raise_expected", code="quota_exhausted")
    with pytest.raises(TaggerRefused) as refused:
        await run(sandbox, "raise_expected", code="tagger_refused")
    assert refused.value.facts == {"reason": "too dark"}
    assert await run(sandbox, "server") == before


@pytest.mark.parametrize(
    ("task", "request_", "detail"),
    [
        ("raise_unexpected", {}, "IndexError: tuple index out of range"),
        ("many_files", {}, "Too many open files"),
        ("crash", {}, "SIGSEGV"),
        ("leave", {"code": 3}, "exit code 3"),
        ("long_answer", {"characters": 5_000_000}, "invalid message"),
        ("make_threads", {"count": 1000}, "threads"),
    ],
)
async def test_a_failed_task_means_a_damaged_clip_and_costs_no_other(
    sandbox: Sandbox, task: str, request_: dict[str, Any], detail: str
) -> None:
    with pytest.raises(Damaged) as caught:
        await run(sandbox, task, **request_)
    assert detail in caught.value.detail
    assert await run(sandbox, "echo", value=1) == 1
    assert len(servers()) == 1


async def test_a_task_writes_only_the_files_made_for_it(
    sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    texts = {"texts": {"a": "one", "b": "two"}}
    await sandbox.run(
        TASKS + "write_outputs", texts, seconds=PLENTY, results=tmp_path, outputs=["a", "b"]
    )
    assert {name: (tmp_path / name).read_text() for name in "ab"} == texts["texts"]
    with pytest.raises(Damaged) as caught:
        await sandbox.run(
            TASKS + "fill_disk", {"megabytes": 5_000}, seconds=PLENTY, outputs=["output"]
        )
    assert "File too large" in caught.value.detail
    assert task_folders(folder) == []


async def test_nothing_of_a_task_is_left_for_the_next(sandbox: Sandbox) -> None:
    """Otherwise who takes over a decoder could lie about the next clip, and read it."""
    first, second = [await run(sandbox, "remember", value="x") for _ in range(2)]
    assert [first[0], second[0]] == ["x", "x"]
    assert has_ended(first[1])


async def test_a_task_that_stays_after_its_answer_gets_no_other(sandbox: Sandbox) -> None:
    before = await run(sandbox, "server")
    assert await run(sandbox, "answer_and_stay") == "mine"
    assert await run(sandbox, "echo", value="honest") == "honest"
    assert has_ended(before)


async def test_running_out_of_memory_is_our_limit(sandbox: Sandbox) -> None:
    with pytest.raises(TooLargePicture, match="more memory than this bot"):
        await run(sandbox, "allocate", bytes=4_000_000_000)
    assert await run(sandbox, "echo", value=1) == 1


async def test_all_messages_of_a_task_together_are_bounded(folder: Path) -> None:
    limits = SandboxLimits(message=2_000)
    async with Sandbox(workers=1, folder=folder, limits=limits, modules=(MODULE,)) as sandbox:
        with pytest.raises(Damaged) as caught:
            await run(sandbox, "count", to=1_000_000)
    assert "too many messages" in caught.value.detail


async def test_a_task_with_large_pictures_may_have_more_memory(folder: Path) -> None:
    limits = SandboxLimits()
    more = (limits.memory + limits.memory_large) // 2
    async with Sandbox(workers=2, folder=folder, modules=(MODULE,)) as sandbox:
        assert await run(sandbox, "decode_large_pictures", bytes=more) == "decoded"
        # The child that had more is not used beside others.
        both = await asyncio.gather(run(sandbox, "describe"), run(sandbox, "describe"))
        assert [each["limits"]["DATA"] for each in both] == [limits.memory] * 2
        with pytest.raises(TooLargePicture, match="more memory than this bot can give"):
            await run(sandbox, "decode_large_pictures", bytes=limits.memory_large)


async def test_large_pictures_of_one_owner_do_not_delay_the_clips_of_others(folder: Path) -> None:
    limits = SandboxLimits()
    more = (limits.memory + limits.memory_large) // 2
    async with Sandbox(workers=2, folder=folder, modules=(MODULE,)) as sandbox:
        large = [
            started(sandbox, "decode_large_pictures", owner="attacker", bytes=more, forever=True)
            for _ in range(3)
        ]
        await asyncio.wait([begun for _, begun in large], return_when="FIRST_COMPLETED")
        async with asyncio.timeout(20):
            assert await run(sandbox, "echo", value="other's") == "other's"
            # Another owner's large picture is next when the first one has ended.
            waiting, decoded = started(sandbox, "decode_large_pictures", owner="other", bytes=more)
            await asyncio.wait([waiting], timeout=0.1)
            next(task for task, begun in large if begun.done()).cancel()
            await decoded
        assert sum(begun.done() for _, begun in large) == 1
        assert await waiting == "decoded"


@pytest.mark.parametrize(
    "line",
    [
        "gibberish",
        "[]",
        "[" * 100_000,
        "{}",
        '{"kind": "refused"}',
        '{"kind": "refused", "error": {}}',
        '{"kind": "refused", "error": {"code": "too_long", "facts": {}}}',
        '{"kind": "refused", "error": {"code": "config", "facts": {}}}',
        '{"kind": "refused", "error": {"code": "damaged", "facts": {"detail": "x"}}}',
        (
            '{"kind": "refused", "error": {"code": "unsupported_format", "detail": "", '
            '"facts": {"format": "[free gifts](https://evil.example)", "formats": ""}}}'
        ),
        '{"kind": "refused", "error": {"code": "unsupported_format", "detail": "", '
        '"facts": {"format": "' + "long " * 1000 + '", "formats": ""}}}',
    ],
)
async def test_invalid_messages_of_a_child_mean_a_damaged_clip(sandbox: Sandbox, line: str) -> None:
    with pytest.raises(Damaged):
        await run(sandbox, "forge", line=line)


async def test_a_task_may_use_threads(sandbox: Sandbox) -> None:
    assert await run(sandbox, "use_thread") == ["from a thread"]


@pytest.mark.parametrize("task", ["spin", "sleep", "stop_dead"])
async def test_a_task_is_stopped_at_its_time_limit(sandbox: Sandbox, task: str) -> None:
    before = await run(sandbox, "server")
    with pytest.raises(TooSlow, match="Decoding this clip took too long"):
        await sandbox.run(TASKS + task, {}, seconds=0.1, stage="decode")
    assert has_ended(before)
    assert await run(sandbox, "echo", value=1) == 1


async def test_cpu_time_is_limited_without_the_parent(sandbox: Sandbox) -> None:
    with pytest.raises(TooSlow) as caught:
        await run(sandbox, "burn_cpu")
    assert "CPU" in caught.value.detail


async def test_the_cpu_time_of_a_task_is_limited_by_its_own_time_limit(sandbox: Sandbox) -> None:
    first, second = [await run(sandbox, "cpu_limit", seconds=100) for _ in range(2)]
    assert 200 <= first <= second < 205


async def test_cancelling_a_call_replaces_its_child(sandbox: Sandbox, folder: Path) -> None:
    call, first = started(sandbox, "sleep")
    pid = await first
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert has_ended(pid)
    assert task_folders(folder) == []
    assert await run(sandbox, "echo", value=1) == 1


async def test_cancelling_a_waiting_call_affects_no_other(sandbox: Sandbox) -> None:
    server = await run(sandbox, "server")
    calls = [asyncio.create_task(run(sandbox, "server")) for _ in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert [done[0], done[2]] == [server, server]
    assert isinstance(done[1], asyncio.CancelledError)


async def test_an_owner_never_holds_all_children(folder: Path) -> None:
    async with Sandbox(workers=2, folder=folder, modules=(MODULE,)) as sandbox:

        def call(task: str, owner: str) -> asyncio.Task[Any]:
            request = {"value": owner}
            return asyncio.create_task(
                sandbox.run(TASKS + task, request, seconds=PLENTY, owner=owner)
            )

        stuck = [call("stop_dead", "attacker") for _ in range(20)]
        async with asyncio.timeout(60):
            assert [await call("echo", "other") for _ in range(3)] == ["other"] * 3
        assert not any(task.done() for task in stuck)


async def test_a_stuck_child_does_not_block_the_loop(folder: Path) -> None:
    async with Sandbox(workers=2, folder=folder, modules=(MODULE,)) as sandbox:
        stuck, first = started(sandbox, "stop_dead")
        await first
        assert await run(sandbox, "echo", value=1) == 1
        assert not stuck.done()
        stuck.cancel()
        await asyncio.wait({stuck})


async def test_time_limits_start_when_a_waiting_call_gets_its_child(sandbox: Sandbox) -> None:
    order: list[str] = []

    async def call(name: str, task: str, seconds: float) -> None:
        with contextlib.suppress(TooSlow):
            await run(sandbox, task, seconds=seconds, value=0)
        order.append(name)

    slow = call("first", "sleep", 0.5)
    await asyncio.gather(slow, call("second", "echo", 0.3), call("third", "echo", 0.3))
    assert order == ["first", "second", "third"]


async def test_a_child_that_died_while_idle_is_replaced(sandbox: Sandbox) -> None:
    server = await run(sandbox, "server")
    os.kill(server, signal.SIGKILL)
    assert has_ended(server)
    assert await run(sandbox, "echo", value="fine") == "fine"


async def test_internal_errors_are_not_reported_as_damaged_clips(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFault) as caught:
        await run(sandbox, "no_such_task")
    assert "no_such_task" in caught.value.detail
    with pytest.raises(SandboxFault) as caught:
        await run(sandbox, "no_json")
    assert "JSON serializable" in caught.value.detail
    with pytest.raises(TypeError):
        await run(sandbox, "echo", value=object())
    assert await run(sandbox, "echo", value=1) == 1


async def test_only_tasks_of_its_modules_run(folder: Path) -> None:
    async with Sandbox(workers=1, folder=folder) as sandbox:
        for name in ("os:system", "bot.errors:restore", TASKS + "echo"):
            with pytest.raises(ValueError, match="not a task"):
                await sandbox.run(name, {}, seconds=1)


async def test_children_that_cannot_start_are_a_sandbox_fault(folder: Path) -> None:
    async with Sandbox(workers=1, folder=folder, modules=("no_such_module",)) as sandbox:
        for _ in range(2):
            with pytest.raises(SandboxFault) as caught:
                await sandbox.run("no_such_module:task", {}, seconds=1)
            assert "no_such_module" in caught.value.detail


async def test_closing_leaves_no_process_and_no_folder(folder: Path) -> None:
    async with Sandbox(workers=3, folder=folder, modules=(MODULE,)) as sandbox:
        stuck, first = started(sandbox, "stop_dead")
        waiting = [asyncio.create_task(run(sandbox, "sleep")) for _ in range(4)]
        await first
        assert len(servers()) == 3
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 1
    assert children() == []
    assert list(folder.iterdir()) == []  # noqa: ASYNC240 - a test may wait
    outcomes = await asyncio.gather(stuck, *waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SandboxFault] * 5
    with pytest.raises(SandboxFault) as caught:
        await run(sandbox, "echo", value=1)
    assert "closed" in caught.value.detail


@pytest.mark.parametrize("steps", range(10))
async def test_closing_while_children_start_leaves_no_process(folder: Path, steps: int) -> None:
    async with Sandbox(workers=2, folder=folder):
        for _ in range(steps):
            await asyncio.sleep(0)
    assert children() == []


async def test_closing_does_not_wait_for_a_child_that_keeps_writing(folder: Path) -> None:
    limits = SandboxLimits(message=1000)
    async with Sandbox(workers=1, folder=folder, limits=limits, modules=(MODULE,)) as sandbox:
        assert await run(sandbox, "flood") == 1
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < process._EXIT_SECONDS
    assert children() == []


ORPHANS = """
import asyncio, sys
from pathlib import Path
from bot.media.sandbox.pool import Sandbox

async def main():
    async with Sandbox(workers=2, folder=Path(sys.argv[1]), modules=(sys.argv[2],)) as sandbox:
        tell = lambda pid: print(pid, flush=True)
        begun = asyncio.Event()
        note = lambda _pid: begun.set()
        other = sandbox.run(f"{sys.argv[2]}:sleep", {}, seconds=30, on_progress=note)
        waiting = asyncio.create_task(other)
        await begun.wait()
        print(await sandbox.run(f"{sys.argv[2]}:pid", {}, seconds=30), flush=True)
        stuck = (sandbox.run(f"{sys.argv[2]}:stop_dead", {}, seconds=30, on_progress=tell))
        await stuck

asyncio.run(main())
"""


async def test_no_child_outlives_a_killed_parent(folder: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ORPHANS, str(folder), MODULE),
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    busy = [int(await parent.stdout.readline()) for _ in range(2)][1]
    all_children = {child.pid for child in psutil.Process(parent.pid).children(recursive=True)}
    assert busy in all_children
    assert len(all_children) == 4
    parent.kill()
    await parent.wait()
    try:
        assert all(has_ended(pid) for pid in all_children)
    finally:
        for pid in all_children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
