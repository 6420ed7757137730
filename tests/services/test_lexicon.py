"""Other words for tags: synonyms, kinds, plurals and three more languages."""

from __future__ import annotations

import pytest

from bot.domain.lexicon import Lexicon
from bot.services.lexicon import load_lexicon
from bot.taggers.local.labels import model_names


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


@pytest.mark.parametrize(
    ("word", "tag"),
    [
        ("automobile", "car"), ("Katze", "cat"), ("Katzen", "cat"), ("chats", "cat"),
        ("gatos", "cat"), ("Klavier", "piano"), ("árboles", "tree"), ("Häuser", "house"),
        ("chevaux", "horse"), ("Handy", "cell phone"), ("feu rouge", "traffic light"),
        ("coche", "car"), ("Vögel", "bird"), ("peces", "fish"),
    ],
)  # fmt: skip
def test_synonyms_and_translations(lexicon: Lexicon, word: str, tag: str) -> None:
    assert tag in lexicon.synonyms(word)


@pytest.mark.parametrize(
    ("kind", "tag"), [("pet", "dog"), ("Haustier", "cat"), ("fruit", "banana")]
)
def test_kinds(lexicon: Lexicon, kind: str, tag: str) -> None:
    assert tag in lexicon.kinds(kind)


@pytest.mark.parametrize(("word", "tag"), [("kitty", "cat"), ("puppy", "dog"), ("Welpe", "dog")])
def test_narrower_words(lexicon: Lexicon, word: str, tag: str) -> None:
    assert tag in lexicon.broader(word)
    assert "animal" not in lexicon.broader(word)


def test_a_word_of_many_kinds_has_a_limit(lexicon: Lexicon) -> None:
    assert len(lexicon.kinds("organism")) == 400
    assert lexicon.kinds("unheard of") == lexicon.synonyms("unheard of") == []


def test_a_circle_of_kinds_ends() -> None:
    assert Lexicon(["1\ta|b", "0\tc"]).kinds("a") == ["c"]


def test_every_tag_has_a_name_in_other_languages(lexicon: Lexicon) -> None:
    tags = model_names(None)
    assert len(tags) > 1000
    assert [tag for tag in tags if not lexicon.knows(tag)] == []
