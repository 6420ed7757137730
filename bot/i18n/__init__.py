"""Translations of the sentences that people read.

The English sentence is the key: ``translate("Nothing scored above {above}.", above="0.5")``. A
catalog beside this file, such as ``de.json``, maps English sentences to those of another language.
A sentence that is translated elsewhere than where it is written is marked there:
``Sentence("Nothing scored above {above}.")``.
"""

from __future__ import annotations

import json
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NewType

from bot.i18n.numbers import read_number, write_money, write_number

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
)
"""The supported languages: their own names by ISO 639-1 code."""

Sentence = NewType("Sentence", str)
"""An English sentence, the key in the catalogs, that is translated later."""


class Translator:
    """Translates sentences into one language; an unknown language means English."""

    def __init__(self, language: str = "en") -> None:
        self.language = language if language in LANGUAGES else "en"

    def __call__(self, sentence: str, /, **facts: object) -> str:
        """Translate an English template, and fill in its ``facts``.

        Without facts it may be any text; a text that is not in the catalog is returned as it is.
        Numbers are written as in the language, whether they are a fact or the whole text.
        """
        template = _catalog(self.language).get(sentence, sentence)
        if facts:
            return template.format(**{name: self._written(fact) for name, fact in facts.items()})
        number = read_number(template)
        return template if number is None else self.number(number)

    def number(self, value: float) -> str:
        """Write a number with the separators of the language."""
        return write_number(value, self.language)

    def money(self, amount: float, currency: str) -> str:
        """Write an amount of money."""
        return write_money(amount, currency, self.language)

    def _written(self, fact: object) -> object:
        return self.number(fact) if isinstance(fact, int | float) else fact


ENGLISH = Translator("en")


def supported_language(locale: str) -> str | None:
    """Return the language of a locale such as ``es-419``, if there is a catalog for it."""
    language = locale.partition("-")[0]
    return language if language in LANGUAGES else None


@lru_cache
def _catalog(language: str) -> Mapping[str, str]:
    if language == "en":
        return {}
    from importlib import resources  # noqa: PLC0415 - child processes, which use English, do without it

    file = resources.files("bot.i18n").joinpath(f"{language}.json")
    sentences: dict[str, str] = json.loads(file.read_text("utf-8"))
    return sentences
