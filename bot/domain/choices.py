"""What a server chooses by name, as it is stored and exported: JSON values, believed only if sound.

Every field of ``GuildSettings`` but thresholds and retention, which have places of their own.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_IDS = 100
MOST_HIDDEN_TAGS = 200
LONGEST_TAG = 100  # characters
LONGEST_GAP = 60
"""Seconds; also the longest a shortest duration may be."""
MOST_TAGS_A_LINE = 50
_SNOWFLAKE = re.compile(r"[0-9]{1,19}")
_LANGUAGE = re.compile(r"[a-z]{2}")


def read_choice(name: str, value: Any) -> Any:
    """Return a JSON value as ``GuildSettings`` holds it; raises ValueError for anything unsound."""
    reader = READERS.get(name)
    if reader is None:
        raise ValueError(f"there is no setting {name}")
    return reader(value)


def read_choices(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the saved values that are sound; a newer program may have left others."""
    found = {}
    for name, value in saved.items():
        try:
            found[name] = read_choice(name, value)
        except ValueError:
            continue
    return found


def write_choice(value: Any) -> Any:
    """Return what ``read_choice`` reads back: sets as sorted lists, ids as strings."""
    if isinstance(value, frozenset):
        return sorted((str(each) for each in value), key=lambda text: (len(text), text))
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - one kind of error for callers
    return value


def _number(lowest: int, highest: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return value

    return read


def _tags_a_line(value: Any) -> int | None:
    return None if value is None else _number(1, MOST_TAGS_A_LINE)(value)


def _ids(value: Any) -> frozenset[int]:
    """Read ids as JSON has them: text, as numbers of that size come out wrong in many a program."""
    if not isinstance(value, list) or len(value) > MOST_IDS:
        raise ValueError(f"must be a list of at most {MOST_IDS} ids")
    if not all(isinstance(each, str) and _SNOWFLAKE.fullmatch(each) for each in value):
        raise ValueError("must be a list of ids, each as text")
    return frozenset(map(int, value))


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > MOST_HIDDEN_TAGS:
        raise ValueError(f"must be a list of at most {MOST_HIDDEN_TAGS} tags")
    if not all(isinstance(each, str) and 0 < len(each) <= LONGEST_TAG for each in value):
        raise ValueError(f"must be a list of tags of at most {LONGEST_TAG} characters")
    return frozenset(value)


def _language(value: Any) -> str:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise ValueError("must be a language's code such as en")
    return value


READERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "autotag": _flag,
        "channels_allowed": _ids,
        "channels_denied": _ids,
        "roles_allowed": _ids,
        "nsfw_channels": _flag,
        "only_when_found": _flag,
        "in_thread": _flag,
        "picture": _flag,
        "hidden_tags": _names,
        "tags_a_line": _tags_a_line,
        "gap": _number(0, LONGEST_GAP),
        "shortest": _number(1, LONGEST_GAP),
        "language": _language,
    }
)
"""How each choice is read; its names are ``GuildSettings``' fields."""
