"""Checks whether Clarifai would accept a request: its own protobufs, and a little more."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clarifai_grpc.grpc.api.service_pb2 import (
    PostModelOutputsRequest,
)
from google.protobuf.json_format import ParseDict, ParseError

from tests.stand_ins import clarifai_replies as replies

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = "loopback-personal-access-token"  # noqa: S105 - of a server on loopback
_MAX_CONCEPTS = 200
_SAMPLE_MS = range(100, 60_001)


@dataclass(frozen=True)
class Call:
    """One request for concepts: when (``time.monotonic``), and the clip's link or its bytes."""

    at: float
    path: str
    url: str | None
    sha256: str | None
    size: int | None
    model: dict[str, Any]
    runner: dict[str, Any]
    is_picture: bool = False

    @property
    def model_id(self) -> str:
        """The model that was asked."""
        return names_in(self.path)["models"]


class RefusedError(Exception):
    """The request is answered with one of Clarifai's status codes."""

    def __init__(self, code: int, why: str, http: int = 400) -> None:
        super().__init__(why)
        self.reply = replies.failure(code, http, why)


def check_token(headers: Mapping[str, str]) -> None:
    """Raise ``RefusedError`` without the right token."""
    if headers.get("Authorization") != f"Key {TOKEN}":
        raise RefusedError(11009, "API key not found", 401)


def names_in(path: str) -> dict[str, str]:
    """Read ``/v2/users/U/apps/A/models/M[/versions/V][/outputs]``."""
    parts = path.removesuffix("/outputs").strip("/").split("/")
    names = dict(zip(parts[1::2], parts[2::2], strict=False))
    known = [["users", "apps", "models"], ["users", "apps", "models", "versions"]]
    if parts[0] != "v2" or list(names) not in known or len(parts) != 1 + 2 * len(names):
        raise RefusedError(11101, f"no such path: {path}", 404)
    return names


def read_call(content: bytes, at: float, path: str) -> tuple[Call, bytes]:
    """Check and describe a request for concepts; raises ``RefusedError``.

    Also return the clip's bytes, which are not stored; none if the clip is sent by link.
    """
    try:
        body = json.loads(content)
        message = ParseDict(body, PostModelOutputsRequest())
        _check_base64(body)
    except (TypeError, ValueError, ParseError) as error:
        raise RefusedError(11100, str(error)) from error
    call = _describe(message, at, path)
    return call, message.inputs[0].data.video.base64


def _check_base64(body: Any) -> None:
    """Check what the protobufs accept: a list as the body, and invalid base64."""
    if not isinstance(body, dict):
        raise TypeError("the body is no object")
    for entry in body.get("inputs", []):
        text = entry.get("data", {}).get("video", {}).get("base64")
        if text is not None:
            try:
                base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise ValueError(f"bad base64: {error}") from error


def _describe(message: PostModelOutputsRequest, at: float, path: str) -> Call:
    runner = replies.as_json(message.runner_selector)
    if len(message.inputs) == 1 and message.inputs[0].data.image.base64:
        size = len(message.inputs[0].data.image.base64)
        return Call(at, path, None, None, size, {}, runner, is_picture=True)
    if len(message.inputs) != 1 or not message.inputs[0].data.HasField("video"):
        raise RefusedError(11102, f"{len(message.inputs)} inputs, or one that is no video")
    video = message.inputs[0].data.video
    if bool(video.url) == bool(video.base64):
        raise RefusedError(11102, "either a link or bytes, please")
    config = message.model.output_info.output_config
    if config.sample_ms not in _SAMPLE_MS or not 1 <= config.max_concepts <= _MAX_CONCEPTS:
        raise RefusedError(11105, "sample_ms or max_concepts out of range")
    return Call(
        at=at,
        path=path,
        url=video.url or None,
        sha256=hashlib.sha256(video.base64).hexdigest() if video.base64 else None,
        size=len(video.base64) or None,
        model=replies.as_json(message.model),
        runner=runner,
    )
