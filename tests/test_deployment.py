"""The image and compose.yaml: what is pinned, and what each container may use and know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
DIGEST = re.compile(r"[\w.:/-]+@sha256:[0-9a-f]{64}")
# What the operator wrote into .env.
SECRETS = {
    "DISCORD_TOKEN": "a discord token",
    "CLARIFAI_PAT": "a clarifai token",
    "CLARIFAI_KEY": "an old clarifai token",
    "VISION_KEY": "a key for a vision model",
    "POSTGRES_PASSWORD": "a password",
}


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """Return a container's secrets as Docker Compose sets them: ``environment`` wins."""

    def filled(match: re.Match[str]) -> str:
        name, operator, other = match.groups()
        return other if operator == ":+" else SECRETS[name]

    given = service.get("environment", {})
    own = {name: re.sub(r"\$\{(\w+)(:[-+])([^}]*)\}", filled, str(given[name])) for name in given}
    return {**(SECRETS if service.get("env_file") == ".env" else {}), **own}


@pytest.mark.parametrize(
    ("service", "needed"),
    [
        ("framehound", {"DISCORD_TOKEN", "CLARIFAI_PAT", "CLARIFAI_KEY", "VISION_KEY"}),
        ("gateway", {"DISCORD_TOKEN", "POSTGRES_PASSWORD"}),
        ("worker", {*SECRETS}),
        ("database", {"POSTGRES_PASSWORD"}),
    ],
)
def test_a_container_gets_only_the_secrets_it_needs(service: str, needed: set[str]) -> None:
    values = set(environment_of(SERVICES[service]).values())
    assert {name for name, secret in SECRETS.items() if secret in values} == needed


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_limits_and_few_privileges(service: str) -> None:
    limits = SERVICES[service]
    assert re.fullmatch(r"\d+m", limits["mem_limit"])
    assert 0 < limits["pids_limit"] <= 512
    assert (limits["read_only"], limits["cap_drop"]) == (True, ["ALL"])
    assert limits["security_opt"] == ["no-new-privileges:true"]
    sizes = [re.search(r"size=\d+m", mount) for mount in limits["tmpfs"] if "/run/" not in mount]
    assert all(sizes)


def test_images_are_pinned_by_digest() -> None:
    base = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert base
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE}"}
    ours = {"framehound"}
    foreign = {service["image"] for service in SERVICES.values()} - ours
    for image in (base[1], *foreign):
        assert DIGEST.fullmatch(image), image


def test_everything_the_image_installs_is_pinned() -> None:
    installs = re.findall(r"pip (?:install|wheel) [^&]+", DOCKERFILE)
    assert len(installs) >= 4
    for command in installs:
        assert "--require-hashes" in command or "--no-deps" in command, command
    for file in re.findall(r"requirements[\w-]*\.txt", DOCKERFILE):
        assert f"!{file}\n" in (ROOT / ".dockerignore").read_text(), file


def test_every_version_of_python_gets_the_versions_that_were_tested() -> None:
    """The image has a newer Python than most tests run with."""
    pins = (ROOT / "requirements.txt").read_text("utf-8")
    pinned = re.findall(r"^([a-z0-9-]+)==", pins, re.MULTILINE)
    assert sorted(set(pinned)) == sorted(pinned)
