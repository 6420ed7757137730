"""The kinds of values that settings have.

A kind knows a value in three forms: as ``GuildSettings`` holds it, as JSON (in a settings file and
in the database), and, if people type it, as text in a form. Text becomes JSON, and JSON becomes a
value, so each kind is validated in one place: ``Kind.read``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bot.i18n import Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")

MAX_IDS = 100
MAX_HIDDEN_TAGS = 200
MAX_TAG_LENGTH = 100  # characters
_MAX_TAGGER_LENGTH = 200
_MAX_DAYS = 10**9 - 1  # without a server to ask for its maximum
_SNOWFLAKE = re.compile(r"[0-9]{1,19}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_NOT_BETWEEN = Sentence("Use a whole number from {lowest} to {highest}.")


class InvalidValue(ValueError):
    """A value that a setting cannot have.

    The message says what the value must be, and reads well after the setting's name.
    """

    def __init__(self, sentence: Sentence, **facts: object) -> None:
        self._sentence, self._facts = sentence, facts
        super().__init__(sentence.format(**facts))

    def localized(self, translate: Callable[..., str]) -> str:
        """Return the message in the language of ``translate``."""
        return translate(self._sentence, **self._facts)


@dataclass(frozen=True, slots=True)
class ServerContext:
    """What settings are checked against: a server's channels and roles, and the operator's limit.

    ``max_days`` is how many days the operator keeps posted clips, ``models`` are those that the
    operator lets servers choose among.
    """

    channel_ids: Collection[int]
    role_ids: Collection[int]
    max_days: int
    models: Collection[str] = ()


class Kind(ABC, Generic[T]):
    """A kind of values: how they are validated and written."""

    __slots__ = ()

    @abstractmethod
    def read(self, value: Any, server: ServerContext | None = None) -> T:
        """Return the value of a piece of JSON; raises ``InvalidValue``.

        Ids and days are checked against the ``server`` if there is one.
        """

    def write(self, value: T) -> Any:
        """Return the JSON that ``read`` turns back into ``value``."""
        return value

    def without_missing(self, value: T, server: ServerContext) -> T:  # noqa: ARG002 - for ids only
        """Return ``value`` without the channels and roles that the server no longer has."""
        return value


class TypedKind(Kind[T]):
    """A kind of values that people type into a form."""

    __slots__ = ()
    long = False
    """Whether the text may have several lines."""

    @abstractmethod
    def parse(self, text: str) -> Any:
        """Return what was typed as JSON; ``read`` refuses it if it makes no sense."""

    def text(self, value: T) -> str:
        """Return the text that stands for ``value``; empty for None."""
        return "" if value is None else str(value)

    def limits(self, server: ServerContext) -> dict[str, object]:  # noqa: ARG002 - for days only
        """Return what the sentences about a setting may name, such as ``{most}``."""
        return {}


@dataclass(frozen=True, slots=True)
class Switch(Kind[bool]):
    """On or off."""

    def read(self, value: Any, server: ServerContext | None = None) -> bool:  # noqa: ARG002
        """Return the JSON boolean."""
        if not isinstance(value, bool):
            raise InvalidValue(Sentence("Use true or false."))
        return value


@dataclass(frozen=True, slots=True)
class Choice(Kind[str]):
    """One of several values, each with its label; ``refusal`` may name them as ``{known}``."""

    options: Mapping[str, str]
    refusal: Sentence

    def read(self, value: Any, server: ServerContext | None = None) -> str:  # noqa: ARG002
        """Return the value if it is one of the options."""
        if not isinstance(value, str) or value not in self.options:
            raise InvalidValue(self.refusal, known=", ".join(self.options))
        return value


@dataclass(frozen=True, slots=True)
class WholeNumber(TypedKind[int]):
    """A whole number within bounds."""

    lowest: int
    highest: int

    def read(self, value: Any, server: ServerContext | None = None) -> int:  # noqa: ARG002
        """Return the JSON number if it is within the bounds."""
        return _whole_number(value, self.lowest, self.highest)

    def parse(self, text: str) -> Any:
        """Return the number typed."""
        return _typed_number(text)

    def limits(self, server: ServerContext) -> dict[str, object]:  # noqa: ARG002
        """Return the highest number as ``most``."""
        return {"most": self.highest}


@dataclass(frozen=True, slots=True)
class OptionalNumber(TypedKind[int | None]):
    """A whole number within bounds, or None, which people read as ``none``."""

    lowest: int
    highest: int
    none: Sentence

    def read(self, value: Any, server: ServerContext | None = None) -> int | None:  # noqa: ARG002
        """Return the JSON number if it is within the bounds, or None for null."""
        return None if value is None else _whole_number(value, self.lowest, self.highest)

    def parse(self, text: str) -> Any:
        """Return the number typed, None if nothing was."""
        return _typed_number(text) if text.strip() else None

    def limits(self, server: ServerContext) -> dict[str, object]:  # noqa: ARG002
        """Return the highest number as ``most``."""
        return {"most": self.highest}


@dataclass(frozen=True, slots=True)
class Days(TypedKind[int | None]):
    """A number of days up to the operator's maximum, or None for that maximum."""

    def read(self, value: Any, server: ServerContext | None = None) -> int | None:
        """Return the JSON number if it is at least 1 and the server may have it."""
        highest = server.max_days if server else _MAX_DAYS
        return None if value is None else _whole_number(value, 1, highest)

    def parse(self, text: str) -> Any:
        """Return the number typed, None if nothing was."""
        return _typed_number(text) if text.strip() else None

    def limits(self, server: ServerContext) -> dict[str, object]:
        """Return the operator's maximum as ``most``."""
        return {"most": server.max_days}


@dataclass(frozen=True, slots=True)
class TagList(TypedKind[frozenset[str]]):
    """Some tags, as they were capitalized."""

    long = True

    def read(self, value: Any, server: ServerContext | None = None) -> frozenset[str]:  # noqa: ARG002
        """Return the tags of a JSON list."""
        if not isinstance(value, list) or len(value) > MAX_HIDDEN_TAGS:
            most = MAX_HIDDEN_TAGS
            raise InvalidValue(Sentence("Use a list of at most {most} tags."), most=most)
        if not all(isinstance(tag, str) and 0 < len(tag) <= MAX_TAG_LENGTH for tag in value):
            refusal = Sentence("Each tag needs 1 to {most} characters.")
            raise InvalidValue(refusal, most=MAX_TAG_LENGTH)
        return frozenset(value)

    def write(self, value: frozenset[str]) -> Any:
        """Return the tags as a list, in an order that is always the same."""
        return sorted(value, key=lambda tag: (len(tag), tag))

    def parse(self, text: str) -> Any:
        """Return the tags typed, separated by lines or commas; the last spelling of each."""
        typed = [" ".join(tag.split()) for tag in re.split(r"[,\n]", text)]
        return list({tag.casefold(): tag for tag in typed if tag}.values())

    def text(self, value: frozenset[str]) -> str:
        """Return the tags, one a line."""
        return "\n".join(sorted(value))


@dataclass(frozen=True, slots=True)
class _IdList(Kind[frozenset[int]]):
    """Ids of things in the server; ``none`` is what people read if there are none."""

    none: Sentence

    def read(self, value: Any, server: ServerContext | None = None) -> frozenset[int]:
        """Return the ids of a JSON list of strings: many programs garble numbers of that size."""
        if not isinstance(value, list) or len(value) > MAX_IDS:
            raise InvalidValue(Sentence("Use a list of at most {most} IDs."), most=MAX_IDS)
        if not all(isinstance(each, str) and _SNOWFLAKE.fullmatch(each) for each in value):
            raise InvalidValue(Sentence("Use IDs made of digits, each in quotation marks."))
        ids = frozenset(map(int, value))
        if server:
            self.require_known(ids, server)
        return ids

    def write(self, value: frozenset[int]) -> Any:
        """Return the ids as a list of strings, in order."""
        return [str(each) for each in sorted(value)]

    def without_missing(self, value: frozenset[int], server: ServerContext) -> frozenset[int]:
        """Return the ids that the server has."""
        return value.intersection(self.known(server))

    def require_known(self, ids: Collection[int], server: ServerContext) -> None:
        """Raise ``InvalidValue`` if the server lacks some of the ids."""
        unknown = sorted(set(ids) - set(self.known(server)))
        if unknown:
            raise InvalidValue(self.unknown(), id=", ".join(map(str, unknown)))

    def known(self, server: ServerContext) -> Collection[int]:
        """Return the ids there are."""
        raise NotImplementedError

    def unknown(self) -> Sentence:
        """Return the message about an ``{id}`` that does not exist."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ChannelList(_IdList):
    """Some of the server's channels; a category stands for its channels."""

    def known(self, server: ServerContext) -> Collection[int]:
        """Return the ids of the server's channels."""
        return server.channel_ids

    def unknown(self) -> Sentence:
        """Return the message about a channel that does not exist."""
        return Sentence("This server has no such channel: {id}.")


@dataclass(frozen=True, slots=True)
class RoleList(_IdList):
    """Some of the server's roles."""

    def known(self, server: ServerContext) -> Collection[int]:
        """Return the ids of the server's roles."""
        return server.role_ids

    def unknown(self) -> Sentence:
        """Return the message about a role that does not exist."""
        return Sentence("This server has no such role: {id}.")


@dataclass(frozen=True, slots=True)
class ModelList(Kind[frozenset[str]]):
    """Some of the operator's models; ``none`` is what people read if there are none."""

    none: Sentence

    def read(self, value: Any, server: ServerContext | None = None) -> frozenset[str]:
        """Return the models of a JSON list."""
        if not isinstance(value, list) or len(value) > MAX_IDS:
            raise InvalidValue(Sentence("Use a list of models."))
        if not all(isinstance(each, str) and 0 < len(each) <= MAX_TAG_LENGTH for each in value):
            raise InvalidValue(Sentence("Use a list of models."))
        unknown = sorted(set(value) - set(server.models)) if server else []
        if unknown:
            raise InvalidValue(
                Sentence("You can't choose this model here: {name}."), name=", ".join(unknown)
            )
        return frozenset(value)

    def write(self, value: frozenset[str]) -> Any:
        """Return the models as a list, in order."""
        return sorted(value)

    def without_missing(self, value: frozenset[str], server: ServerContext) -> frozenset[str]:
        """Return the models that the server can choose."""
        return value.intersection(server.models)


@dataclass(frozen=True, slots=True)
class Scores(Kind[Mapping[str, float]]):
    """A score for each of some taggers, which are written ``name:model``.

    The panel asks for one score, that of the tagger in use.
    """

    def read(
        self,
        value: Any,
        server: ServerContext | None = None,  # noqa: ARG002
    ) -> Mapping[str, float]:
        """Return the scores of a JSON object."""
        if not isinstance(value, dict) or not all(
            0 < len(tagger) <= _MAX_TAGGER_LENGTH for tagger in value
        ):
            raise InvalidValue(Sentence("List taggers, each with a score."))
        return MappingProxyType({tagger: read_score(score) for tagger, score in value.items()})

    def write(self, value: Mapping[str, float]) -> Any:
        """Return the scores as a JSON object."""
        return dict(value)


def read_score(value: Any) -> float:
    """Return a JSON number from 0 to below 1; raises ``InvalidValue``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise InvalidValue(Sentence("Use a score from 0 to just below 1, such as 0.9."))
    return float(value)


def _whole_number(value: Any, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise InvalidValue(_NOT_BETWEEN, lowest=lowest, highest=highest)
    return value


def _typed_number(text: str) -> int | str:
    """Return the number, or the text itself if it is none."""
    typed = text.strip()
    return int(typed) if _NUMBER.fullmatch(typed) else typed
