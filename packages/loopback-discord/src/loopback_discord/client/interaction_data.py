"""What a person sends by using a command, a button, a select or a modal.

https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-interaction-data
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.stand_ins.discord.commands import CHAT, GROUPS, ON_MESSAGE, ON_USER
from tests.stand_ins.discord.component_rules import Part, walk
from tests.stand_ins.discord.filling import chosen, filled
from tests.stand_ins.discord.interactions import Interaction, Kind, context_of, integrations
from tests.stand_ins.discord.messages import Message
from tests.stand_ins.discord.resolving import Resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.people import Member
    from tests.stand_ins.discord.refusals import Json

_TEXT, _INTEGER, _BOOLEAN, _USER, _CHANNEL, _ROLE, _MENTIONABLE, _NUMBER, _FILE = range(3, 12)


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
    sent = Resolved(channel, member)
    options = _options(command, path, values, sent, focused)
    payload = _payload(command) | {"options": options, "resolved": sent.bodies}
    kind = Kind.COMMAND if focused is None else Kind.AUTOCOMPLETE
    return _publish(Interaction(kind, member, channel, payload, command))


def context_menu(
    member: Member, channel: Channel, name: str, target: Message | Member
) -> Interaction:
    kind = ON_MESSAGE if isinstance(target, Message) else ON_USER
    command = _permitted(member, channel, kind, name)
    sent = Resolved(channel, member)
    target_id = sent.message(target) if isinstance(target, Message) else sent.member(target)
    payload = _payload(command) | {"target_id": target_id, "resolved": sent.bodies}
    return _publish(Interaction(Kind.COMMAND, member, channel, payload, command))


def click(
    member: Member, message: Message, custom_id: str, values: Sequence[Any] | None
) -> Interaction:
    for component in walk(message.components):
        if component.get("custom_id") == custom_id and not component.get("disabled"):
            break
    else:
        raise LookupError(f"nothing to press under {custom_id!r}")
    payload: Json = {"custom_id": custom_id, "component_type": component["type"]}
    if component["type"] != Part.BUTTON:
        resolved = Resolved(message.channel, member)
        payload["values"] = chosen(component, values or (), resolved)
        payload |= _resolved(resolved)
    return _publish(Interaction(Kind.COMPONENT, member, message.channel, payload, source=message))


def submit(member: Member, opened: Interaction, values: Mapping[str, Any]) -> Interaction:
    if opened.modal is None:
        raise LookupError("no modal is open")
    missing = set(values) - {part.get("custom_id") for part in walk(opened.modal["components"])}
    if missing:
        raise LookupError(f"the modal has no {sorted(missing)}")
    resolved = Resolved(opened.channel, member)
    parts = [filled(component, values, resolved) for component in opened.modal["components"]]
    payload = {"custom_id": opened.modal["custom_id"], "components": parts} | _resolved(resolved)
    return _publish(Interaction(Kind.MODAL, member, opened.channel, payload, source=opened.source))


def _resolved(resolved: Resolved) -> Json:
    """Name what was resolved; where nothing was, as for a select of texts, the field is absent."""
    return {"resolved": resolved.bodies} if resolved.bodies else {}


def _publish(interaction: Interaction) -> Interaction:
    interaction.publish()
    return interaction


def _permitted(member: Member, channel: Channel, kind: int, name: str) -> Json:
    guild = channel.guild
    command = member.guild.world.commands.find(guild.id if guild else None, kind, name)
    contexts, installs = command.get("contexts"), set(command["integration_types"])
    here = context_of(channel)
    if (contexts is not None and here not in contexts) or not (
        installs & integrations(member, channel)
    ):
        raise LookupError(f"{name!r} is not offered here")
    needed = int(command.get("default_member_permissions") or 0)
    if guild and int(channel.permissions_of(member)) & needed != needed:
        raise PermissionError(f"{member.name} may not use {name!r}")
    return command


def _payload(command: Json) -> Json:
    place = {"guild_id": command["guild_id"]} if "guild_id" in command else {}
    return {"id": command["id"], "name": command["name"], "type": command["type"]} | place


def _options(
    command: Json,
    path: Sequence[str],
    values: Mapping[str, Any],
    sent: Resolved,
    focused: str | None,
) -> list[Json]:
    """Turn values into options, inside the groups that ``path`` leads through."""
    known = {option["name"]: option for option in command.get("options") or ()}
    groups = sorted(name for name, option in known.items() if option["type"] in GROUPS)
    if path:
        if path[0] not in groups:
            raise LookupError(f"{command['name']!r} has no {path[0]!r}, only {sorted(known)}")
        group = known[path[0]]
        inner = _options(group, path[1:], values, sent, focused)
        return [{"name": path[0], "type": group["type"], "options": inner}]
    if groups:
        raise LookupError(f"{command['name']!r} alone is not offered, only with one of {groups}")
    strange = set(values) - set(known)
    missing = {name for name, option in known.items() if option.get("required")} - set(values)
    if strange or (missing and focused is None):
        raise LookupError(
            f"{command['name']!r}: unknown {strange or '-'}, missing {missing or '-'}"
        )
    return [_option(known[name], value, sent, name == focused) for name, value in values.items()]


def _option(known: Json, value: Any, sent: Resolved, is_focused: bool) -> Json:  # noqa: FBT001 - a field's value
    body: Json = {"name": known["name"], "type": known["type"]}
    if is_focused:
        return body | {"value": str(value), "focused": True}
    return body | {"value": _convert(known, value, sent)}


def _convert(known: Json, value: Any, sent: Resolved) -> object:
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
