"""Requests to Clarifai: one clip, as a link or as bytes.

The body is ``PostModelOutputsRequest`` of ``proto/clarifai/api/service.proto`` in Clarifai's
published API definitions (https://github.com/Clarifai/clarifai-grpc).
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.taggers.clarifai.response import SAMPLING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

# Clarifai's languages that we have too, besides English:
# https://docs.clarifai.com/api-guide/concepts/languages
LANGUAGES = frozenset({"de", "es", "fr"})
# Only the general model speaks them; it has two IDs: https://docs.clarifai.com/api-guide/languages
MULTILINGUAL = frozenset({"general-image-recognition", "aaa03c23b3724a16a56b629203edc62c"})
_MAX_CONCEPTS = 50
_CHUNK = 768 * 1024  # a multiple of 3, so the chunks' base64 joins to that of the whole file
_PLACEHOLDER = "<the clip>"


@dataclass(frozen=True, slots=True)
class Body:
    """A request body of ``size`` bytes."""

    size: int
    parts: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """The language of the concepts, and the compute that runs the model; None for the default.

    ``runner`` is a ``RunnerSelector``: own models and dedicated compute need it.
    """

    language: str | None = None
    runner: Mapping[str, object] | None = None


_DEFAULTS = RequestOptions()


async def by_link(url: str, options: RequestOptions = _DEFAULTS) -> Body:
    """Return the request for a clip that Clarifai downloads itself."""
    whole = _request({"url": url}, options).encode()
    return Body(len(whole), _single(whole))


async def picture(jpeg: bytes, options: RequestOptions = _DEFAULTS) -> Body:
    """Return the request for a single picture."""
    inputs = {"data": {"image": {"base64": base64.b64encode(jpeg).decode()}}}
    body = {"inputs": [inputs], **_runner(options)}
    whole = json.dumps(body).encode()
    return Body(len(whole), _single(whole))


async def by_bytes(path: Path, options: RequestOptions = _DEFAULTS) -> Body:
    """Return the request for a clip in a file, which is read and encoded while it is sent."""
    head, _, tail = _request({"base64": _PLACEHOLDER}, options).partition(_PLACEHOLDER)
    size = (await asyncio.to_thread(path.stat)).st_size
    encoded = 4 * -(-size // 3)
    return Body(len(head) + encoded + len(tail), _around(path, size, head.encode(), tail.encode()))


def _request(video: dict[str, str], options: RequestOptions) -> str:
    config = {
        "sample_ms": SAMPLING,
        "max_concepts": _MAX_CONCEPTS,
        "min_value": 0.0,
        **({"language": options.language} if options.language else {}),
    }
    return json.dumps(
        {
            "inputs": [{"data": {"video": video}}],
            "model": {"output_info": {"output_config": config}},
            **_runner(options),
        }
    )


def _runner(options: RequestOptions) -> dict[str, object]:
    return {"runner_selector": options.runner} if options.runner else {}


async def _single(whole: bytes) -> AsyncIterator[bytes]:
    yield whole


async def _around(path: Path, size: int, head: bytes, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    for start in range(0, size, _CHUNK):
        yield await asyncio.to_thread(_encode_part, path, start)
    yield tail


def _encode_part(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return base64.b64encode(file.read(_CHUNK))
