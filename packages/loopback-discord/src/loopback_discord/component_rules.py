"""What Discord refuses of buttons, selects and modals.

https://docs.discord.com/developers/components/reference
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING

from tests.stand_ins.discord.refusals import invalid_form

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.stand_ins.discord.refusals import Json


class Part(IntEnum):
    """The component types people can use, and what holds them."""

    ROW = 1
    BUTTON = 2
    SELECT = 3
    TEXT = 4
    USERS = 5
    ROLES = 6
    MENTIONABLES = 7
    CHANNELS = 8
    TEXT_DISPLAY = 10
    LABEL = 18
    FILES = 19
    RADIO = 21
    CHECKBOXES = 22
    CHECKBOX = 23


SELECTS = {Part.SELECT, Part.USERS, Part.ROLES, Part.MENTIONABLES, Part.CHANNELS}
_IN_LABEL = SELECTS | {Part.TEXT, Part.FILES, Part.RADIO, Part.CHECKBOXES, Part.CHECKBOX}
_ROWS, _IN_ROW, _CUSTOM_ID, _BUTTON_LABEL = 5, 5, 100, 80
_TITLE, _LABEL, _DESCRIPTION, _OPTION, _TEXT_INPUT = 45, 45, 100, 100, 4000
_FEWEST_AND_MOST_OPTIONS = {Part.SELECT: (1, 25), Part.RADIO: (2, 10), Part.CHECKBOXES: (1, 10)}
_LINK = 5


def walk(components: Sequence[Json]) -> Iterator[Json]:
    """Give every component, however deep it is nested."""
    for component in components:
        yield component
        nested = [component[name] for name in ("accessory", "component") if name in component]
        yield from walk([*component.get("components", ()), *nested])


def numbered(components: Sequence[Json]) -> list[Json]:
    """Give each component an id where it has none, as Discord tells them back."""
    told = deepcopy(list(components))
    taken = {part["id"] for part in walk(told) if part.get("id")}
    free = (number for number in count(1) if number not in taken)
    for part in walk(told):
        part["id"] = part.get("id") or next(free)
    return told


def check_rows(rows: Sequence[Json]) -> None:
    """Raise the refusal of a message's rows of buttons and selects."""
    _within("components", len(rows), 0, _ROWS)
    for number, row in enumerate(rows):
        path = f"components.{number}"
        _require(path, row["type"] == Part.ROW, "UNION_TYPE_CHOICES", "Must be an action row.")
        held = row["components"]
        # A select takes the room of five buttons.
        width = sum(1 if part["type"] == Part.BUTTON else _IN_ROW for part in held)
        _within(f"{path}.components", width, 1, _IN_ROW)
    check_parts(rows)


def check_modal(modal: Json) -> None:
    """Raise the refusal of a modal that is about to be opened."""
    _within("data.title", len(modal.get("title") or ""), 1, _TITLE)
    _within("data.custom_id", len(modal.get("custom_id") or ""), 1, _CUSTOM_ID)
    _within("data.components", len(modal.get("components") or ()), 1, _ROWS)
    for number, part in enumerate(modal["components"]):
        path = f"data.components.{number}"
        if part["type"] == Part.LABEL:
            _check_label(path, part)
        else:
            known = part["type"] in {Part.ROW, Part.TEXT_DISPLAY}
            _require(path, known, "UNION_TYPE_CHOICES", "Must be a label or a text.")
    check_parts(modal["components"])


def check_parts(components: Sequence[Json]) -> None:
    """Raise the refusal of any part, however deep, and of a custom id used twice."""
    parts = list(walk(components))
    for part in parts:
        _check_part(part)
    ids = Counter(part["custom_id"] for part in parts if part.get("custom_id"))
    twice = [custom_id for custom_id, count in ids.items() if count > 1]
    _require("components", not twice, "COMPONENT_CUSTOM_ID_DUPLICATED", f"Duplicated: {twice}")


def _check_label(path: str, label: Json) -> None:
    _within(f"{path}.label", len(label["label"]), 1, _LABEL)
    _within(f"{path}.description", len(label.get("description") or ""), 0, _DESCRIPTION)
    known = label["component"]["type"] in _IN_LABEL
    _require(f"{path}.component", known, "UNION_TYPE_CHOICES", "Not for a label.")


def _check_part(part: Json) -> None:
    kind = part["type"]
    if kind == Part.BUTTON:
        _within("label", len(part.get("label") or ""), 0, _BUTTON_LABEL)
        _require("label", part.get("label") or part.get("emoji"), "BUTTON_EMPTY", "Empty button.")
    if kind in _IN_LABEL or (kind == Part.BUTTON and part.get("style") != _LINK):
        _within("custom_id", len(part.get("custom_id") or ""), 1, _CUSTOM_ID)
    if kind in _FEWEST_AND_MOST_OPTIONS:
        _check_options(part)
    if kind in SELECTS:
        most = part.get("max_values", 1)
        _within("max_values", most, part.get("min_values", 1), 25)
        _within("default_values", len(part.get("default_values") or ()), 0, most)
    if kind == Part.TEXT:
        most = part.get("max_length") or _TEXT_INPUT
        _within("max_length", most, part.get("min_length") or 1, _TEXT_INPUT)
        _within("value", len(part.get("value") or ""), 0, most)


def _check_options(part: Json) -> None:
    options = part.get("options") or ()
    _within("options", len(options), *_FEWEST_AND_MOST_OPTIONS[part["type"]])
    for option in options:
        _within("options.label", len(option["label"]), 1, _OPTION)
        _within("options.value", len(option["value"]), 1, _OPTION)
        _within("options.description", len(option.get("description") or ""), 0, _OPTION)
    values = [option["value"] for option in options]
    unique = len(set(values)) == len(values)
    _require("options", unique, "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "Used already.")
    chosen = sum(bool(option.get("default")) for option in options)
    _within("options", chosen, 0, part.get("max_values", 1))


def _within(field: str, size: int, low: int, high: int) -> None:
    sentence = f"Must be between {low} and {high} in length."
    _require(field, low <= size <= high, "BASE_TYPE_BAD_LENGTH", sentence)


def _require(field: str, holds: object, code: str, sentence: str) -> None:
    if not holds:
        raise invalid_form(field, code, sentence)
