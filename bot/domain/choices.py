"""What a server chooses by name, as it is stored and exported: JSON values, believed only if sound.

Every field of ``GuildSettings`` but thresholds and retention, which have places of their own.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bot.i18n import LANGUAGES, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_IDS = 100
MAX_HIDDEN_TAGS = 200
MAX_TAG_LENGTH = 100  # characters
MAX_GAP = 60
"""Seconds; also the longest a shortest duration may be."""
MAX_TAGS_A_LINE = 50
_SNOWFLAKE = re.compile(r"[0-9]{1,19}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_BETWEEN = Sentence("must be a whole number from {lowest} to {highest}")


class InvalidValue(ValueError):
    """A value no setting can have: what it must be, to be read behind the setting's name."""

    def __init__(self, sentence: Sentence, **facts: object) -> None:
        self._sentence, self._facts = sentence, facts
        super().__init__(sentence.format(**facts))

    def localized(self, translate: Callable[..., str]) -> str:
        """Return what the value must be, as ``say`` tells it."""
        return translate(self._sentence, **self._facts)


def read_choice(name: str, value: Any) -> Any:
    """Return a JSON value as ``GuildSettings`` holds it; raises ``InvalidValue``."""
    reader = READERS.get(name)
    if reader is None:
        raise InvalidValue(Sentence("there is no such setting"))
    return reader(value)


def read_number(text: str, lowest: int, highest: int) -> int:
    """Return the whole number somebody wrote; raises ``InvalidValue``."""
    written = text.strip()
    number = int(written) if _NUMBER.fullmatch(written) else None
    return _number(lowest, highest)(number)


def read_tags(text: str) -> frozenset[str]:
    """Return the tags somebody wrote, by lines or commas, each once; raises ``InvalidValue``."""
    written = [" ".join(tag.split()) for tag in re.split(r"[,\n]", text)]
    by_normalized = {tag.casefold(): tag for tag in written if tag}
    return _names(list(by_normalized.values()))


def read_choices(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the saved values that are sound; a newer program may have left others."""
    found = {}
    for name, value in saved.items():
        try:
            found[name] = read_choice(name, value)
        except InvalidValue:
            continue
    return found


def write_choice(value: Any) -> Any:
    """Return what ``read_choice`` reads back: sets as sorted lists, ids as strings."""
    if isinstance(value, frozenset):
        return sorted((str(each) for each in value), key=lambda text: (len(text), text))
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(Sentence("must be true or false"))
    return value


def _number(lowest: int, highest: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise InvalidValue(_BETWEEN, lowest=lowest, highest=highest)
        return value

    return read


def _tags_a_line(value: Any) -> int | None:
    return None if value is None else _number(1, MAX_TAGS_A_LINE)(value)


def _ids(value: Any) -> frozenset[int]:
    """Read ids as JSON has them: text, as numbers of that size come out wrong in many a program."""
    if not isinstance(value, list) or len(value) > MAX_IDS:
        raise InvalidValue(Sentence("must be a list of at most {most} ids"), most=MAX_IDS)
    if not all(isinstance(each, str) and _SNOWFLAKE.fullmatch(each) for each in value):
        raise InvalidValue(Sentence("must be a list of ids, each as text"))
    return frozenset(map(int, value))


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > MAX_HIDDEN_TAGS:
        raise InvalidValue(Sentence("must be a list of at most {most} tags"), most=MAX_HIDDEN_TAGS)
    if not all(isinstance(each, str) and 0 < len(each) <= MAX_TAG_LENGTH for each in value):
        most = MAX_TAG_LENGTH
        raise InvalidValue(
            Sentence("must be a list of tags of at most {most} characters"), most=most
        )
    return frozenset(value)


def _language(value: Any) -> str:
    if not isinstance(value, str) or value not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise InvalidValue(Sentence("must be one of the languages {known}"), known=known)
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
        "gap": _number(0, MAX_GAP),
        "shortest": _number(1, MAX_GAP),
        "language": _language,
    }
)
"""How each choice is read; its names are ``GuildSettings``' fields."""
