"""Settings from the environment and ``.env``; every mistake is reported at once.

The names and defaults are those of the README's table; the real environment wins over ``.env``.
"""

from __future__ import annotations

import platform
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from yarl import URL

from bot.domain import model_card
from bot.domain.budget import Budget
from bot.domain.clip import ClipLimits, ProxyLimits
from bot.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PORT_LIMIT = 65_535
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
# The largest file anybody can post on Discord, and a length that takes minutes to decode.
_PROXY_MB, _PROXY_MINUTES = 500, 60


def _parse_hosts(value: object) -> object:
    """Read ``host:port,host:port`` (IPv6 in brackets) into pairs."""
    if not isinstance(value, str):
        return value
    return frozenset(_parse_host(entry.strip()) for entry in value.split(",") if entry.strip())


def _parse_host(entry: str) -> tuple[str, int]:
    host, _, port = entry.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= _PORT_LIMIT:
        raise ValueError(f"{entry!r} is not host:port")
    return host.strip("[]").lower(), int(port)


def _parse_sites(value: object) -> object:
    """Read ``youtube.com,youtu.be`` into host names."""
    if not isinstance(value, str):
        return value
    sites = frozenset(entry.strip().lower() for entry in value.split(",") if entry.strip())
    for site in sites:
        if not _HOST.fullmatch(site):
            raise ValueError(f"{site!r} is not a host like youtube.com")
    if sites and find_spec("yt_dlp") is None:
        raise ValueError("needs yt-dlp: install framehound[sites]")
    return sites


def _parse_shards(value: object) -> object:
    """Read ``0-3,8`` into the shard numbers it names."""
    if not isinstance(value, str):
        return value
    shards: set[int] = set()
    for part in value.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise ValueError(f"{part.strip()!r} is not a shard or a range like 0-3")
        shards.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(shards))


def _check_root(value: str) -> str:
    url = URL(value)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


def _check_token(value: SecretStr) -> SecretStr:
    """Take a token as it was pasted, white space around it left out."""
    token = value.get_secret_value().strip()
    if not token or any(character.isspace() for character in token):
        raise ValueError("must be one word")
    return SecretStr(token)


def _check_database(value: SecretStr) -> SecretStr:
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - --help stays quick
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 - see above

    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):
        # The parser's own words may quote a piece of the password.
        raise ValueError("must look like sqlite:///path or postgresql://user@host/db") from None
    if url.drivername not in {"sqlite", "postgresql"}:
        raise ValueError("must start with sqlite:/// or postgresql://")
    return value


def _check_model(folder: Path) -> Path:
    """Read what the folder says of its model; each mistake is a line of its own."""
    folder = folder.expanduser().absolute()
    lacking = [
        name for name in (model_card.CARD, model_card.MODEL) if not (folder / name).is_file()
    ]
    if lacking:
        raise ValueError(f"there is no {' and no '.join(lacking)} in {folder}")
    try:
        model_card.parse((folder / model_card.CARD).read_text("utf-8"), folder.name)
    except ConfigError as error:
        raise ValueError("\n".join(error.mistakes)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't read {folder / model_card.CARD}: {error}") from None
    return folder


Root = Annotated[str, AfterValidator(_check_root)]
Hosts = Annotated[frozenset[tuple[str, int]], NoDecode, BeforeValidator(_parse_hosts)]
Sites = Annotated[frozenset[str], NoDecode, BeforeValidator(_parse_sites)]
Shards = Annotated[tuple[int, ...] | None, NoDecode, BeforeValidator(_parse_shards)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_database)]
ModelFolder = Annotated[Path, AfterValidator(_check_model)]


class Config(BaseSettings):
    """Everything an operator can set; a field's name in capitals is the setting's."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    discord_token: Token | None = None
    discord_api_url: Root | None = None
    clarifai_pat: Token | None = Field(
        default=None, validation_alias=AliasChoices("CLARIFAI_PAT", "CLARIFAI_KEY")
    )
    clarifai_api_url: Root = "https://api.clarifai.com"
    clarifai_user_id: str = "clarifai"
    clarifai_app_id: str = "main"
    clarifai_model_id: str = "general-image-recognition"
    clarifai_model_version_id: str | None = None
    tagger: Literal["auto", "clarifai", "local"] = "auto"
    local_model: ModelFolder | None = None
    default_threshold: float | None = Field(default=None, ge=0, lt=1)
    command_prefix: str = Field(default="!", min_length=1, max_length=10)
    database_url: DatabaseUrl | None = None
    data_dir: Path = Field(default_factory=lambda: user_data_path("framehound"))
    max_url_mb: PositiveFloat = 80
    max_bytes_mb: PositiveFloat = 10
    max_minutes: PositiveFloat = 10
    clarifai_proxy: Literal["on", "off"] = "on"
    long_clips: Literal["parts", "wider", "refuse"] = "parts"
    max_proxy_mb: PositiveFloat | None = None
    max_proxy_minutes: PositiveFloat | None = None
    fetch_allowed_hosts: Hosts = frozenset()
    sites: Sites = frozenset()
    clarifai_calls_per_second: PositiveFloat = 15
    clarifai_fallback: Literal["wait", "local"] = "wait"
    shard_count: PositiveInt | None = None
    shard_ids: Shards = None
    worker_id: str = Field(default_factory=platform.node, min_length=1)
    worker_concurrency: PositiveInt = 8
    server_concurrency: PositiveInt = 2
    server_waiting: PositiveInt = 250
    server_monthly_frames: PositiveInt | None = None
    monthly_frames: PositiveInt | None = None
    retention_days: PositiveInt = 365
    source_url: Root | None = None
    max_job_age_minutes: PositiveFloat | None = None
    metrics_port: int | None = Field(default=None, ge=1, le=_PORT_LIMIT)
    metrics_host: str = "127.0.0.1"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @field_validator("tagger", mode="after")
    @classmethod
    def _has_account(cls, tagger: str, info: ValidationInfo) -> str:
        if tagger == "clarifai" and info.data.get("clarifai_pat") is None:
            raise ValueError("clarifai needs CLARIFAI_PAT to be set")
        return tagger

    @field_validator("shard_ids", mode="after")
    @classmethod
    def _are_counted(
        cls, shards: tuple[int, ...] | None, info: ValidationInfo
    ) -> tuple[int, ...] | None:
        count = info.data.get("shard_count")
        if shards and count is None:
            raise ValueError("needs SHARD_COUNT to be set")
        if shards and count is not None and max(shards) >= count:
            raise ValueError(f"must be below SHARD_COUNT ({count})")
        return shards

    @property
    def chosen_tagger(self) -> Literal["clarifai", "local"]:
        """The tagger ``auto`` stands for: Clarifai where a token is set, else local."""
        if self.tagger == "auto":
            return "clarifai" if self.clarifai_pat else "local"
        return self.tagger

    @property
    def budget(self) -> Budget:
        """Most frames a month that may be billed."""
        return Budget(self.server_monthly_frames, self.monthly_frames)

    @property
    def limits(self) -> ClipLimits:
        """What a clip may be at most; megabytes are decimal."""
        return ClipLimits(
            by_url=round(self.max_url_mb * 1_000_000),
            as_bytes=round(self.max_bytes_mb * 1_000_000),
            duration=round(self.max_minutes * 60_000),
        )

    @property
    def proxies(self) -> ProxyLimits | None:
        """What Clarifai is shown as small pictures where it does not take the clip itself.

        One of Clarifai's limits that the operator set, and nothing else, bounds these clips too.
        """
        if self.clarifai_proxy == "off":
            return None
        set_here = self.model_fields_set
        size = self.max_proxy_mb or (self.max_url_mb if "max_url_mb" in set_here else _PROXY_MB)
        minutes = self.max_proxy_minutes or (
            self.max_minutes if "max_minutes" in set_here else _PROXY_MINUTES
        )
        return ProxyLimits(
            size=round(size * 1_000_000),
            duration=round((self.max_minutes if self.long_clips == "refuse" else minutes) * 60_000),
            wider=self.long_clips == "wider",
        )

    @property
    def database(self) -> str:
        """Where the database is; may contain a password."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'framehound.sqlite'}"


class DiscordConfig(Config):
    """The settings of a process that talks to Discord."""

    discord_token: Token


Kind = TypeVar("Kind", bound=Config)


def load(kind: type[Kind], *, env_file: Path | None = Path(".env"), **overrides: Any) -> Kind:
    """Read all settings; ``overrides`` (from the command line) win over the environment.

    Raises ``ConfigError`` with a line for every mistake.
    """
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        # The environment's file is pydantic-settings' own argument, unknown to the field list.
        return kind(_env_file=env_file, **given)  # type: ignore[call-arg]  # see above
    except ValidationError as error:
        raise ConfigError([line for each in error.errors() for line in _lines(each)]) from None


def _lines(mistake: ErrorDetails) -> list[str]:
    name = str(mistake["loc"][0]).upper()
    if mistake["type"] == "missing":
        return [f"{name}: must be set"]
    words = mistake["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
    return [f"{name}: {line}" for line in words.splitlines()]
