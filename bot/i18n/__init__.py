"""What people read, in their language.

The English sentence is the key: ``say("Nothing above {above}.", above="0.5")``. A catalog,
``de.json`` beside this file, maps English sentences to another language's; a sentence it lacks is
said in English. A sentence that is said elsewhere than where it is written is marked as one there:
``Sentence("Nothing above {above}.")``.
"""

from __future__ import annotations

import json
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
)
"""The languages there are, by their ISO 639-1 code, each under its own name."""

Sentence = NewType("Sentence", str)
"""A sentence in English, the key of the catalogs, before it is said."""


class Translator:
    """Says sentences in one language; one that is not known is taken for English."""

    def __init__(self, language: str = "en") -> None:
        self.language = language if language in LANGUAGES else "en"

    def __call__(self, sentence: str, /, **facts: object) -> str:
        """Return the sentence, an English template, with its ``facts`` filled in.

        Without any it may be any text; one that no catalog knows comes back as it is.
        """
        said = _catalog(self.language).get(sentence, sentence)
        return said.format(**facts) if facts else said


ENGLISH = Translator("en")


def supported_language(locale: str) -> str | None:
    """Return the language of a locale such as ``es-419``, if it is one of ours."""
    language = locale.partition("-")[0]
    return language if language in LANGUAGES else None


@lru_cache
def _catalog(language: str) -> Mapping[str, str]:
    if language == "en":
        return {}
    from importlib import resources  # noqa: PLC0415 - children that speak English need it not

    file = resources.files("bot.i18n").joinpath(f"{language}.json")
    sentences: dict[str, str] = json.loads(file.read_text("utf-8"))
    return sentences
