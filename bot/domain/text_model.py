"""A recognizer of text that the operator brings (TEXT_MODEL), in PaddleOCR's ONNX form.

The folder has ``inference.onnx``, and its characters: either ``characters.txt`` with one a line, or
PaddleOCR's ``inference.yml`` with the list ``character_dict``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL_FILE, CHARACTERS_FILE, PADDLE_FILE = "inference.onnx", "characters.txt", "inference.yml"
_LIST = re.compile(r"^\s*character_dict:\s*$")
_ITEM = re.compile(r"^\s*- (.*)$")


def read_characters(folder: Path) -> tuple[str, ...]:
    """Return what each output of the recognizer after the first means; the last is a space.

    Raises ``OSError`` if no list can be read, and ``ValueError`` if it is empty.
    """
    own = folder / CHARACTERS_FILE
    if own.exists():
        found = own.read_text("utf-8").rstrip("\n").split("\n")
    else:
        found = list(_listed((folder / PADDLE_FILE).read_text("utf-8").split("\n")))
    if not any(found):
        raise ValueError("the list of characters is empty")
    return (*found, " ")


def _listed(lines: list[str]) -> Iterator[str]:
    """Yield the items of the list in PaddleOCR's YAML: plain or quoted scalars, one a line."""
    rest = iter(lines)
    for line in rest:
        if _LIST.match(line):
            break
    for line in rest:
        item = _ITEM.match(line)
        if item is None:
            return
        yield _unquoted(item[1])


def _unquoted(scalar: str) -> str:
    if scalar.startswith("'"):
        return scalar.strip()[1:-1].replace("''", "'")
    if scalar.startswith('"'):
        return str(json.loads(scalar))
    return scalar
