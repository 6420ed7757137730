"""What a person sends by using a command, a button, a select or a modal.

https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-interaction-data
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.stand_ins.discord import posting
from tests.stand_ins.discord.attachments import Upload, as_upload
from tests.stand_ins.discord.commands import CHAT, GROUPS, ON_MESSAGE, ON_USER
from tests.stand_ins.discord.interactions import Interaction, Kind
from tests.stand_ins.discord.limits import walk
from tests.stand_ins.discord.messages import Message, message_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.people import Member
    from tests.stand_ins.discord.refusals import Json

_BUTTON = 2
_TEXT, _INTEGER, _BOOLEAN, _USER, _CHANNEL, _ROLE, _MENTIONABLE, _NUMBER, _FILE = range(3, 12)
_IN_GUILD, _IN_PRIVATE = 0, 1


def slash(
    member: Member,
    channel: Channel,
    name: str,
    values: Mapping[str, Any],
    *,
    focused: str | None = None,
) -> Interaction:
    first, *path = name.split()
    command = _permitted(member, channel, CHAT, first)
    sent = _Sent(channel, partial=focused is not None)
    options = _options(command, path, values, sent, focused)
    payload = _payload(command) | {"options": options, "resolved": sent.resolved}
    kind = Kind.COMMAND if focused is None else Kind.AUTOCOMPLETE
    return _publish(Interaction(kind, member, channel, payload, command))


def context_menu(
    member: Member, channel: Channel, name: str, target: Message | Member
) -> Interaction:
    kind = ON_MESSAGE if isinstance(target, Message) else ON_USER
    command = _permitted(member, channel, kind, name)
    sent = _Sent(channel)
    target_id = sent.message(target) if isinstance(target, Message) else sent.member(target)
    payload = _payload(command) | {"target_id": target_id, "resolved": sent.resolved}
    return _publish(Interaction(Kind.COMMAND, member, channel, payload, command))


def click(
    member: Member, message: Message, custom_id: str, values: Sequence[str] | None
) -> Interaction:
    for component in walk(message.components):
        if component.get("custom_id") == custom_id and not component.get("disabled"):
            break
    else:
        raise LookupError(f"nothing to press under {custom_id!r}")
    payload: Json = {"custom_id": custom_id, "component_type": component["type"]}
    if component["type"] != _BUTTON:
        payload["values"] = list(values or ())
    return _publish(Interaction(Kind.COMPONENT, member, message.channel, payload, source=message))


def submit(member: Member, opened: Interaction, values: Mapping[str, str]) -> Interaction:
    if opened.modal is None:
        raise LookupError("no modal is open")
    missing = set(values) - {part.get("custom_id") for part in walk(opened.modal["components"])}
    if missing:
        raise LookupError(f"the modal has no {sorted(missing)}")
    filled = [_filled(component, values) for component in opened.modal["components"]]
    payload = {"custom_id": opened.modal["custom_id"], "components": filled}
    return _publish(Interaction(Kind.MODAL, member, opened.channel, payload, source=opened.source))


@dataclass
class _Sent:
    """Collects the objects that options and targets point at."""

    channel: Channel
    partial: bool = False
    resolved: dict[str, Json] = field(default_factory=dict)

    def message(self, message: Message) -> str:
        # The target of a context menu is told in full, whatever the intents.
        return self._put("messages", message.id, message_json(message, readable=True))

    def member(self, member: Member) -> str:
        body = member.interaction_json()
        self._put("members", member.user.id, {k: v for k, v in body.items() if k != "user"})
        return self._put("users", member.user.id, member.user.as_json())

    def role(self, role: Any) -> str:
        return self._put("roles", role.id, role.as_json())

    def place(self, channel: Channel) -> str:
        told = channel.as_json() | {"permissions": str(int(channel.bot_permissions()))}
        return self._put("channels", channel.id, told)

    def file(self, file: Upload | tuple[str, bytes] | tuple[str, bytes, str]) -> str:
        attachment = posting.attach(self.channel, as_upload(file), ephemeral=True)
        return self._put("attachments", attachment.id, attachment.as_json())

    def _put(self, group: str, snowflake: int, body: Json) -> str:
        self.resolved.setdefault(group, {})[str(snowflake)] = body
        return str(snowflake)


def _publish(interaction: Interaction) -> Interaction:
    interaction.publish()
    return interaction


def _permitted(member: Member, channel: Channel, kind: int, name: str) -> Json:
    guild = channel.guild
    command = member.guild.world.commands.find(guild.id if guild else None, kind, name)
    contexts = command.get("contexts")
    if contexts is not None and (_IN_GUILD if guild else _IN_PRIVATE) not in contexts:
        raise LookupError(f"{name!r} is not offered here")
    needed = int(command.get("default_member_permissions") or 0)
    if guild and int(member.permissions) & needed != needed:
        raise PermissionError(f"{member.name} may not use {name!r}")
    return command


def _payload(command: Json) -> Json:
    place = {"guild_id": command["guild_id"]} if "guild_id" in command else {}
    return {"id": command["id"], "name": command["name"], "type": command["type"]} | place


def _options(
    command: Json, path: Sequence[str], values: Mapping[str, Any], sent: _Sent, focused: str | None
) -> list[Json]:
    """Turn values into options, inside the groups that ``path`` leads through."""
    known = {option["name"]: option for option in command.get("options") or ()}
    if path:
        group = known.get(path[0])
        if group is None or group["type"] not in GROUPS:
            raise LookupError(f"{command['name']!r} has no {path[0]!r}, only {sorted(known)}")
        inner = _options(group, path[1:], values, sent, focused)
        return [{"name": path[0], "type": group["type"], "options": inner}]
    strange = set(values) - set(known)
    missing = {name for name, option in known.items() if option.get("required")} - set(values)
    if strange or (missing and not sent.partial):
        raise LookupError(
            f"{command['name']!r}: unknown {strange or '-'}, missing {missing or '-'}"
        )
    return [_option(known[name], value, sent, name == focused) for name, value in values.items()]


def _option(known: Json, value: Any, sent: _Sent, is_focused: bool) -> Json:  # noqa: FBT001 - a field's value
    body: Json = {"name": known["name"], "type": known["type"]}
    if is_focused:
        return body | {"value": str(value), "focused": True}
    return body | {"value": _convert(known, value, sent)}


def _convert(known: Json, value: Any, sent: _Sent) -> object:
    kind = known["type"]
    resolvers: dict[int, Callable[[Any], str]] = {
        _USER: sent.member,
        _MENTIONABLE: sent.member,
        _CHANNEL: sent.place,
        _ROLE: sent.role,
        _FILE: sent.file,
    }
    if kind in resolvers:
        return resolvers[kind](value)
    _check_value(known, value)
    return value


def _check_value(known: Json, value: Any) -> None:
    """Refuse what the app would not let a person send."""
    types: dict[int, tuple[type, ...]] = {
        _TEXT: (str,),
        _INTEGER: (int,),
        _BOOLEAN: (bool,),
        _NUMBER: (int, float),
    }
    if not isinstance(value, types[known["type"]]):
        raise TypeError(f"{known['name']}: {value!r} is not of type {known['type']}")
    choices = [choice["value"] for choice in known.get("choices") or ()]
    if choices and value not in choices:
        raise ValueError(f"{known['name']}: {value!r} is not one of {choices}")
    size = len(value) if isinstance(value, str) else value
    unit = "length" if isinstance(value, str) else "value"
    low, high = known.get(f"min_{unit}"), known.get(f"max_{unit}")
    if (low is not None and size < low) or (high is not None and size > high):
        raise ValueError(f"{known['name']}: {value!r} is not within {low} and {high}")


def _filled(component: Json, values: Mapping[str, str]) -> Json:
    """Echo a modal's component with what was typed into it."""
    body: Json = {"type": component["type"], "id": component.get("id", 0)}
    if "components" in component:
        return body | {"components": [_filled(part, values) for part in component["components"]]}
    if "component" in component:
        return body | {"component": _filled(component["component"], values)}
    if "custom_id" not in component:
        return body
    typed = values.get(component["custom_id"], component.get("value") or "")
    return body | {"custom_id": component["custom_id"], "value": typed, "values": [typed]}
