"""Reading an answer. It is checked like a stranger's: models make mistakes, and clips mislead them.

https://platform.openai.com/docs/api-reference/chat/object describes the response around it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.domain.concepts import Concept
from bot.taggers.failures import CallFailed, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_TAGS = 20
MAX_NAME_LENGTH = 40
MAX_DESCRIPTION_LENGTH = 300
_MAX_STARTS = 50  # places in a text at which JSON is looked for
_PERCENT = 100
_AROUND_NAMES = " \t\n.,;:#*-'\"`()[]"


class Truncated(CallFailed):
    """The answer ended early because it got too long."""

    def __init__(self) -> None:
        super().__init__(Kind.UNUSABLE, "the answer was cut off at the limit of its length")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model sees: concepts by the position of the picture, and a sentence about the clip."""

    concepts: Mapping[int, tuple[Concept, ...]]
    description: str | None


def read_answer(content: bytes, pictures: int) -> Answer:
    """Return the answer in a response to a request with this number of pictures.

    Pictures that the answer leaves out are left out. Raises ``Truncated``, and ``CallFailed`` if
    the model declined, its answer can't be used, or the response is from something else.
    """
    text, finish = _message(content)
    found = _object_in(text)
    if found is None:
        if finish == "length":
            raise Truncated
        if "{" not in text:
            raise CallFailed(Kind.DECLINED, f"the model answered in prose: {text!r}")
        raise _unusable("no JSON as the prompt asks for")
    concepts = dict(_pictures(found, pictures))
    if not concepts:
        raise _unusable("the answer names no picture that was shown")
    return Answer(concepts, clean_description(found.get("description")))


def clean_name(name: object) -> str | None:
    """Return a tag's name in lower case and on one line; None if it can't be one."""
    if not isinstance(name, str) or len(name) > 10 * MAX_NAME_LENGTH:
        return None
    words = " ".join(name.replace("_", " ").split()).strip(_AROUND_NAMES).lower()
    return words if words.isprintable() and 0 < len(words) <= MAX_NAME_LENGTH else None


def clean_description(sentence: object) -> str | None:
    """Return a description on one line, shortened if it is too long; None if there is none."""
    if not isinstance(sentence, str):
        return None
    start = sentence[: 10 * MAX_DESCRIPTION_LENGTH]
    words = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    if len(words) > MAX_DESCRIPTION_LENGTH:
        head = words[: MAX_DESCRIPTION_LENGTH - 1]
        words = f"{head.rpartition(' ')[0] or head}…"
    return words or None


def _message(content: bytes) -> tuple[str, object]:
    """Return the text of the model's message, and why it ended."""
    try:
        choice = json.loads(content)["choices"][0]
        message = choice["message"]
        text, refusal = message["content"], message.get("refusal")
        finish = choice.get("finish_reason")
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
        start = content[:100].decode("utf-8", "replace")
        raise CallFailed(Kind.GARBLED, f"not a chat completion: {start!r}") from None
    if refusal or finish == "content_filter":
        raise CallFailed(Kind.DECLINED, f"the model refused: {refusal or finish}")
    if isinstance(text, str) and text.strip():
        return text, finish
    if finish == "length":
        raise Truncated
    raise _unusable("an empty answer")


def _object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object with pictures in a text; prose and code fences may surround it."""
    decoder, start = json.JSONDecoder(), -1
    for _ in range(_MAX_STARTS):
        start = text.find("{", start + 1)
        if start < 0:
            return None
        try:
            found, _end = decoder.raw_decode(text, start)
        except (RecursionError, ValueError):
            continue
        if isinstance(found, dict) and isinstance(found.get("pictures"), list):
            return found
    return None


def _pictures(found: Mapping[str, Any], pictures: int) -> Iterator[tuple[int, tuple[Concept, ...]]]:
    """Yield the position and the concepts of each picture; the first counts if one comes twice."""
    entries = [each for each in found["pictures"] if isinstance(each, dict)]
    known: set[int] = set()
    for order, entry in enumerate(entries, 1):
        number = entry.get("picture", order if len(entries) == pictures else None)
        if isinstance(number, bool) or not isinstance(number, int):
            continue
        if 1 <= number <= pictures and number not in known and isinstance(entry.get("tags"), list):
            known.add(number)
            yield number - 1, _concepts(entry["tags"])


def _concepts(tags: list[Any]) -> tuple[Concept, ...]:
    """Return the usable tags, best first; the best score counts if a name comes twice."""
    scores: dict[str, float] = {}
    for tag in tags[: 10 * MAX_TAGS]:
        if not isinstance(tag, dict):
            continue
        name, score = clean_name(tag.get("name")), _score(tag.get("score"))
        if name is not None and score is not None:
            scores[name] = max(score, scores.get(name, 0.0))
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Concept(name, score) for name, score in ranked[:MAX_TAGS])


def _score(value: object) -> float | None:
    """Return a score from 0 to 1; some models write percents."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= _PERCENT or not math.isfinite(value):
        return None
    return value / _PERCENT if value > 1 else float(value)


def _unusable(what: str) -> CallFailed:
    return CallFailed(Kind.UNUSABLE, f"an answer that can't be used: {what}")
