"""Everything a server has set, as a file: written to be read again, believed only if all is sound.

A JSON object. ``framehound_settings`` is the version of its form; the rest are the names of
``GuildSettings`` and ``watches``, with ids as text. What a file doesn't name stays as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.domain.alerts import MAX_WATCHES, Watch
from bot.domain.choices import MAX_TAG_LENGTH, READERS, InvalidValue, read_choice, write_choice
from bot.i18n import Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bot.domain.settings import GuildSettings

LARGEST = 256 * 1024
"""Bytes; the most hidden tags, ids and watches there can be take a fifth of it."""
_VERSION = "framehound_settings"
_KNOWN_VERSION = 1
_CHANNELS = ("channels_allowed", "channels_denied")
_MAX_TAGGER_LENGTH = 200
_WATCH = {"tag", "channel", "threshold"}


@dataclass(frozen=True, slots=True)
class ServerContext:
    """What a file must fit: the server's channels and roles, and the operator's most days."""

    channel_ids: Collection[int]
    role_ids: Collection[int]
    max_days: int


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file sets; ``watches`` is None where it says nothing of them."""

    choices: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    retention: tuple[int | None] | None = None
    """The days, of which None means as long as may be; None without them."""
    watches: tuple[Watch, ...] | None = None


@dataclass(frozen=True, slots=True)
class FileMistake:
    """One thing wrong with a file: what it is called there, and what it must be."""

    name: str
    reason: InvalidValue


class InvalidSettingsFile(Exception):
    """A file that can't be taken over; ``mistakes`` has every one of them."""

    def __init__(self, mistakes: Sequence[FileMistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{each.name}: {each.reason}" for each in mistakes))


def write_file(settings: GuildSettings, watches: Sequence[Watch], around: ServerContext) -> str:
    """Return the file of a server; channels and roles that are gone are left out."""
    kept = {name: write_choice(getattr(settings, name)) for name in READERS}
    for name, known in _places(around).items():
        kept[name] = [written for written in kept[name] if int(written) in known]
    whole = {
        _VERSION: _KNOWN_VERSION,
        "thresholds": dict(settings.thresholds),
        "retention_days": settings.retention_days,
        **kept,
        "watches": [
            {"tag": watch.tag, "channel": str(watch.channel_id), "threshold": watch.threshold}
            for watch in watches
            if watch.channel_id in around.channel_ids
        ],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def read_file(content: bytes, around: ServerContext) -> SettingsFile:
    """Return what a file sets; raises ``InvalidSettingsFile``, with all that is wrong with it."""
    found = _parse(content)
    mistakes: list[FileMistake] = []

    def read(name: str, reader: Callable[[Any], Any], fallback: Any = None) -> Any:
        if name not in found:
            return fallback
        try:
            return reader(found[name])
        except InvalidValue as reason:
            mistakes.append(FileMistake(name, reason))
            return fallback

    choices = {
        name: read(name, partial(_choice, name, around))
        for name in found
        if name not in {_VERSION, "thresholds", "retention_days", "watches"}
    }
    read_in = SettingsFile(
        {name: choice for name, choice in choices.items() if name in READERS},
        read("thresholds", _thresholds, {}),
        read("retention_days", lambda value: (_days(value, around.max_days),)),
        read("watches", lambda value: _watches(value, around)),
    )
    if mistakes:
        raise InvalidSettingsFile(mistakes)
    return read_in


def _parse(content: bytes) -> dict[str, Any]:
    """Return the object a file holds, if it is one of ours; deep nesting is no JSON of ours."""
    try:
        found = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or _VERSION not in found:
        reason = InvalidValue(Sentence("must be a file as /settings export writes it"))
        raise InvalidSettingsFile([FileMistake("framehound-settings.json", reason)])
    if found[_VERSION] != _KNOWN_VERSION or isinstance(found[_VERSION], bool):
        reason = InvalidValue(Sentence("must be {known}, the version I know"), known=_KNOWN_VERSION)
        raise InvalidSettingsFile([FileMistake(_VERSION, reason)])
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _places(around: ServerContext) -> dict[str, Collection[int]]:
    return {**dict.fromkeys(_CHANNELS, around.channel_ids), "roles_allowed": around.role_ids}


def _choice(name: str, around: ServerContext, value: Any) -> Any:
    choice = read_choice(name, value)
    if name in _CHANNELS:
        _require_known(choice, around.channel_ids, Sentence("{id} is no channel of this server"))
    elif name == "roles_allowed":
        _require_known(choice, around.role_ids, Sentence("{id} is no role of this server"))
    return choice


def _require_known(ids: Collection[int], known: Collection[int], sentence: Sentence) -> None:
    strange = sorted(set(ids) - set(known))
    if strange:
        raise InvalidValue(sentence, id=", ".join(map(str, strange)))


def _thresholds(value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or not all(
        0 < len(name) <= _MAX_TAGGER_LENGTH for name in value
    ):
        raise InvalidValue(Sentence("must name taggers, each with a score"))
    return {name: _score(score) for name, score in value.items()}


def _score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise InvalidValue(Sentence("must be a score from 0 to below 1, such as 0.9"))
    return float(value)


def _days(value: Any, most: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        sentence = Sentence("must be a whole number from {lowest} to {highest}")
        raise InvalidValue(sentence, lowest=1, highest=most)
    return value


def _watches(value: Any, around: ServerContext) -> tuple[Watch, ...]:
    if not isinstance(value, list) or len(value) > MAX_WATCHES:
        raise InvalidValue(Sentence("must be a list of at most {most} watches"), most=MAX_WATCHES)
    watches = tuple(_watch(each) for each in value)
    if len({watch.normalized for watch in watches}) < len(watches):
        raise InvalidValue(Sentence("must have each tag once"))
    channels = [watch.channel_id for watch in watches]
    _require_known(channels, around.channel_ids, Sentence("{id} is no channel of this server"))
    return watches


def _watch(value: Any) -> Watch:
    sound = isinstance(value, dict) and {"tag", "channel"} <= set(value) <= _WATCH
    tag = value["tag"] if sound else None
    if not isinstance(tag, str) or not 0 < len(tag.strip()) <= MAX_TAG_LENGTH:
        raise InvalidValue(Sentence("must have a tag, a channel and perhaps a threshold each"))
    (channel,) = read_choice("channels_allowed", [value["channel"]])
    score = value.get("threshold")
    return Watch(tag.strip(), channel, None if score is None else _score(score))
