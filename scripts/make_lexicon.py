"""Writes bot/services/data/words.tsv: synonyms, kinds and translations of nouns.

    apt-get install wordnet-base
    git clone https://github.com/omwn/omw-data
    uv run python -m scripts.make_lexicon omw-data

A group is what one thing is called in English, German, French and Spanish. English words and the
hierarchy come from WordNet 3.0, translations from the Wiktionary part of the Open Multilingual
Wordnet, and what both lack for the names of tags from ``lexicon_additions.tsv`` beside this script.

Each line of the output is a group: the line numbers (from 0) of its broader groups, and its words
without case and accents.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.search import normalize
from scripts.make_labels import HERE, OUTPUT, ancestors, read_wordnet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from scripts.make_labels import Noun

ADDITIONS = HERE / "lexicon_additions.tsv"
WORDS = HERE.parent / "bot/services/data/words.tsv"
OBJECTS = HERE.parent / "bot/taggers/local/data/coco_labels.tsv"
WORDNET = Path("/usr/share/wordnet")
LANGUAGES = ("deu", "fra", "spa")

# WordNet's files of nouns that a picture can show: the tops, acts, animals, artifacts, the body,
# events, food, groups, objects, persons, phenomena, plants, shapes, substances and times.
# https://wordnet.princeton.edu/documentation/lexnames5wn
_SHOWN = {3, 4, 5, 6, 8, 11, 13, 14, 17, 18, 19, 20, 25, 27, 28}
_TOO_BROAD = {"entity", "physical entity", "object", "whole", "abstraction", "matter", "thing"}


@dataclass(slots=True)
class Group:
    """What one thing is called, and the groups that are broader."""

    words: list[str] = field(default_factory=list)
    broader: list[str] = field(default_factory=list)

    def add(self, words: Iterable[str]) -> None:
        """Add words that are not there yet."""
        for word in map(normalize, words):
            if word and word not in self.words:
                self.words.append(word)


def read_senses(folder: Path) -> dict[str, list[str]]:
    """Return the synsets of each English noun, the most frequent first, of what can be shown."""
    shown = read_shown(folder)
    senses = {}
    for line in (folder / "index.noun").read_text("ascii").splitlines():
        if not line.startswith("  "):
            (
                word,
                _,
                count,
                *_,
            ) = fields = line.split()
            synsets = [f"n{offset}" for offset in fields[-int(count) :]]
            senses[word.replace("_", " ")] = [each for each in synsets if each in shown]
    return senses


def read_shown(folder: Path) -> set[str]:
    """Return the synsets of what a picture can show."""
    lines = (folder / "data.noun").read_text("ascii").splitlines()
    rows = (line.split(" ", 2) for line in lines if not line.startswith("  "))
    return {f"n{offset}" for offset, file, _ in rows if int(file) in _SHOWN}


def read_translations(folder: Path) -> dict[str, list[str]]:
    """Return the translations of each synset."""
    found: dict[str, list[str]] = defaultdict(list)
    for language in LANGUAGES:
        text = (folder / f"wns/wikt/wn-wikt-{language}.tab").read_text("utf-8")
        for line in text.splitlines():
            synset, _, word = line.partition("\t")
            kind, _, word = word.partition("\t")
            if synset.endswith("-n") and kind.endswith(":lemma"):
                found[f"n{synset[:8]}"].append(word)
    return found


def read_tags() -> dict[str, str]:
    """Return the names of all tags of the local tagger, each with the next broader one."""
    images = [row.split("\t")[1:] for row in OUTPUT.read_text("utf-8").splitlines()]
    objects = [row.split("\t")[2:] for row in OBJECTS.read_text("utf-8").splitlines()]
    paths = [[name.lstrip("~?") for name in row] for row in (*images, *objects)]
    return {
        name: path[depth - 1] if depth else "" for path in paths for depth, name in enumerate(path)
    }


def prefer_classes(
    senses: dict[str, list[str]],
    nouns: dict[str, Noun],
    classes: Iterable[str],
    translations: Collection[str],
) -> dict[str, list[str]]:
    """Return one sense of each noun: of ImageNet's classes, else a translated or frequent one."""
    seen = {above for synset in classes for above in ancestors(nouns, synset)}
    return {
        word: sorted(synsets, key=lambda each: (each not in seen, each not in translations))[:1]
        for word, synsets in senses.items()
    }


def make_groups(
    nouns: dict[str, Noun],
    senses: dict[str, list[str]],
    translations: dict[str, list[str]],
    tags: Iterable[str],
) -> dict[str, Group]:
    """Return the groups worth keeping by synset: those of tags, and translated words."""
    words: dict[str, list[str]] = defaultdict(list)
    for word, synsets in senses.items():
        for synset in synsets:
            words[synset].append(word)
    of_tags = {synset for tag in tags for synset in senses.get(tag, ())}
    kept = of_tags | {synset for synset in words if synset in translations}
    groups = {}
    for synset in sorted(kept):
        groups[synset] = Group([], list(nouns[synset].kinds))
        groups[synset].add(_ordered(nouns[synset].words, words[synset]))
        groups[synset].add(translations.get(synset, ()))
    return groups


def _ordered(names: Iterable[str], kept: list[str]) -> Iterator[str]:
    """Yield WordNet's words for a synset in its order, without those that mean something else."""
    for name in names:
        if name.lower() in kept:
            yield name


def add_own(
    groups: dict[str, Group], senses: dict[str, list[str]], tags: dict[str, str]
) -> list[str]:
    """Add what ``lexicon_additions.tsv`` says, and return its mistakes."""
    rows = [row.split("\t") for row in ADDITIONS.read_text("utf-8").splitlines()]
    below: list[tuple[str, str]] = []
    for name, *others in rows:
        if name and not name.startswith("#"):
            key = _key(groups, senses, name)
            if key not in groups:
                groups[key] = Group([normalize(name)])
                below.append((key, tags.get(name, "")))
            translated, broader = (*others, "", "")[:2]
            groups[key].add(translated.split("|"))
            below += [(key, each.strip()) for each in broader.split("|")]
    known = [(key, name, _key(groups, senses, name)) for key, name in below if name]
    for key, _, above in known:
        groups[key].broader.append(above)
    return [f"{key}: {name} is no group" for key, name, above in known if above not in groups]


def _key(groups: dict[str, Group], senses: dict[str, list[str]], name: str) -> str:
    """Return the group of a name."""
    return next((each for each in senses.get(name.lower(), ()) if each in groups), name)


def rows(groups: dict[str, Group], nouns: dict[str, Noun]) -> Iterator[str]:
    """Yield the lines of the output."""
    order = {key: number for number, key in enumerate(sorted(groups))}
    for key, number in order.items():
        group = groups[key]
        above = {order[each] for broader in group.broader for each in _kept(broader, groups, nouns)}
        yield f"{','.join(map(str, sorted(above - {number})))}\t{'|'.join(group.words)}\n"


def _kept(key: str, groups: dict[str, Group], nouns: dict[str, Noun]) -> Iterator[str]:
    """Yield a broader group, or in place of one that is left out those that are broader still."""
    if key in groups:
        if not _TOO_BROAD & set(groups[key].words):
            yield key
        return
    for broader in nouns[key].kinds if key in nouns else ():
        yield from _kept(broader, groups, nouns)


def main() -> int:
    """Write the groups, or print what the additions lack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("omw_data", type=Path)
    parser.add_argument("--wordnet", type=Path, default=WORDNET)
    asked = parser.parse_args()
    nouns, senses = read_wordnet(asked.wordnet / "data.noun"), read_senses(asked.wordnet)
    classes = [row.split("\t")[0] for row in OUTPUT.read_text("utf-8").splitlines()]
    translations, tags = read_translations(asked.omw_data), read_tags()
    senses = prefer_classes(senses, nouns, classes, translations.keys())
    groups = make_groups(nouns, senses, translations, tags)
    mistakes = add_own(groups, senses, tags)
    WORDS.write_text("".join(rows(groups, nouns)), "utf-8")
    known = {word for group in groups.values() for word in group.words}
    mistakes += [f"{tag}: is no word" for tag in tags if normalize(tag) not in known]
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
