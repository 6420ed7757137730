"""What a person chooses in a select and fills into a modal, as the app would send it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.stand_ins.discord.component_rules import SELECTS, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.stand_ins.discord.refusals import Json
    from tests.stand_ins.discord.resolving import Resolved

_LONGEST_TEXT = 4000


def chosen(component: Json, values: Sequence[Any], resolved: Resolved) -> list[str]:
    """Return the values of a select, a group of checkboxes or a file upload."""
    kind, name = component["type"], component["custom_id"]
    optional = component.get("required") is False
    low = 0 if optional and not values else _given(component, "min_values", 1)
    most = len(component["options"]) if kind == Part.CHECKBOXES else 1
    high = _given(component, "max_values", most)
    if not low <= len(values) <= high:
        raise ValueError(f"{name}: {len(values)} chosen, not {low} to {high}")
    return [_value(component, value, resolved) for value in values]


def filled(component: Json, values: Mapping[str, Any], resolved: Resolved) -> Json:
    """Return a modal's component with what was filled in, or with what stood there."""
    body: Json = {"type": component["type"], "id": component.get("id", 0)}
    if "components" in component:
        return body | {
            "components": [filled(part, values, resolved) for part in component["components"]]
        }
    if "component" in component:
        return body | {"component": filled(component["component"], values, resolved)}
    if "custom_id" not in component:
        return body
    given = values.get(component["custom_id"], _standing(component))
    return body | {"custom_id": component["custom_id"]} | _answer(component, given, resolved)


def _answer(component: Json, given: Any, resolved: Resolved) -> Json:
    kind = component["type"]
    if kind == Part.TEXT:
        return {"value": _typed(component, given)}
    if kind == Part.CHECKBOX:
        return {"value": bool(given)}
    if kind == Part.RADIO:
        if given is None and component.get("required", True):
            raise ValueError(f"{component['custom_id']}: one must be chosen")
        return {"value": None if given is None else _value(component, given, resolved)}
    return {"values": chosen(component, given, resolved)}


def _standing(component: Json) -> Any:
    """Return what a part of a modal says before anybody touched it."""
    kind, options = component["type"], component.get("options") or ()
    defaults = [option["value"] for option in options if option.get("default")]
    if kind == Part.TEXT:
        return component.get("value") or ""
    if kind == Part.CHECKBOX:
        return component.get("default", False)
    if kind == Part.RADIO:
        return defaults[0] if defaults else None
    return defaults or [int(entry["id"]) for entry in component.get("default_values") or ()]


def _given(component: Json, name: str, otherwise: int) -> int:
    value = component.get(name)
    return otherwise if value is None else value


def _typed(component: Json, text: str) -> str:
    low = component.get("min_length") or int(component.get("required", True))
    high = component.get("max_length") or _LONGEST_TEXT
    if not component.get("required", True) and not text:
        low = 0
    if not low <= len(text) <= high:
        raise ValueError(f"{component['custom_id']}: {text!r} is not within {low} and {high}")
    return text


def _value(component: Json, value: Any, resolved: Resolved) -> str:
    kind, name = component["type"], component["custom_id"]
    if kind == Part.FILES:
        return resolved.file(value)
    if kind in SELECTS - {Part.SELECT}:
        return _picked(component, resolved.known(value), resolved)
    options = [option["value"] for option in component["options"]]
    if value not in options:
        raise ValueError(f"{name}: {value!r} is not one of {options}")
    return str(value)


def _picked(component: Json, thing: Any, resolved: Resolved) -> str:
    member, role, channel = resolved.member, resolved.role, resolved.place
    offered: dict[int, dict[str, Callable[[Any], str]]] = {
        Part.USERS: {"Member": member},
        Part.ROLES: {"Role": role},
        Part.MENTIONABLES: {"Member": member, "Role": role},
        Part.CHANNELS: {"Channel": channel},
    }
    put = offered[component["type"]].get(type(thing).__name__)
    kinds = component.get("channel_types") or ()
    if put is None or (kinds and thing.kind not in kinds):
        raise TypeError(f"{component['custom_id']}: {thing!r} is not offered there")
    return put(thing)
