from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from bot import config
from bot.config import Config
from bot.domain.budget import Price
from bot.domain.clip import ProxyLimits
from bot.domain.model_card import ModelFolder
from bot.errors import ConfigError
from tests.taggers.local.custom_models import CARD, COLOURS, make_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in config.DiscordConfig.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.delenv("CLARIFAI_KEY", raising=False)


def load(**settings: str) -> config.Config:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        return config.load(config.Config, env_file=None)


def mistakes(**settings: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(**settings)
    return caught.value.mistakes


def test_the_defaults_are_the_documented_ones() -> None:
    loaded = load()
    assert (loaded.limits.by_url, loaded.limits.as_bytes) == (80_000_000, 10_000_000)
    assert loaded.limits.duration == 600_000
    assert loaded.chosen_tagger == "local"
    assert loaded.database == f"sqlite:///{loaded.data_dir}/framehound.sqlite"


def test_proxies_have_clarifais_limits_by_default() -> None:
    assert load().proxies == ProxyLimits(size=500_000_000, duration=3_600_000)
    assert load(MAX_URL_MB="7", MAX_MINUTES="2").proxies == ProxyLimits(7_000_000, 120_000)
    own = load(MAX_URL_MB="7", MAX_MINUTES="2", MAX_PROXY_MB="9", MAX_PROXY_MINUTES="3")
    assert own.proxies == ProxyLimits(9_000_000, 180_000)


def test_proxies_can_be_limited_and_switched_off() -> None:
    assert load(CLARIFAI_PROXY="off").proxies is None
    assert load(LONG_CLIPS="wider").proxies == ProxyLimits(500_000_000, 3_600_000, wider=True)
    assert load(LONG_CLIPS="refuse").proxies == ProxyLimits(500_000_000, 600_000)
    assert mistakes(CLARIFAI_PROXY="maybe", LONG_CLIPS="x") == (
        "CLARIFAI_PROXY: must be 'on' or 'off'",
        "LONG_CLIPS: must be 'parts', 'wider' or 'refuse'",
    )


def test_every_mistake_is_reported_at_once() -> None:
    found = mistakes(MAX_URL_MB="-1", LOG_LEVEL="LOUD", SHARD_IDS="x", DATABASE_URL="mysql://h/d")
    assert [line.partition(":")[0] for line in found] == [
        "DATABASE_URL",
        "MAX_URL_MB",
        "SHARD_IDS",
        "LOG_LEVEL",
    ]


def test_a_mistake_shows_no_secret() -> None:
    found = mistakes(CLARIFAI_PAT="hush-hush", DATABASE_URL="mysql://me:hush-hush@h/d", TAGGER="x")
    assert "hush-hush" not in "".join(found)


@pytest.mark.parametrize(
    "url",
    ["postgresql://host:hunter2/db", "sqlite+aiosqlite:///hunter2", "hunter2", "oracle://hunter2"],
)
def test_a_wrong_database_url_is_not_quoted(url: str) -> None:
    (mistake,) = mistakes(DATABASE_URL=url)
    assert mistake.startswith("DATABASE_URL: must ")
    assert "hunter2" not in mistake


def test_the_bot_needs_a_discord_token() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(config.DiscordConfig, env_file=None)
    assert caught.value.mistakes == (
        "DISCORD_TOKEN: missing; set it in the environment or in .env",
    )


def test_secrets_are_not_in_the_repr() -> None:
    loaded = load(
        CLARIFAI_PAT="hush-hush",
        DISCORD_TOKEN="hush-hush",
        DATABASE_URL="postgresql://me:hush-hush@h/d",
    )
    assert "hush-hush" not in repr(loaded)
    assert loaded.clarifai_pat is not None
    assert loaded.discord_token is not None


def test_white_space_around_a_token_is_dropped() -> None:
    token = load(CLARIFAI_PAT=" abc\n").clarifai_pat
    assert token is not None
    assert token.get_secret_value() == "abc"
    assert mistakes(CLARIFAI_PAT="hush hush") == ("CLARIFAI_PAT: must be a token without spaces",)


def test_clarifai_key_is_another_name_of_the_token() -> None:
    assert load(CLARIFAI_KEY="k").chosen_tagger == "clarifai"


def test_clarifai_needs_its_token() -> None:
    assert mistakes(TAGGER="clarifai") == (
        "TAGGER: clarifai needs a token; set CLARIFAI_PAT, or use local or auto",
    )


def test_a_vision_endpoint_is_a_plain_url_with_a_model() -> None:
    given = {"TAGGER": "vision", "VISION_URL": "http://10.0.0.5:8000/v1/chat/completions"}
    loaded = load(**given, VISION_MODEL="qwen3-vl:8b", VISION_KEY=" secret ")
    assert (loaded.vision_url, loaded.chosen_tagger) == ("http://10.0.0.5:8000/v1", "vision")
    assert "secret" not in repr(loaded)
    assert load(VISION_URL=given["VISION_URL"], VISION_MODEL="x").chosen_tagger == "local"
    assert mistakes(**given) == ("TAGGER: vision needs an endpoint; set VISION_MODEL",)
    assert mistakes(TAGGER="vision") == (
        "TAGGER: vision needs an endpoint; set VISION_URL and VISION_MODEL",
    )
    for wrong in ("https://me:hush@host/v1", "https://host/v1?key=hush"):
        (mistake,) = mistakes(VISION_URL=wrong)
        assert mistake == "VISION_URL: must be a plain URL; a key belongs into VISION_KEY"


def test_shard_ids_are_ranges_below_the_count() -> None:
    assert load(SHARD_COUNT="9", SHARD_IDS="0-3,8").shard_ids == (0, 1, 2, 3, 8)
    assert mistakes(SHARD_COUNT="8", SHARD_IDS="0-3,8") == (
        "SHARD_IDS: must be from 0 to 7, as SHARD_COUNT is 8",
    )
    assert mistakes(SHARD_IDS="0") == ("SHARD_IDS: needs the number of shards; set SHARD_COUNT",)


def test_allowed_hosts_are_pairs_of_host_and_port() -> None:
    hosts = load(FETCH_ALLOWED_HOSTS="nas.local:8080, [::1]:90").fetch_allowed_hosts
    assert hosts == {("nas.local", 8080), ("::1", 90)}
    assert mistakes(FETCH_ALLOWED_HOSTS="nas.local")


def test_sites_are_host_names_and_need_yt_dlp(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(SITES="YouTube.com, youtu.be").sites == {"youtube.com", "youtu.be"}
    assert mistakes(SITES="https://youtube.com") == (
        "SITES: 'https://youtube.com' isn't a host name; write for example youtube.com",
    )
    monkeypatch.setattr(config, "find_spec", lambda _name: None)
    assert load(SITES="").sites == frozenset()
    assert mistakes(SITES="youtube.com") == (
        "SITES: needs yt-dlp; install it with pip install 'framehound[sites]'",
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("COMMAND_PREFIX=?\nLOG_LEVEL=DEBUG\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMMAND_PREFIX", "$")
        loaded = config.load(config.Config, env_file=file)
    assert (loaded.command_prefix, loaded.log_level) == ("$", "DEBUG")


def test_the_command_line_wins_over_both() -> None:
    assert config.load(config.Config, env_file=None, tagger="local").tagger == "local"


def test_a_custom_model_is_a_folder_with_a_model_and_its_card(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "colours")
    assert load(LOCAL_MODEL=str(folder)).local_model == ModelFolder(folder, COLOURS)
    (folder / "model.onnx").unlink()
    assert mistakes(LOCAL_MODEL=str(folder)) == (f"LOCAL_MODEL: {folder} has no model.onnx",)
    assert mistakes(LOCAL_MODEL=str(tmp_path / "nowhere")) == (
        f"LOCAL_MODEL: {tmp_path / 'nowhere'} has no model.json and no model.onnx",
    )


def test_every_mistake_in_a_card_is_a_line(tmp_path: Path) -> None:
    folder = make_model(tmp_path, size=3, scores="max")
    assert mistakes(LOCAL_MODEL=str(folder), LOG_LEVEL="LOUD") == (
        "LOCAL_MODEL: model.json: 'size' must be greater than or equal to 16",
        "LOCAL_MODEL: model.json: 'scores' must be 'softmax', 'sigmoid' or 'probabilities'",
        "LOG_LEVEL: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'",
    )


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"labels": "red"}, ": 'labels' must be a valid array"),
        ({"labels": ["", ""]}, ": 'labels' must have at least one name that is not empty"),
        ({"labels": ["red", "a\nb", "c"]}, ": 'labels[1]' must be on one line"),
        ({"labels": ["red", 5]}, ": 'labels[1]' must be a valid string"),
        ({"size": 8}, ": 'size' must be greater than or equal to 16"),
        ({"size": 2000}, ": 'size' must be less than or equal to 1024"),
        ({"size": 32.5}, ": 'size' must be a valid integer"),
        ({"mean": [1, 2]}, " is missing 'mean[2]'"),
        ({"mean": [1, 2, 3, 4]}, ": 'mean' must have at most 3 items, not 4"),
        ({"mean": [1, 2, float("nan")]}, ": 'mean[2]' must be a finite number"),
        ({"std": [0, 1, 1]}, ": 'std[0]' must be greater than 0"),
        ({"std": ["a", 1, 1]}, ": 'std[0]' must be a valid number"),
        ({"scores": "max"}, ": 'scores' must be 'softmax', 'sigmoid' or 'probabilities'"),
        ({"threshold": 1}, ": 'threshold' must be less than 1"),
        ({"layout": []}, ": 'layout' must be 'nchw' or 'nhwc'"),
        ({"colours": "grey"}, ": 'colours' must be 'rgb' or 'bgr'"),
        ({"crop": True}, ": 'crop' must be a valid number"),
        ({"name": ""}, ": 'name' must have at least 1 character"),
        ({"labls": []}, " has an unknown key 'labls'"),
    ],
)
def test_each_mistake_in_a_card_has_its_line(wrong: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        config.parse_card(json.dumps({**CARD, **wrong}), "folder")
    assert str(caught.value) == f"model.json{line}"


@pytest.mark.parametrize(
    ("text", "line"),
    [("{", "model.json isn't valid JSON: EOF"), ("[]", "model.json must be a JSON object")],
)
def test_a_file_that_is_not_a_card_is_refused(text: str, line: str) -> None:
    with pytest.raises(ValueError, match=f"^{line}"):
        config.parse_card(text, "folder")


def test_a_card_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (make_model(tmp_path) / "model.json").write_bytes(b"\xff")
    (found,) = mistakes(LOCAL_MODEL=str(tmp_path))
    assert found.startswith(f"LOCAL_MODEL: can't read {tmp_path / 'model.json'}: ")


def test_a_price_may_have_a_currency() -> None:
    for text, price in (("1.2", Price(1.2)), (" 1.20 EUR ", Price(1.2, "EUR"))):
        assert Config.model_validate({"clarifai_price": text}).clarifai_price == price
    for text in ("", "EUR", "-1", "nan", "1 \x1b[31m", "1 thalers and more"):
        with pytest.raises(ValidationError, match=r"must be a price such as 1\.20 or 1\.20 EUR"):
            Config.model_validate({"clarifai_price": text})


def test_clarifais_models_may_have_thresholds() -> None:
    loaded = load(CLARIFAI_MODELS="general-image-recognition, food-item-recognition:0.9,x:85%")
    named = [(each.model_id, each.threshold) for each in loaded.all_clarifai_models]
    assert named == [
        ("general-image-recognition", None),
        ("food-item-recognition", 0.9),
        ("x", 0.85),
    ]
    assert [each.model_id for each in load(CLARIFAI_MODEL_ID="y").all_clarifai_models] == ["y"]
    assert len(load().all_clarifai_models) == 1


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"CLARIFAI_MODELS": "a,b:2"}, "CLARIFAI_MODELS: 'b:2' isn't a model; write for example"),
        ({"CLARIFAI_MODELS": "a/b"}, "CLARIFAI_MODELS: 'a/b' isn't a model; write for example"),
        ({"CLARIFAI_MODELS": "a,b, a"}, "CLARIFAI_MODELS: must list each model once"),
        (
            {"CLARIFAI_MODELS": ",".join("abcdefghijk")},
            "CLARIFAI_MODELS: must be at most 10 models",
        ),
        (
            {"CLARIFAI_MODELS": "a,b", "CLARIFAI_MODEL_VERSION_ID": "v"},
            "CLARIFAI_MODELS: set either this or CLARIFAI_MODEL_VERSION_ID",
        ),
        (
            {"CLARIFAI_MODELS": "a,b", "CLARIFAI_MODEL_ID": "c"},
            "CLARIFAI_MODELS: set either this or CLARIFAI_MODEL_ID",
        ),
        (
            {"CLARIFAI_MODELS": "a,b", "CLARIFAI_DEPLOYMENT_ID": "d"},
            "CLARIFAI_DEPLOYMENT_ID: a deployment runs one model; set a nodepool",
        ),
    ],
)
def test_a_mistake_in_the_list_of_models_is_one_line(
    settings: dict[str, str], mistake: str
) -> None:
    (line,) = mistakes(**settings)
    assert line.startswith(mistake)
