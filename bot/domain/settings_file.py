"""The settings file: everything a server has set, as JSON that people can export, edit and import.

``framehound_settings`` is the version of the format; the other keys are the names in ``SETTINGS``
and ``watches``. Ids are strings. An import changes only what the file names, and only if all of it
is valid.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.domain.alerts import MAX_WATCHES, Watch
from bot.domain.setting_kinds import (
    MAX_TAG_LENGTH,
    ChannelList,
    InvalidValue,
    ServerContext,
    read_score,
)
from bot.domain.settings import SETTINGS
from bot.i18n import Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.domain.settings import GuildSettings

MAX_BYTES = 256 * 1024
"""The most hidden tags, ids and watches there can be take a fifth of it."""
_VERSION = "framehound_settings"
_KNOWN_VERSION = 1
_WATCHES = "watches"
_WATCH_KEYS = {"tag", "channel", "threshold"}
_CHANNELS = ChannelList(none=Sentence("No channels"))


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file sets: values by the name of their setting, and watches.

    ``watches`` is None if the file does not name them.
    """

    values: Mapping[str, Any]
    watches: tuple[Watch, ...] | None = None


@dataclass(frozen=True, slots=True)
class FileMistake:
    """One mistake in a file: the key it stands under, and what its value must be."""

    name: str
    reason: InvalidValue


class InvalidSettingsFile(Exception):
    """A file that cannot be imported; ``mistakes`` has everything that is wrong with it."""

    def __init__(self, mistakes: Sequence[FileMistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{each.name}: {each.reason}" for each in mistakes))


def write_file(settings: GuildSettings, watches: Sequence[Watch], server: ServerContext) -> str:
    """Return the file of a server, without the channels and roles that are gone."""
    written: dict[str, Any] = {_VERSION: _KNOWN_VERSION}
    for name, spec in SETTINGS.items():
        value = spec.kind.without_missing(getattr(settings, name), server)
        written[name] = spec.kind.write(value)
    written[_WATCHES] = [
        {"tag": watch.tag, "channel": str(watch.channel_id), "threshold": watch.threshold}
        for watch in watches
        if watch.channel_id in server.channel_ids
    ]
    return json.dumps(written, ensure_ascii=False, indent=2) + "\n"


def read_file(content: bytes, server: ServerContext) -> SettingsFile:
    """Return what a file sets; raises ``InvalidSettingsFile`` with all that is wrong with it."""
    found: dict[str, Any] = {}
    mistakes: list[FileMistake] = []
    for name, value in _parse(content).items():
        try:
            found[name] = _reader(name)(value, server)
        except InvalidValue as reason:
            mistakes.append(FileMistake(name, reason))
    if mistakes:
        raise InvalidSettingsFile(mistakes)
    watches = found.pop(_WATCHES, None)
    return SettingsFile(found, watches)


def _parse(content: bytes) -> dict[str, Any]:
    """Return what a file of a known version holds; JSON nested too deeply is refused."""
    try:
        found = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or _VERSION not in found:
        reason = InvalidValue(Sentence("This isn't a file from `/settings export`."))
        raise InvalidSettingsFile([FileMistake("framehound-settings.json", reason)])
    version = found.pop(_VERSION)
    if version != _KNOWN_VERSION or isinstance(version, bool):
        reason = InvalidValue(
            Sentence("I can only read version {known} of settings files."), known=_KNOWN_VERSION
        )
        raise InvalidSettingsFile([FileMistake(_VERSION, reason)])
    return found


def _refuse_constant(constant: str) -> None:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(constant)


def _reader(name: str) -> Callable[[Any, ServerContext], Any]:
    if name == _WATCHES:
        return _watches
    if name not in SETTINGS:
        raise InvalidValue(Sentence("There's no setting with this name."))
    return SETTINGS[name].kind.read


def _watches(value: Any, server: ServerContext) -> tuple[Watch, ...]:
    if not isinstance(value, list) or len(value) > MAX_WATCHES:
        raise InvalidValue(Sentence("Use a list of at most {most} watches."), most=MAX_WATCHES)
    watches = tuple(_watch(each) for each in value)
    if len({watch.normalized for watch in watches}) < len(watches):
        raise InvalidValue(Sentence("List each tag only once."))
    _CHANNELS.require_known([watch.channel_id for watch in watches], server)
    return watches


def _watch(value: Any) -> Watch:
    well_formed = isinstance(value, dict) and {"tag", "channel"} <= set(value) <= _WATCH_KEYS
    tag = value["tag"] if well_formed else None
    if not isinstance(tag, str) or not 0 < len(tag.strip()) <= MAX_TAG_LENGTH:
        raise InvalidValue(
            Sentence("Each watch needs a tag and a channel, and may have a threshold.")
        )
    (channel,) = _CHANNELS.read([value["channel"]])
    score = value.get("threshold")
    return Watch(tag.strip(), channel, None if score is None else read_score(score))
