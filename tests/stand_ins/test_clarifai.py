"""The loopback Clarifai refuses invalid requests."""

from __future__ import annotations

import base64
from typing import Any

import aiohttp
import pytest

from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN

PATH = "/v2/users/clarifai/apps/main/models/m/outputs"
CLIP = {"base64": base64.b64encode(b"a clip").decode()}


def body(video: object = CLIP, **config: Any) -> dict[str, Any]:
    output_config = {"sample_ms": 1000, "max_concepts": 50} | config
    return {
        "inputs": [{"data": {"video": video}}],
        "model": {"output_info": {"output_config": output_config}},
    }


async def ask(request: object, path: str = PATH, key: str = TOKEN) -> tuple[int, int, list[str]]:
    async with LoopbackClarifai(bytes_limit=20) as clarifai, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Key {key}"}
        async with session.post(clarifai.url + path, json=request, headers=headers) as response:
            answer = await response.json()
    return response.status, answer["status"]["code"], clarifai.violations


async def test_a_valid_request_is_answered() -> None:
    assert await ask(body()) == (200, 10000, [])


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        ([], 11100),
        (body({"bytes": "aGk="}), 11100),
        (body({"base64": "a clip"}), 11100),
        (body({"base64": "aGk"}), 11100),
        (body({"base64": 5}), 11100),
        (body(sample_ms="often"), 11100),
        (body(frames=5), 11100),
        (body({}), 11102),
        (body({"url": "https://x/y.mp4"} | CLIP), 11102),
        ({"inputs": body()["inputs"] * 2}, 11102),
        ({"inputs": [{"data": {"audio": CLIP}}]}, 11102),
        ({}, 11102),
        (body(sample_ms=99), 11105),
        (body(max_concepts=201), 11105),
        (body({"base64": base64.b64encode(b"x" * 21).decode()}), 31105),
    ],
)
async def test_an_invalid_request_is_a_violation(request_body: object, code: int) -> None:
    http, answered, violations = await ask(request_body)

    assert (http, answered, len(violations)) == (400, code, 1)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/m/outputs",
        "/v1" + PATH[3:],
        PATH + "/",
        "/",
        PATH.replace("/m/", "/m/versions/"),
    ],
)
async def test_a_wrong_path_is_a_violation(path: str) -> None:
    http, code, violations = await ask(body(), path)

    assert (http, code, len(violations)) == (404, 11101, 1)


async def test_a_wrong_token_is_a_violation() -> None:
    http, code, violations = await ask(body(), key="stale")

    assert (http, code, len(violations)) == (401, 11009, 1)
