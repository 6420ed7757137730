"""The loopback Clarifai's replies: answers made with the official protobufs, and faults."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clarifai_grpc.grpc.api.service_pb2 import MultiOutputResponse, SingleModelResponse
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.message import Message

RECORDED = Path(__file__).parent.parent / "fixtures" / "clarifai"
_SECOND = 1000


class FrameTime(Enum):
    """How an answer states a frame's time; Clarifai has changed this twice."""

    START = "the window's start, as a number, zero written"
    MIDDLE = "the window's middle, as a number"
    QUOTED = "the window's start in quotes, zero left out"


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, or a fault; ``delay`` in seconds comes before either."""

    content: bytes = b""
    http: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hangs: bool = False
    cuts: bool = False


def recorded(name: str, http: int = 200) -> Reply:
    """Return an answer that Clarifai has published."""
    return Reply((RECORDED / name).read_bytes(), http)


def written(body: object, http: int = 200, **headers: str) -> Reply:
    """Return any JSON."""
    return Reply(json.dumps(body).encode(), http, headers=headers)


def frames(seen: Mapping[int, Mapping[str, float]], style: FrameTime = FrameTime.MIDDLE) -> Reply:
    """Return a success with a frame for each second given, and its concepts."""
    answer = MultiOutputResponse()
    answer.status.code = 10000
    output = answer.outputs.add()
    output.status.code = 10000
    for second, concepts in sorted(seen.items()):
        frame = output.data.frames.add()
        frame.frame_info.index = second
        frame.frame_info.time = second * _SECOND + (500 if style is FrameTime.MIDDLE else 0)
        for name, score in concepts.items():
            frame.data.concepts.add(id=f"ai_{name}", name=name, value=score, app_id="main")
    body = as_json(answer)
    if style is not FrameTime.QUOTED:
        _write_numbers(body)
    return written(body)


def picture(concepts: Mapping[str, float]) -> Reply:
    """Return a success for a single picture."""
    answer = MultiOutputResponse()
    answer.status.code = 10000
    output = answer.outputs.add()
    output.status.code = 10000
    for name, score in concepts.items():
        output.data.concepts.add(id=f"ai_{name}", name=name, value=score, app_id="main")
    return written(as_json(answer))


def regions(seen: Mapping[int, Sequence[Mapping[str, float]]]) -> Reply:
    """Return a detector's success: the regions of each second given, each with its concepts."""
    answer = MultiOutputResponse()
    answer.status.code = 10000
    output = answer.outputs.add()
    output.status.code = 10000
    for second, found in sorted(seen.items()):
        frame = output.data.frames.add()
        frame.frame_info.index = second
        frame.frame_info.time = second * _SECOND + 500
        for concepts in found:
            region = frame.data.regions.add()
            for name, score in concepts.items():
                region.data.concepts.add(id=f"ai_{name}", name=name, value=score)
    return written(as_json(answer))


def model(identifier: str, version: str | None) -> Reply:
    """Return the description of a model, or of one version of it."""
    answer = SingleModelResponse()
    answer.status.code = 10000
    answer.model.id = identifier
    answer.model.model_version.id = version or "newest"
    return written(as_json(answer))


def failure(code: int | str, http: int = 400, description: str = "", **headers: str) -> Reply:
    """Return an answer that failed as a whole."""
    status = {"code": code, "description": description, "req_id": "loopback"}
    return written({"status": status, "outputs": []}, http, **headers)


def output_failure(code: int | str, overall: int = 10020, http: int = 200) -> Reply:
    """Return an answer whose reason is in the output only."""
    output = {"status": {"code": code, "description": "see here"}, "data": {}}
    return written(
        {"status": {"code": overall, "description": "Failure"}, "outputs": [output]}, http
    )


def throttled(retry_after: str | None = None) -> Reply:
    """Return HTTP 429, with ``Retry-After`` if given."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    return failure(11005, 429, "Too many requests", **headers)


def html(http: int = 502) -> Reply:
    """Return an HTML error page of a gateway."""
    page = b"<html><head><title>Bad Gateway</title></head><body>nginx</body></html>"
    return Reply(page, http, "text/html")


def huge(size: int) -> Reply:
    """Return a success with ``size`` superfluous bytes."""
    reply = frames({0: {"cat": 0.99}})
    return Reply(reply.content[:-1] + b', "padding": "' + b"x" * size + b'"}')


def as_json(message: Message) -> dict[str, Any]:
    """Write a message as proto3 JSON does: zeros left out, 64-bit integers in quotes."""
    return MessageToDict(message, preserving_proto_field_name=True, use_integers_for_enums=True)


def count_frames(reply: Reply) -> int:
    """Count the frames that Clarifai would bill."""
    try:
        body = json.loads(reply.content)
        answer = ParseDict(body, MultiOutputResponse(), ignore_unknown_fields=True)
    except (ValueError, RecursionError, ParseError):
        return 0
    return sum(len(output.data.frames) for output in answer.outputs)


def _write_numbers(body: dict[str, Any]) -> None:
    """Write times as numbers, as the API did before they had 64 bits."""
    for frame in body["outputs"][0].get("data", {}).get("frames", []):
        info = frame["frame_info"]
        frame["frame_info"] = {"index": info.get("index", 0), "time": int(info.get("time", 0))}
