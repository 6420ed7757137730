"""Parsing Clarifai's responses into frames without trusting them.

A response may have tens of megabytes: call these functions in a thread.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept, Frame
from bot.domain.timeline import count_seconds
from bot.taggers.clarifai.status import Status, kind_of_http, require_success
from bot.taggers.failures import CallFailed, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLING = 1000
"""Milliseconds between the frames we ask for (``sample_ms``)."""

_MAX_NAME_LENGTH = 100
_MAX_QUOTED = 4000  # bytes quoted of a response that is not JSON; the detail is cut again later
_MAX_TIME_DIGITS = 19  # more than any clip needs, few enough for a fast int()


def read_frames(http: int, content: bytes, duration: int) -> tuple[Frame, ...]:
    """Return the frames of a response in time order, none past ``duration`` (milliseconds).

    Raises ``CallFailed`` unless all three statuses say success: HTTP's, the response's and its
    output's. A success without a frame inside the clip fails as ``Kind.EMPTY``. Concepts without a
    usable name or score are dropped.
    """
    response = _parse(http, content)
    output = _first(response.get("outputs"))
    require_success(http, Status.read(output.get("status")), Status.read(response.get("status")))
    frames = _frames_within(output, count_seconds(duration))
    if not frames:
        raise CallFailed(Kind.EMPTY, "success, but no frame within the clip's length")
    return frames


def read_model(http: int, content: bytes) -> str:
    """Return the ID of the model that a response describes; raises ``CallFailed``."""
    response = _parse(http, content)
    require_success(http, Status.read(response.get("status")))
    model = response.get("model") or response.get("model_version")
    identifier = model.get("id") if isinstance(model, dict) else None
    if not isinstance(identifier, str):
        raise _unexpected("it has no model")
    return identifier


def read_picture(http: int, content: bytes) -> None:
    """Check the response to a single picture; raises ``CallFailed`` unless it was predicted.

    A detector that works may find nothing in it.
    """
    response = _parse(http, content)
    output = _first(response.get("outputs"))
    require_success(http, Status.read(output.get("status")), Status.read(response.get("status")))


def _parse(http: int, content: bytes) -> dict[str, object]:
    """Parse the response as JSON, whatever its content type says."""
    try:
        response = json.loads(content)
    except (ValueError, RecursionError):
        response = None
    if isinstance(response, dict):
        return response
    kind = kind_of_http(http)
    quoted = content[:_MAX_QUOTED].decode(errors="replace")
    raise CallFailed(
        Kind.GARBLED if kind is Kind.SUCCESS else kind,
        f"HTTP {http}, not a JSON object: {quoted!r}",
    )


def _first(outputs: object) -> dict[str, object]:
    """Return the only output, as we send one clip; empty if the whole request failed."""
    first = outputs[0] if isinstance(outputs, list) and outputs else None
    return first if isinstance(first, dict) else {}


def _frames_within(output: dict[str, object], length: int) -> tuple[Frame, ...]:
    """Return the frames within the clip: Clarifai may send one frame too many."""
    frames = [frame for frame in _read_all(output) if frame.second < length]
    return tuple(sorted(frames, key=lambda frame: frame.time))


def _read_all(output: dict[str, object]) -> list[Frame]:
    entries = _list_in(_dict_in(output, "data"), "frames")
    raw = [_concepts_in(_dict_in(entry, "data")) for entry in entries]
    frames = [
        Frame(_time_of(entry, position), tuple(_concepts(concepts)))
        for position, (entry, concepts) in enumerate(zip(entries, raw, strict=True))
    ]
    if any(raw) and not any(frame.concepts for frame in frames):
        raise _unexpected("no usable concept")  # as with scores on another scale
    return frames


def _concepts_in(data: dict[str, object]) -> list[object]:
    """Return the concepts of a picture: a classifier's, and those a detector found in regions."""
    regions = [_dict_in(region, "data") for region in _list_in(data, "regions")]
    found = [_list_in(each, "concepts") for each in (data, *regions)]
    return [concept for concepts in found for concept in concepts]


def _time_of(entry: object, position: int) -> int:
    """Return a frame's time: a number, a number in quotes, or absent because it is zero.

    A missing time follows from the frame's index, or from its position in the list if the index is
    missing too. Both give zero for the first frame.
    """
    info = _dict_in(entry, "frame_info")
    time = _whole(info.get("time"))
    if time is not None:
        return time
    index = _whole(info.get("index"))
    return (position if index is None else index) * SAMPLING


def _whole(value: object) -> int | None:
    if value is None:
        return None
    if (
        isinstance(value, str)
        and len(value) <= _MAX_TIME_DIGITS
        and value.isascii()
        and value.isdigit()
    ):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _unexpected(f"{str(value)[:50]!r} instead of a frame's time or index")


def _concepts(entries: list[object]) -> Iterator[Concept]:
    """Yield the usable concepts, best first, each name once."""
    best: dict[str, float] = {}
    for entry in entries:
        concept = _concept(entry)
        if concept is not None:
            best[concept.name] = max(concept.score, best.get(concept.name, 0.0))
    for name, score in sorted(best.items(), key=lambda pair: -pair[1]):
        yield Concept(name, score)


def _concept(entry: object) -> Concept | None:
    if not isinstance(entry, dict):
        return None
    name, score = entry.get("name"), entry.get("value")
    if not isinstance(name, str) or not isinstance(score, int | float) or isinstance(score, bool):
        return None
    name = " ".join(name.split())
    # Not printable: control characters, and lone surrogates, which cannot be encoded.
    if not name or len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        return None
    return Concept(name, float(score)) if 0 <= score <= 1 else None  # NaN is not in the range


def _dict_in(parent: object, key: str) -> dict[str, object]:
    """Return the object under a key; empty if it is absent, as proto3 omits empty values."""
    if not isinstance(parent, dict):
        raise _unexpected(f"{key} is not inside an object")
    child = parent.get(key)
    if child is None:
        return {}
    if not isinstance(child, dict):
        raise _unexpected(f"{key} is not an object")
    return child


def _list_in(parent: dict[str, object], key: str) -> list[object]:
    child = parent.get(key)
    if child is None:
        return []
    if not isinstance(child, list):
        raise _unexpected(f"{key} is not a list")
    return child


def _unexpected(what: str) -> CallFailed:
    return CallFailed(Kind.UNEXPECTED, f"a response that does not match Clarifai's API: {what}")
