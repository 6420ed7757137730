"""What people read, in their language.

The English sentence is the key: ``say("Nothing above {above}.", above="0.5")``. A catalog,
``de.json`` beside this file, maps English sentences to another language's; a sentence it lacks is
said in English.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
)
"""The languages there are, by their ISO 639-1 code, each under its own name."""


class Speech:
    """Says sentences in one language; one that is not known is taken for English."""

    def __init__(self, language: str = "en") -> None:
        self.language = language if language in LANGUAGES else "en"
        self._catalog = _catalog(self.language)

    def __call__(self, sentence: str, /, **facts: object) -> str:
        """Return the sentence, an English template, with its ``facts`` filled in."""
        return self._catalog.get(sentence, sentence).format(**facts)


@lru_cache
def _catalog(language: str) -> Mapping[str, str]:
    if language == "en":
        return {}
    file = resources.files("bot.languages").joinpath(f"{language}.json")
    sentences: dict[str, str] = json.loads(file.read_text("utf-8"))
    return sentences


ENGLISH = Speech("en")
