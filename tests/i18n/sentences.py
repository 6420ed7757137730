"""Every sentence that people can read, collected from the source."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
# Calls whose first argument people read: ``translate("…")``, or only marked: ``Sentence("…")``.
_SAYING = {"translate", "_translate", "Sentence"}
# Names of formats are filled into a sentence, and translated too.
_WITH_FACTS = {"bot/domain/clip.py": re.compile("MP4, ")}
# Prints lines to the operator's terminal.
_OTHERS = {"bot/cli/application.py"}


def all_sentences() -> dict[str, set[str]]:
    """Return every sentence with the files it is in."""
    found: dict[str, set[str]] = {}
    for part in ("bot", "cogs"):
        for path in sorted((ROOT / part).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name in _OTHERS:
                continue
            for sentence in _sentences(ast.parse(path.read_text()), name):
                found.setdefault(sentence, set()).add(name)
    return found


def _sentences(tree: ast.Module, file: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _called(node, file)
        elif isinstance(node, ast.ClassDef):
            yield from _attributes(node)
        elif isinstance(node, ast.Constant) and file in _WITH_FACTS:
            text = node.value
            if isinstance(text, str) and _WITH_FACTS[file].match(text):
                yield text


def _called(call: ast.Call, file: str) -> Iterator[str]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in _SAYING and call.args:
        yield from _texts(call.args[0])
    options = {option.arg: option.value for option in call.keywords}
    if name == "describe":
        for value in options.values():
            yield from _texts(value)
    elif file.startswith("cogs/") and "description" in options and "name" in options:
        yield from _texts(options["description"])
    if name == "Choice" and "name" in options:
        yield from _texts(options["name"])


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        if isinstance(line, ast.Assign):
            target, value = line.targets[0], line.value
        elif isinstance(line, ast.AnnAssign) and line.value:
            target, value = line.target, line.value
        else:
            continue
        if isinstance(target, ast.Name) and target.id.endswith("sentence"):
            yield from _texts(value)
        elif isinstance(target, ast.Name) and target.id == "sentences":
            yield from _values(value)


def _values(node: ast.expr) -> Iterator[str]:
    """Yield the values of the literal dictionaries in an expression."""
    for each in ast.walk(node):
        if isinstance(each, ast.Dict):
            for value in each.values:
                yield from _texts(value)


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield a literal, or both literals of a conditional expression."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        assert not isinstance(node, ast.JoinedStr), "a sentence must not be put together"
