"""Checks whether an OpenAI-compatible server would accept a request: the official types, and more.

The types are those of the ``openai`` package, which clients are written with. A field they don't
have is refused.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from PIL import Image
from pydantic import ConfigDict, TypeAdapter, ValidationError

KEY = "loopback-vision-key"
_MAX_SIDE = 512
_MAX_BYTES = 100_000


@dataclass(frozen=True)
class Call:
    """One request: the form of answer it asks for, its pictures as JPEGs, and its text."""

    answers: str
    pictures: tuple[bytes, ...]
    text: str
    body: Mapping[str, Any]


def read_call(content: bytes) -> Call:
    """Check and describe a request; raises ``ValueError``."""
    body = json.loads(content)
    try:
        _force(_requests().validate_python(body))
    except ValidationError as error:
        raise ValueError(f"not a chat completion request: {error}") from error
    (message,) = body["messages"]
    pictures = [_jpeg(part["image_url"]["url"]) for part in message["content"] if _shows(part)]
    if not pictures:
        raise ValueError("no picture")
    texts = [part["text"] for part in message["content"] if part["type"] == "text"]
    labels = [text for text in texts if text.startswith("Picture ")]
    if labels != [f"Picture {number}:" for number in range(1, len(pictures) + 1)]:
        raise ValueError(f"pictures are labelled {labels}")
    answers = body.get("response_format", {"type": "text"})["type"]
    return Call(answers, tuple(pictures), "\n".join(texts), body)


def completion(content: str | None, finish: str = "stop", **message: Any) -> bytes:
    """Return a server's answer, which the official types accept."""
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "loopback",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "logprobs": None,
                "message": {"role": "assistant", "content": content, "refusal": None, **message},
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return ChatCompletion.model_validate(answer, strict=True).model_dump_json().encode()


@cache
def _requests() -> TypeAdapter[Any]:
    """Return the official type of requests, which then refuses unknown fields at every depth."""
    official: Any = CompletionCreateParamsNonStreaming
    official.__pydantic_config__ = ConfigDict(extra="forbid")
    return TypeAdapter(official)


def _force(value: object) -> None:
    """Read everything: lists are only validated when they are read."""
    if isinstance(value, str | bytes):
        return
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, Iterable):
        for each in value:
            _force(each)


def _shows(part: Mapping[str, Any]) -> bool:
    return bool(part["type"] == "image_url")


def _jpeg(url: str) -> bytes:
    kind, _, encoded = url.partition(",")
    jpeg = base64.b64decode(encoded, validate=True)
    with Image.open(io.BytesIO(jpeg)) as image:
        image.load()
        if kind != "data:image/jpeg;base64" or image.format != "JPEG":
            raise ValueError(f"{kind} with a {image.format}")
        if max(image.size) > _MAX_SIDE or len(jpeg) > _MAX_BYTES:
            raise ValueError(f"a picture of {image.size} and {len(jpeg)} bytes")
    return jpeg
