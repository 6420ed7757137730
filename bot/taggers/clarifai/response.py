"""From the bytes Clarifai answered to frames, trusting none of them.

All of this is plain computing on up to tens of megabytes: call it from a thread.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept, Frame
from bot.domain.timeline import count_seconds
from bot.taggers.clarifai.status import CallFailed, Kind, Status, judge, kind_of_http

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLING = 1000
"""Milliseconds between the frames we ask for (``sample_ms``)."""

_MAX_NAME_LENGTH = 100
_QUOTED = 4000  # bytes of what is no JSON; the detail made of it is cut again
_TIME_DIGITS = 19  # more than any millisecond of a clip, less than what makes int() slow


def read_frames(http: int, content: bytes, duration: int) -> tuple[Frame, ...]:
    """Return the frames of an answer in order of time, none past ``duration`` (milliseconds).

    Raises ``CallFailed`` unless the answer is a success in all three places: the HTTP status, the
    answer's status and the status of its output. A success without a frame inside the clip fails as
    ``Kind.EMPTY``. A concept without a usable name or score is dropped.
    """
    answer = _parse(http, content)
    output = _first(answer.get("outputs"))
    judge(http, Status.read(output.get("status")), Status.read(answer.get("status")))
    frames = _frames_within(output, count_seconds(duration))
    if not frames:
        raise CallFailed(Kind.EMPTY, "a success without a frame inside the clip")
    return frames


def read_model(http: int, content: bytes) -> str:
    """Return the id of the model an answer describes, or raise ``CallFailed``."""
    answer = _parse(http, content)
    judge(http, Status.read(answer.get("status")))
    model = answer.get("model") or answer.get("model_version")
    identifier = model.get("id") if isinstance(model, dict) else None
    if not isinstance(identifier, str):
        raise _absurd("no model in it")
    return identifier


def _parse(http: int, content: bytes) -> dict[str, object]:
    """Parse whatever came; the content type proves nothing, so nobody asks it."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return answer
    kind = kind_of_http(http)
    quoted = content[:_QUOTED].decode(errors="replace")
    raise CallFailed(
        Kind.GARBLED if kind is Kind.SUCCESS else kind,
        f"HTTP {http}, not a JSON object: {quoted!r}",
    )


def _first(outputs: object) -> dict[str, object]:
    """Return our output: we send one clip. Without one, what failed stands in the answer."""
    first = outputs[0] if isinstance(outputs, list) and outputs else None
    return first if isinstance(first, dict) else {}


def _frames_within(output: dict[str, object], length: int) -> tuple[Frame, ...]:
    """Leave out what lies past the last second: Clarifai may send one frame too many."""
    frames = [frame for frame in _read_all(output) if frame.second < length]
    return tuple(sorted(frames, key=lambda frame: frame.time))


def _read_all(output: dict[str, object]) -> list[Frame]:
    entries = _list_in(_dict_in(output, "data"), "frames")
    raw = [_list_in(_dict_in(entry, "data"), "concepts") for entry in entries]
    frames = [
        Frame(_time_of(entry, position), tuple(_concepts(concepts)))
        for position, (entry, concepts) in enumerate(zip(entries, raw, strict=True))
    ]
    if any(raw) and not any(frame.concepts for frame in frames):
        raise _absurd("not one usable concept in it")  # scores of another scale, say
    return frames


def _time_of(entry: object, position: int) -> int:
    """Return a frame's time: a number, a number in quotes, or left out because it is zero.

    Where the time is left out it follows from the frame's index, and where that is left out too
    from the frame's place in the list: both agree on zero for the first frame.
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
        and len(value) <= _TIME_DIGITS
        and value.isascii()
        and value.isdigit()
    ):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _absurd(f"{str(value)[:50]!r} where a frame's time or index should be")


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
    # Not printable: control characters, and halves of surrogate pairs that no encoder takes.
    if not name or len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        return None
    return Concept(name, float(score)) if 0 <= score <= 1 else None  # NaN is in no range


def _dict_in(parent: object, key: str) -> dict[str, object]:
    """Return the object under a key; proto3 leaves out what is empty."""
    if not isinstance(parent, dict):
        raise _absurd(f"no object around {key}")
    child = parent.get(key)
    if child is None:
        return {}
    if not isinstance(child, dict):
        raise _absurd(f"{key} is not an object")
    return child


def _list_in(parent: dict[str, object], key: str) -> list[object]:
    child = parent.get(key)
    if child is None:
        return []
    if not isinstance(child, list):
        raise _absurd(f"{key} is not a list")
    return child


def _absurd(what: str) -> CallFailed:
    return CallFailed(Kind.ABSURD, f"an answer in a shape Clarifai's API doesn't have: {what}")
