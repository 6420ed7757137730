"""Settings from the environment and ``.env``; all mistakes are reported at once.

``docs/configuration.md`` lists them. The environment takes precedence over ``.env``.
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
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from yarl import URL

from bot.domain import text_model
from bot.domain.budget import Budget, Price
from bot.domain.clip import ClipLimits, ProxyLimits
from bot.domain.model_card import CARD_FILE, MODEL_FILE, ModelCard, ModelFolder
from bot.domain.models import ModelSpec
from bot.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PLACEHOLDER_TOKEN = "only-workers-have-it"  # noqa: S105 - the opposite of a token
"""Stands for Clarifai's token in the gateway's container: see ``compose.yaml``."""

_MAX_PORT = 65_535
# A clip is billed for each model, and Discord's menus have at most 25 choices.
_MAX_MODELS = 10
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
# The largest file that Discord accepts, and a length that takes minutes to decode.
_PROXY_MB, _PROXY_MINUTES = 500, 60
_DATABASE_MISTAKE = "must be a database URL like sqlite:///path or postgresql://user@host/db"


def _parse_hosts(value: object) -> object:
    """Parse ``host:port,host:port`` (IPv6 in brackets) into pairs."""
    if not isinstance(value, str):
        return value
    return frozenset(_parse_host(entry.strip()) for entry in value.split(",") if entry.strip())


def _parse_host(entry: str) -> tuple[str, int]:
    host, _, port = entry.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise ValueError(
            f"{entry!r} isn't host:port; write for example 192.168.1.5:8080 or [::1]:8080"
        )
    return host.strip("[]").lower(), int(port)


def _parse_price(value: object) -> object:
    """Parse ``1.20 EUR`` into a price."""
    if not isinstance(value, str):
        return value
    try:
        return Price.parse(value)
    except ValueError:
        raise ValueError("must be a price such as 1.20 or 1.20 EUR") from None


def _parse_models(value: object) -> object:
    """Parse ``general-image-recognition, food-item-recognition:0.9`` into models, in order."""
    if not isinstance(value, str):
        return value
    models = tuple(_parse_model(entry.strip()) for entry in value.split(",") if entry.strip())
    if len({model.model_id for model in models}) < len(models):
        raise ValueError("must list each model once")
    if len(models) > _MAX_MODELS:
        raise ValueError(f"must be at most {_MAX_MODELS} models")
    return models


def _parse_model(entry: str) -> ModelSpec:
    try:
        return ModelSpec.parse(entry)
    except ValueError:
        raise ValueError(
            f"{entry!r} isn't a model; write for example general-image-recognition, or "
            "food-item-recognition:0.9 with its threshold"
        ) from None


def _parse_sites(value: object) -> object:
    """Parse ``youtube.com,youtu.be`` into host names."""
    if not isinstance(value, str):
        return value
    sites = frozenset(entry.strip().lower() for entry in value.split(",") if entry.strip())
    for site in sites:
        if not _HOST.fullmatch(site):
            raise ValueError(f"{site!r} isn't a host name; write for example youtube.com")
    if sites and find_spec("yt_dlp") is None:
        raise ValueError("needs yt-dlp; install it with pip install 'framehound[sites]'")
    return sites


def _parse_shards(value: object) -> object:
    """Parse ``0-3,8`` into shard numbers, in order."""
    if not isinstance(value, str):
        return value
    shards: set[int] = set()
    for part in value.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise ValueError(f"{part.strip()!r} isn't a shard; write for example 0-3,8")
        shards.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(shards))


def _check_root(value: str) -> str:
    """Check the root URL of an API or a web page; drop slashes at its end."""
    url = URL(value)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must be a URL that starts with http:// or https://")
    return value.rstrip("/")


def _check_vision_url(value: str) -> str:
    """Check the base URL of an OpenAI-compatible API; drop the path of its chat endpoint."""
    base = _check_root(value).removesuffix("/chat/completions")
    url = URL(base)
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError("must be a plain URL; a key belongs into VISION_KEY")
    return base


def _check_token(value: SecretStr) -> SecretStr:
    """Check a token; drop the white space that pasting may have added around it."""
    token = value.get_secret_value().strip()
    if not token or any(character.isspace() for character in token):
        raise ValueError("must be a token without spaces")
    return SecretStr(token)


def _check_database(value: SecretStr) -> SecretStr:
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - --help stays quick
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 - see above

    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):
        # The parser's message may quote a piece of the password.
        raise ValueError(_DATABASE_MISTAKE) from None
    if url.drivername not in {"sqlite", "postgresql"}:
        raise ValueError(_DATABASE_MISTAKE)
    return value


def _check_label(label: str) -> str:
    if not label.isprintable():
        raise ValueError("must be on one line")
    return label


def _check_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    if not any(labels):
        raise ValueError("must have at least one name that is not empty")
    return labels


_Label = Annotated[str, AfterValidator(_check_label)]
_Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_check_label)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[_Number, Field(gt=0)]


class _CardFile(BaseModel):
    """The contents of ``model.json``; see ``ModelCard`` for their meaning."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    name: _Name | None = None
    labels: Annotated[tuple[_Label, ...], AfterValidator(_check_labels)]
    size: Annotated[int, Field(ge=16, le=1024)]  # with a larger side, a frame takes seconds
    mean: tuple[_Number, _Number, _Number]
    std: tuple[_Positive, _Positive, _Positive]
    scores: Literal["softmax", "sigmoid", "probabilities"]
    threshold: Annotated[float, Field(ge=0, lt=1)]
    layout: Literal["nchw", "nhwc"] = "nchw"
    colours: Literal["rgb", "bgr"] = "rgb"
    crop: Annotated[float, Field(ge=0.1, le=1)] = 0.875


def _read_model_folder(value: object) -> object:
    """Read ``model.json`` in the folder of an operator's model; each mistake becomes a line."""
    if not isinstance(value, str | Path):
        return value
    folder = Path(value).expanduser().absolute()
    missing = [name for name in (CARD_FILE, MODEL_FILE) if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{folder} has no {' and no '.join(missing)}")
    try:
        text = (folder / CARD_FILE).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't read {folder / CARD_FILE}: {error}") from None
    return ModelFolder(folder, parse_card(text, folder.name))


def parse_card(text: str, folder_name: str) -> ModelCard:
    """Parse ``model.json``; without a ``name`` the model is called like its folder.

    Raises ``ValueError`` with a line for every mistake.
    """
    try:
        fields = _CardFile.model_validate_json(text).model_dump(exclude_none=True)
    except ValidationError as error:
        raise ValueError("\n".join(_card_line(each) for each in error.errors())) from None
    return ModelCard(**{"name": folder_name, **fields})


def _card_line(mistake: ErrorDetails) -> str:
    """Return a mistake in ``model.json`` as one line."""
    if mistake["type"] == "json_invalid":
        return f"{CARD_FILE} isn't valid JSON: {mistake['msg'].removeprefix('Invalid JSON: ')}"
    if not mistake["loc"]:
        return f"{CARD_FILE} must be a JSON object"
    field, *place = mistake["loc"]
    key = repr(f"{field}{''.join(f'[{index}]' for index in place)}")
    if mistake["type"] == "missing":
        return f"{CARD_FILE} is missing {key}"
    if mistake["type"] == "extra_forbidden":
        return f"{CARD_FILE} has an unknown key {key}"
    return f"{CARD_FILE}: {key} {_message(mistake)}"


def _check_text_folder(value: object) -> object:
    """Check the folder of an operator's reader of text; the model itself is loaded later."""
    if not isinstance(value, str | Path):
        return value
    folder = Path(value).expanduser().absolute()
    if not (folder / text_model.MODEL_FILE).is_file():
        raise ValueError(f"{folder} has no {text_model.MODEL_FILE}")
    try:
        text_model.read_characters(folder)
    except (OSError, ValueError) as error:
        raise ValueError(f"can't read the characters in {folder}: {error}") from None
    return folder


Root = Annotated[str, AfterValidator(_check_root)]
VisionUrl = Annotated[str, AfterValidator(_check_vision_url)]
Hosts = Annotated[frozenset[tuple[str, int]], NoDecode, BeforeValidator(_parse_hosts)]
ClarifaiModels = Annotated[
    tuple[InstanceOf[ModelSpec], ...], NoDecode, BeforeValidator(_parse_models)
]
Sites = Annotated[frozenset[str], NoDecode, BeforeValidator(_parse_sites)]
Percentage = Annotated[int, Field(ge=1, le=100)]
Shards = Annotated[tuple[int, ...] | None, NoDecode, BeforeValidator(_parse_shards)]
ClarifaiPrice = Annotated[InstanceOf[Price], BeforeValidator(_parse_price)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_database)]
VisionModel = Annotated[str, Field(max_length=200), AfterValidator(_check_label)]
TextFolder = Annotated[Path, BeforeValidator(_check_text_folder)]
CustomModel = Annotated[InstanceOf[ModelFolder], BeforeValidator(_read_model_folder)]


class Config(BaseSettings):
    """All settings; a setting's name is the field's in capitals."""

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
    clarifai_models: ClarifaiModels = ()
    clarifai_model_choice: Literal["operator", "servers"] = "operator"
    clarifai_deployment_id: str | None = None
    clarifai_compute_cluster_id: str | None = None
    clarifai_nodepool_id: str | None = Field(default=None, validate_default=True)
    clarifai_compute_user_id: str | None = None
    vision_url: VisionUrl | None = None
    vision_model: VisionModel | None = None
    vision_key: Token | None = None
    tagger: Literal["auto", "clarifai", "local", "vision"] = "auto"
    local_model: CustomModel | None = None
    text_model: TextFolder | None = None
    default_threshold: float | None = Field(default=None, ge=0, lt=1)
    command_prefix: str = Field(default="!", min_length=1, max_length=10)
    database_url: DatabaseUrl | None = None
    data_dir: Path = Field(default_factory=lambda: user_data_path("framehound"))
    max_url_mb: PositiveFloat = 80
    max_bytes_mb: PositiveFloat = 10
    max_minutes: PositiveFloat = 10
    clarifai_proxy: Literal["on", "off"] = "on"
    recognize_copies: Literal["on", "off"] = "on"
    long_clips: Literal["parts", "wider", "refuse"] = "parts"
    max_proxy_mb: PositiveFloat | None = None
    max_proxy_minutes: PositiveFloat | None = None
    fetch_allowed_hosts: Hosts = frozenset()
    sites: Sites = frozenset()
    clarifai_price: ClarifaiPrice | None = None
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
    person_share: Percentage = 10
    new_servers_share: Percentage = 10
    retention_days: PositiveInt = 365
    source_url: Root | None = None
    max_job_age_minutes: PositiveFloat | None = None
    metrics_port: int | None = Field(default=None, ge=1, le=_MAX_PORT)
    metrics_host: str = "127.0.0.1"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @field_validator("tagger", mode="after")
    @classmethod
    def _check_tagger(cls, tagger: str, info: ValidationInfo) -> str:
        if tagger == "clarifai" and info.data.get("clarifai_pat") is None:
            raise ValueError("clarifai needs a token; set CLARIFAI_PAT, or use local or auto")
        if tagger == "vision":
            names = ("vision_url", "vision_model")
            missing = [name.upper() for name in names if info.data.get(name, "wrong") is None]
            if missing:
                raise ValueError(f"vision needs an endpoint; set {' and '.join(missing)}")
        return tagger

    @field_validator("clarifai_models", mode="after")
    @classmethod
    def _check_models(
        cls, models: tuple[ModelSpec, ...], info: ValidationInfo
    ) -> tuple[ModelSpec, ...]:
        for name in ("clarifai_model_id", "clarifai_model_version_id"):
            default = cls.model_fields[name].default
            if models and info.data.get(name, default) != default:
                raise ValueError(f"set either this or {name.upper()}")
        return models

    @field_validator("clarifai_deployment_id", mode="after")
    @classmethod
    def _check_deployment(cls, deployment: str | None, info: ValidationInfo) -> str | None:
        if deployment and len(info.data.get("clarifai_models", ())) > 1:
            raise ValueError("a deployment runs one model; set a nodepool for CLARIFAI_MODELS")
        return deployment

    @field_validator("clarifai_nodepool_id", mode="after")
    @classmethod
    def _check_nodepool(cls, nodepool: str | None, info: ValidationInfo) -> str | None:
        if bool(nodepool) != bool(info.data.get("clarifai_compute_cluster_id")):
            raise ValueError(
                "a nodepool and its cluster belong together; set CLARIFAI_NODEPOOL_ID and "
                "CLARIFAI_COMPUTE_CLUSTER_ID"
            )
        if nodepool and info.data.get("clarifai_deployment_id"):
            raise ValueError("set either this or CLARIFAI_DEPLOYMENT_ID")
        return nodepool

    @field_validator("shard_ids", mode="after")
    @classmethod
    def _check_shard_ids(
        cls, shards: tuple[int, ...] | None, info: ValidationInfo
    ) -> tuple[int, ...] | None:
        count = info.data.get("shard_count")
        if shards and count is None:
            raise ValueError("needs the number of shards; set SHARD_COUNT")
        if shards and count is not None and max(shards) >= count:
            raise ValueError(f"must be from 0 to {count - 1}, as SHARD_COUNT is {count}")
        return shards

    @property
    def chosen_tagger(self) -> Literal["clarifai", "local", "vision"]:
        """The tagger to use; ``auto`` means Clarifai if its token is set, else local."""
        if self.tagger == "auto":
            return "clarifai" if self.clarifai_pat else "local"
        return self.tagger

    @property
    def all_clarifai_models(self) -> tuple[ModelSpec, ...]:
        """The models that clips are sent to, the main one first."""
        return self.clarifai_models or (ModelSpec(self.clarifai_model_id),)

    @property
    def has_placeholder_token(self) -> bool:
        """Whether this is a gateway that only knows that the workers have Clarifai's token."""
        pat = self.clarifai_pat
        return pat is not None and pat.get_secret_value() == PLACEHOLDER_TOKEN

    @property
    def clarifai_runner(self) -> dict[str, object] | None:
        """The compute that runs the model, as Clarifai's ``RunnerSelector``.

        ``proto/clarifai/api/resources.proto`` in https://github.com/Clarifai/clarifai-grpc
        """
        user = self.clarifai_compute_user_id or self.clarifai_user_id
        if self.clarifai_deployment_id:
            return {"deployment": {"id": self.clarifai_deployment_id, "user_id": user}}
        if self.clarifai_nodepool_id:
            cluster = {"id": self.clarifai_compute_cluster_id, "user_id": user}
            return {"nodepool": {"id": self.clarifai_nodepool_id, "compute_cluster": cluster}}
        return None

    @property
    def budget(self) -> Budget:
        """The limits on frames billed per month."""
        return Budget(
            self.server_monthly_frames,
            self.monthly_frames,
            self.person_share,
            self.new_servers_share,
        )

    @property
    def limits(self) -> ClipLimits:
        """The largest and longest clip that is tagged; megabytes are decimal."""
        return ClipLimits(
            by_url=round(self.max_url_mb * 1_000_000),
            as_bytes=round(self.max_bytes_mb * 1_000_000),
            duration=round(self.max_minutes * 60_000),
        )

    @property
    def proxies(self) -> ProxyLimits | None:
        """The limits on clips that Clarifai gets as a proxy; None if proxies are off.

        The operator's MAX_URL_MB and MAX_MINUTES apply to them too, unless MAX_PROXY_MB and
        MAX_PROXY_MINUTES are set; the defaults of the former do not.
        """
        if self.clarifai_proxy == "off":
            return None
        given = self.model_fields_set
        size = self.max_proxy_mb or (self.max_url_mb if "max_url_mb" in given else _PROXY_MB)
        minutes = self.max_proxy_minutes or (
            self.max_minutes if "max_minutes" in given else _PROXY_MINUTES
        )
        return ProxyLimits(
            size=round(size * 1_000_000),
            duration=round((self.max_minutes if self.long_clips == "refuse" else minutes) * 60_000),
            wider=self.long_clips == "wider",
        )

    @property
    def database(self) -> str:
        """The database's URL; it may contain a password."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'framehound.sqlite'}"


class DiscordConfig(Config):
    """The settings of a process that talks to Discord."""

    discord_token: Token


Kind = TypeVar("Kind", bound=Config)


def load(kind: type[Kind], *, env_file: Path | None = Path(".env"), **overrides: Any) -> Kind:
    """Load all settings; ``overrides`` (from the command line) win over the environment.

    Raises ``ConfigError`` with a line for every mistake.
    """
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        # pydantic-settings takes _env_file, which is not a field.
        return kind(_env_file=env_file, **given)  # type: ignore[call-arg]  # see above
    except ValidationError as error:
        raise ConfigError([line for each in error.errors() for line in _lines(each)]) from None


def _lines(mistake: ErrorDetails) -> list[str]:
    name = str(mistake["loc"][0]).upper()
    if mistake["type"] == "missing":
        return [f"{name}: missing; set it in the environment or in .env"]
    return [f"{name}: {line}" for line in _message(mistake).splitlines()]


def _message(mistake: ErrorDetails) -> str:
    """Return pydantic's message as the end of a sentence that begins with the name."""
    message = mistake["msg"].removeprefix("Value error, ").replace(" after validation", "")
    return re.sub(r"^\w+ should", "must", message, count=1)
