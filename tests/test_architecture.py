"""Imports point down, and packages on one level don't import each other."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
# Each level may import those listed before it; parts of one level don't import each other.
LEVELS: tuple[tuple[str, ...], ...] = (
    # The small parts of ``runtime`` import nothing else of the bot, so everything may use them.
    (
        "bot.errors",
        "bot.i18n",
        "bot.healthcheck",
        "bot.runtime.fair_slots",
        "bot.runtime.logs",
        "bot.runtime.metrics",
        "bot.runtime.secrets",
        "bot.runtime.shutdown",
        "bot.runtime.tasks",
    ),
    ("bot.domain", "bot.config", "bot.runtime.health"),
    ("bot.media", "bot.storage", "bot.render"),
    ("bot.taggers",),
    ("bot.services",),
    ("bot.jobs",),
    ("bot.runtime.app",),
    ("bot.chat",),
    ("cogs", "bot.cli"),
    ("bot.__main__",),
)
# Config uses the domain's limits.
NEIGHBOURS_THAT_MAY = {("bot.config", "bot.domain")}
DISCORD = {"bot.chat", "bot.cli", "cogs"}

FILES = sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py")])


def part_of(module: str) -> str | None:
    for level in LEVELS:
        for part in level:
            if module == part or module.startswith(f"{part}."):
                return part
    return None


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (
                [f"bot.{alias.name}" for alias in node.names]
                if node.module == "bot"
                else [node.module]
            )


def level_of(part: str) -> int:
    return next(number for number, level in enumerate(LEVELS) if part in level)


def test_imports_point_down() -> None:
    wrong = []
    for module, path in ((module_of(path), path) for path in FILES):
        part = part_of(module)
        if module in {"bot", "bot.runtime"}:
            continue
        assert part is not None, f"{module} has no level: name it in LEVELS"
        for imported in imports(path):
            other = part_of(imported)
            if other is None or other == part or (part, other) in NEIGHBOURS_THAT_MAY:
                continue
            if level_of(other) >= level_of(part):
                wrong.append(f"{module} must not import {imported}")
    assert wrong == []


def test_only_chat_cogs_and_cli_import_discord() -> None:
    knowing = {
        path for path in FILES if any(name.partition(".")[0] == "discord" for name in imports(path))
    }
    assert {part_of(module_of(path)) for path in knowing} == DISCORD


def test_the_loopback_discord_and_the_bot_do_not_import_each_other() -> None:
    """The package can be used without this repository, and the bot's wheel does without it."""
    ours = {"bot", "cogs", "tests", "scripts", "benchmarks", "fuzz"}
    package = sorted((ROOT / "packages").rglob("*.py"))
    assert package
    crossing = [
        (path.relative_to(ROOT).as_posix(), name)
        for paths, others in ((package, ours), (FILES, {"loopback_discord"}))
        for path in paths
        for name in imports(path)
        if name.partition(".")[0] in others
    ]
    assert crossing == []


def test_one_file_knows_dbos() -> None:
    knowing = {
        path for path in FILES if any(name.split(".")[0] == "dbos" for name in imports(path))
    }
    assert {path.relative_to(ROOT).as_posix() for path in knowing} == {"bot/jobs/dbos_runtime.py"}


def test_decoding_libraries_are_imported_by_children_only() -> None:
    """Ask a new interpreter, as other tests have imported everything."""
    heavy = ("av", "numpy", "onnx", "onnxruntime", "PIL", "yt_dlp")
    code = (
        "import importlib, sys; import bot.cli.run, bot.cli.tag; from bot.chat.client import COGS\n"
        "for cog in COGS: importlib.import_module(cog)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_domain_imports_only_the_standard_library() -> None:
    for path in (ROOT / "bot" / "domain").rglob("*.py"):
        for imported in imports(path):
            top = imported.partition(".")[0]
            allowed = top in sys.stdlib_module_names or imported.startswith(
                ("bot.domain", "bot.errors", "bot.i18n")
            )
            assert allowed, f"{path.name} imports {imported}"
