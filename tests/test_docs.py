"""The documentation and the example settings name everything that exists, and nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.main import get_command

from bot.__main__ import cli
from bot.chat.client import COGS, FramehoundBot
from bot.config import Config, DiscordConfig
from bot.domain.settings import SETTINGS
from bot.storage.tables import metadata
from scripts import write_settings_page
from tests.cogs.conftest import RecordedJobs

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]


@pytest.mark.parametrize("field", DiscordConfig.model_fields)
def test_every_setting_is_documented(field: str) -> None:
    assert f"`{field.upper()}`" in CONFIGURATION


def test_only_existing_settings_are_documented() -> None:
    table = CONFIGURATION.split("\n## Settings")[1].split("\n## ")[0]
    named = {
        name
        for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
        for name in re.findall(r"`([A-Z_]+)`", row)
    }
    assert named == {field.upper() for field in Config.model_fields}


def test_the_page_of_server_settings_is_up_to_date() -> None:
    command = "run python -m scripts.write_settings_page"
    assert write_settings_page.PAGE.read_text("utf-8") == write_settings_page.page(), command
    for name in SETTINGS:
        assert f"| `{name}` |" in write_settings_page.page()


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_existing_files(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        assert "://" in link or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    top_levels = "bot|cogs|tests|scripts|benchmarks|fuzz|docs|packages"
    for path in re.findall(rf"`((?:{top_levels})/[\w./-]*)`", page.read_text()):
        assert (ROOT / path).exists(), path


def test_the_contributing_map_is_correct() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Find your way around")[1]
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+) \| ([^|]*) \|$", section, re.MULTILINE)
    looked_up = 0
    for files, names in rows:
        code = "".join((ROOT / file).read_text() for file in re.findall(r"`([^`]+\.py)`", files))
        for name in re.findall(r"`([\w.]+)`", names):
            for part in name.split("."):
                assert re.search(rf"^ *(class|(async )?def) {part}\b", code, re.MULTILINE), name
            looked_up += 1
    assert looked_up > 20


def test_the_example_names_real_settings_only() -> None:
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE))
    assert named
    named.discard("POSTGRES_PASSWORD")  # compose.yaml's
    assert named <= {field.upper() for field in Config.model_fields}


def test_every_command_and_option_is_documented() -> None:
    for name, command in get_command(cli).commands.items():  # type: ignore[attr-defined]  # a group
        assert f"framehound {name}" in README
        for option in command.params:
            long = [flag for flag in option.opts if flag.startswith("--")]
            assert all(flag in README for flag in long), option.opts


@pytest.mark.parametrize(
    ("file", "declared"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"]),
        ("requirements-sites.txt", PROJECT["project"]["optional-dependencies"]["sites"]),
        ("requirements-build.txt", PROJECT["build-system"]["requires"]),
        (
            "requirements-dev.txt",
            [*PROJECT["project"]["dependencies"], *GROUPS["models"], *GROUPS["dev"][1:]],
        ),
    ],
)
def test_the_pins_match_the_declared_dependencies(file: str, declared: list[str]) -> None:
    text = (ROOT / file).read_text()
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ \\;]+)", text, re.MULTILINE):
        pins.setdefault(canonicalize_name(name), []).append(version)
    for requirement in map(Requirement, declared):
        if requirement.name in PROJECT["tool"]["uv"]["sources"]:
            continue  # a folder of this repository
        pinned = pins.get(canonicalize_name(requirement.name), [])
        assert pinned, f"{requirement.name} is not pinned: run scripts/pin.sh"
        for version in pinned:
            assert version in requirement.specifier, f"{requirement}: run scripts/pin.sh"


@pytest.mark.parametrize("file", [path.name for path in ROOT.glob("requirements*.txt")])
def test_pins_name_no_registry(file: str) -> None:
    text = (ROOT / file).read_text()
    assert "://" not in text
    assert text.count("==") <= text.count("--hash=sha256:")
    assert not (ROOT / "uv.lock").exists() or "uv.lock" in (ROOT / ".gitignore").read_text()


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "CONTRIBUTING.md").read_text().split("## Dependencies")[1]
    for requirement in map(Requirement, PROJECT["project"]["dependencies"]):
        assert requirement.name in reasons


def test_compose_sets_real_settings_only() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    settings = {field.upper() for field in Config.model_fields}
    others = {"CLARIFAI_KEY", "PGPASSWORD", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
    named = set(re.findall(r"^ +([A-Z_]+):", compose, re.MULTILINE))
    assert named - others <= settings
    assert "DATABASE_URL" in named


def test_the_security_page_names_existing_tests() -> None:
    table = (ROOT / "SECURITY.md").read_text()
    rows = [row for row in re.findall(r"^\| (.+) \|$", table, re.MULTILINE) if "::" in row]
    assert len(rows) > 20
    for row in rows:
        for file, name in re.findall(r"`([\w/.]+)::(\w+)`", row.split("|")[2]):
            text = (ROOT / "tests" / file).read_text()
            assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), f"{file}::{name}"


async def test_every_command_in_discord_is_documented(
    make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    bot = FramehoundBot(await open_app(make_config()), RecordedJobs(), message_content=True)
    for cog in COGS:
        await bot.load_extension(cog)
    for text in bot.walk_commands():
        if not isinstance(text, (commands.HybridCommand, commands.HybridGroup)):
            assert f"`!{text.qualified_name}" in README
    for command in bot.tree.walk_commands():
        if isinstance(command, app_commands.Command):
            assert f"`/{command.qualified_name}" in README
            for option in command.parameters:
                assert f"{option.display_name}:" in README
    for menu in bot.tree.get_commands(type=discord.AppCommandType.message):
        assert f"*{menu.name}*" in README
    assert len(list(bot.tree.walk_commands())) > 10


def test_the_scaling_page_names_existing_panels() -> None:
    dashboard = json.loads((ROOT / "docs" / "dashboard.json").read_text())
    titles = {panel["title"] for panel in dashboard["panels"]}
    table = (ROOT / "docs" / "scaling.md").read_text().split("| panel |")[1].split("\n\n")[0]
    named = re.findall(r"\| ([^|]+) \|$", table, re.MULTILINE)
    assert len(named) > 5
    assert {title for cell in named for title in cell.split(", ")} <= titles


def test_a_new_table_needs_a_row_in_the_privacy_page() -> None:
    # A new table needs a row in PRIVACY.md; meta and rate_limits hold no personal data.
    assert set(metadata.tables) == {
        *("sense_observations", "perceptual_hashes", "tag_corrections"),
        *("saved_queries", "alert_recipients", "personal_alerts", "notified_messages"),
        *("taggings", "posted_clips", "thresholds", "usage", "usage_shares", "opt_outs"),
        *("guild_settings", "job_records", "job_record_messages", "watches"),
        *("job_record_people", "reply_deletions", "index_runs", "index_messages"),
        *("search_concepts", "search_taggings", "search_scores"),
        *("posted_concepts", "posted_texts"),
        *("meta", "rate_limits", "recent_searches"),
    }


def test_every_picture_has_alt_text() -> None:
    said = dict(re.findall(r"!\[([^\]]*)\]\((docs/[^)]+)\)", README))
    said |= {
        alt: file for file, alt in re.findall(r'<img src="([^"]+)"[^>]* alt="([^"]+)"', README)
    }
    for page in (ROOT / "docs").glob("*.md"):
        found = re.findall(r"!\[([^\]]*)\]\(([^)/]+\.png)\)", page.read_text())
        said |= {alt: f"docs/{file}" for alt, file in found}
    shown = {*said.values(), *re.findall(r'srcset="([^"]+)"', README)}
    assert shown == {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.png")}
    assert all(len(alt) > 40 for alt in said)
