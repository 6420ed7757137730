"""The application commands that the bot has registered.

https://docs.discord.com/developers/interactions/application-commands
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING

from loopback_discord.api import invalid_form_body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loopback_discord.api import Json, SnowflakeGenerator


class CommandType(IntEnum):
    """The types of application commands."""

    CHAT_INPUT = 1
    USER = 2
    MESSAGE = 3


class OptionType(IntEnum):
    """The types of a slash command's options."""

    SUB_COMMAND = 1
    SUB_COMMAND_GROUP = 2
    STRING = 3
    INTEGER = 4
    BOOLEAN = 5
    USER = 6
    CHANNEL = 7
    ROLE = 8
    MENTIONABLE = 9
    NUMBER = 10
    ATTACHMENT = 11


class IntegrationType(IntEnum):
    """Where the app is installed: on a guild, or for a user."""

    GUILD = 0
    USER = 1


SUB_COMMANDS = {OptionType.SUB_COMMAND, OptionType.SUB_COMMAND_GROUP}
_GUILD_CONTEXT = 0
_SLASH_NAME = re.compile(r"[-_'\w]{1,32}")
_MAX_NAME, _MAX_DESCRIPTION, _MAX_OPTIONS, _MAX_CHOICES = 32, 100, 25, 25

Key = tuple[int | None, int, str]
"""The guild (None for a global command), type and name of a command."""


class CommandRegistry:
    """The registered commands, global ones and those of guilds."""

    def __init__(self, ids: SnowflakeGenerator, application_id: int) -> None:
        self._ids = ids
        self._application_id = application_id
        self._commands: dict[Key, Json] = {}

    def overwrite(self, guild_id: int | None, bodies: Sequence[Json]) -> list[Json]:
        """Replace all commands of a scope; a command that had the same name keeps its id."""
        for number, body in enumerate(bodies):
            _check_command(str(number), body)
        commands = [self._with_defaults(guild_id, body) for body in bodies]
        keys = [(guild_id, command["type"], command["name"]) for command in commands]
        if len(set(keys)) < len(keys):
            code = "APPLICATION_COMMANDS_DUPLICATE_NAME"
            raise invalid_form_body("name", code, "Must be unique")
        others = {key: command for key, command in self._commands.items() if key[0] != guild_id}
        self._commands = others | dict(zip(keys, commands, strict=True))
        return commands

    def registered(self, guild_id: int | None) -> list[Json]:
        return [command for key, command in self._commands.items() if key[0] == guild_id]

    def find(self, guild_id: int | None, kind: CommandType, name: str) -> Json:
        """Return the command that people in a guild see. Raises LookupError if there is none."""
        for scope in (guild_id, None):
            if (scope, kind, name) in self._commands:
                return self._commands[scope, kind, name]
        known = sorted(key[2] for key in self._commands)
        raise LookupError(f"no command {name!r}; the bot registered {known}")

    def _with_defaults(self, guild_id: int | None, body: Json) -> Json:
        kind = body.get("type", CommandType.CHAT_INPUT)
        previous = self._commands.get((guild_id, kind, body["name"]), {})
        defaults = {
            "description": "",
            "default_member_permissions": None,
            "nsfw": False,
            "contexts": None,
            "name_localizations": None,
            "description_localizations": None,
        }
        assigned: Mapping[str, object] = {
            "id": previous.get("id", str(self._ids.next())),
            "application_id": str(self._application_id),
            "version": str(self._ids.next()),
            "type": kind,
            "integration_types": body.get("integration_types") or [*map(int, IntegrationType)],
        }
        guild = {} if guild_id is None else {"guild_id": str(guild_id)}
        command = defaults | body | dict(assigned) | guild
        # "dm_permission" is the older form of "contexts".
        if body.get("dm_permission") is False and body.get("contexts") is None:
            command["contexts"] = [_GUILD_CONTEXT]
        return command


def _check_command(path: str, body: Json) -> None:
    name = body["name"]
    if body.get("type", CommandType.CHAT_INPUT) == CommandType.CHAT_INPUT:
        _check_name_and_description(path, body)
        _check_options(path, body.get("options") or ())
    elif not 1 <= len(name) <= _MAX_NAME or body.get("description"):
        message = f"Must be between 1 and {_MAX_NAME} in length."
        raise invalid_form_body(f"{path}.name", "BASE_TYPE_BAD_LENGTH", message)


def _check_options(path: str, options: Sequence[Json]) -> None:
    if len(options) > _MAX_OPTIONS:
        message = f"Must be {_MAX_OPTIONS} or fewer in length."
        raise invalid_form_body(f"{path}.options", "BASE_TYPE_MAX_LENGTH", message)
    for number, option in enumerate(options):
        _check_option(f"{path}.options.{number}", option)
    required = [bool(o.get("required")) for o in options if o["type"] not in SUB_COMMANDS]
    if required != sorted(required, reverse=True):
        code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"
        message = "Required options must be placed before non-required options"
        raise invalid_form_body(f"{path}.options", code, message)


def _check_option(path: str, option: Json) -> None:
    _check_name_and_description(path, option)
    if len(option.get("choices") or ()) > _MAX_CHOICES:
        message = f"Must be {_MAX_CHOICES} or fewer in length."
        raise invalid_form_body(f"{path}.choices", "BASE_TYPE_MAX_LENGTH", message)
    _check_options(path, option.get("options") or ())


def _check_name_and_description(path: str, body: Json) -> None:
    name, description = body["name"], body.get("description") or ""
    if not _SLASH_NAME.fullmatch(name) or name != name.lower():
        code = "APPLICATION_COMMAND_INVALID_NAME"
        raise invalid_form_body(f"{path}.name", code, "Command name is invalid")
    if not 1 <= len(description) <= _MAX_DESCRIPTION:
        message = f"Must be between 1 and {_MAX_DESCRIPTION} in length."
        raise invalid_form_body(f"{path}.description", "BASE_TYPE_BAD_LENGTH", message)
