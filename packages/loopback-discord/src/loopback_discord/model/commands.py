"""The commands a bot registers: https://docs.discord.com/developers/interactions/application-commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.stand_ins.discord.refusals import Refusal, invalid_form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.stand_ins.discord.refusals import Json
    from tests.stand_ins.discord.snowflakes import Snowflakes

CHAT, ON_USER, ON_MESSAGE = 1, 2, 3
GROUPS = (1, 2)
INSTALLATIONS = (0, 1)  # in a server, and by a person for themselves
_NAME = re.compile(r"[-_'\w]{1,32}")
_CHAT_LIMIT, _OPTIONS, _CHOICES = 100, 25, 25

Key = tuple[int | None, int, str]


class CommandBook:
    """What is registered, by guild (None for everywhere), kind and name."""

    def __init__(self, ids: Snowflakes, application: int) -> None:
        self._ids = ids
        self._application = application
        self._commands: dict[Key, Json] = {}

    def overwrite(self, guild_id: int | None, bodies: Sequence[Json]) -> list[Json]:
        """Replace what is registered there; a command that stays keeps its id."""
        for number, body in enumerate(bodies):
            _check(str(number), body)
        new = [self._complete(guild_id, body) for body in bodies]
        keys = [(guild_id, command["type"], command["name"]) for command in new]
        if len(set(keys)) < len(keys):
            raise _refused("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Must be unique")
        kept = {key: command for key, command in self._commands.items() if key[0] != guild_id}
        self._commands = kept | dict(zip(keys, new, strict=True))
        return new

    def add(self, guild_id: int | None, body: Json) -> Json:
        """Register one command more, or anew."""
        _check("0", body)
        command = self._complete(guild_id, body)
        self._commands[guild_id, command["type"], command["name"]] = command
        return command

    def registered(self, guild_id: int | None) -> list[Json]:
        return [command for key, command in self._commands.items() if key[0] == guild_id]

    def by_id(self, snowflake: int) -> Json:
        for command in self._commands.values():
            if command["id"] == str(snowflake):
                return command
        raise Refusal(404, 10063, "Unknown application command")

    def remove(self, snowflake: int) -> None:
        gone = self.by_id(snowflake)
        self._commands = {key: c for key, c in self._commands.items() if c is not gone}

    def find(self, guild_id: int | None, kind: int, name: str) -> Json:
        """Return what a person in that guild finds under a name; LookupError for nothing."""
        for place in (guild_id, None):
            if (place, kind, name) in self._commands:
                return self._commands[place, kind, name]
        known = sorted(key[2] for key in self._commands)
        raise LookupError(f"no command {name!r}; the bot registered {known}")

    def _complete(self, guild_id: int | None, body: Json) -> Json:
        kind = body.get("type", CHAT)
        old = self._commands.get((guild_id, kind, body["name"]), {})
        defaults = {
            "description": "",
            "default_member_permissions": None,
            "nsfw": False,
            "contexts": None,
            "name_localizations": None,
            "description_localizations": None,
        }
        given: Mapping[str, object] = {
            "id": old.get("id", str(self._ids.next())),
            "application_id": str(self._application),
            "version": str(self._ids.next()),
            "type": kind,
        }
        place = {} if guild_id is None else {"guild_id": str(guild_id)}
        # What says nothing is offered through every installation the app is set up for.
        where = {"integration_types": body.get("integration_types") or list(INSTALLATIONS)}
        if body.get("dm_permission") is False and body.get("contexts") is None:
            where["contexts"] = [0]  # as the field from before there were contexts says
        return defaults | body | where | dict(given) | place


def _check(path: str, body: Json) -> None:
    kind, name = body.get("type", CHAT), body["name"]
    if kind != CHAT:
        if not 1 <= len(name) <= 32 or body.get("description"):
            raise _refused(f"{path}.name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32")
        return
    _check_entry(path, body)
    for number, option in enumerate(body.get("options") or ()):
        _check_option(f"{path}.options.{number}", option)
    _check_order(path, body.get("options") or ())


def _check_option(path: str, option: Json) -> None:
    _check_entry(path, option)
    if len(option.get("choices") or ()) > _CHOICES or len(option.get("options") or ()) > _OPTIONS:
        raise _refused(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for number, nested in enumerate(option.get("options") or ()):
        _check_option(f"{path}.options.{number}", nested)
    _check_order(path, option.get("options") or ())


def _check_entry(path: str, entry: Json) -> None:
    name, description = entry["name"], entry.get("description") or ""
    if not _NAME.fullmatch(name) or name != name.lower():
        code = "APPLICATION_COMMAND_INVALID_NAME"
        raise _refused(f"{path}.name", code, "Command name is invalid")
    if not 1 <= len(description) <= _CHAT_LIMIT:
        sentence = "Must be between 1 and 100 in length."
        raise _refused(f"{path}.description", "BASE_TYPE_BAD_LENGTH", sentence)


def _check_order(path: str, options: Sequence[Json]) -> None:
    required = [bool(option.get("required")) for option in options if option["type"] not in GROUPS]
    if required != sorted(required, reverse=True):
        code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"
        sentence = "Required options must be placed before non-required options"
        raise _refused(f"{path}.options", code, sentence)


def _refused(field: str, code: str, message: str) -> Refusal:
    return invalid_form(field, code, message)
