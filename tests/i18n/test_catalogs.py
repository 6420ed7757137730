"""Every sentence that people read is translated into every language."""

from __future__ import annotations

import json
import re
from string import Formatter

import pytest

from bot.errors import PermissionMissing, TooLarge, TooSlow, UnsupportedFormat
from bot.i18n import ENGLISH, LANGUAGES, Translator, supported_language
from tests.i18n.sentences import ROOT, all_sentences

OTHERS = [language for language in LANGUAGES if language != "en"]


def catalog(language: str) -> dict[str, str]:
    text = (ROOT / "bot" / "i18n" / f"{language}.json").read_text("utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def facts(sentence: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(sentence) if name}


def commands(sentence: str) -> list[str]:
    return sorted(re.findall(r"`[^`]+`|/[a-z]+\b|\*\*\{|\*Tag this video\*", sentence))


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalog_has_every_sentence_and_no_other(language: str) -> None:
    sentences, known = all_sentences(), catalog(language)
    assert len(sentences) > 200
    missing = {sentence: files for sentence, files in sentences.items() if sentence not in known}
    assert not missing, missing
    assert not known.keys() - sentences.keys()


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_placeholders(language: str) -> None:
    for sentence, said in catalog(language).items():
        assert facts(said) == facts(sentence), sentence
        assert commands(said) == commands(sentence), sentence
        assert said.strip() == said
        assert said


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalog_is_sorted(language: str) -> None:
    known = catalog(language)
    assert list(known) == sorted(known)


def test_a_sentence_without_a_translation_stays_in_english() -> None:
    assert Translator("de")("{not} a sentence") == "{not} a sentence"
    assert Translator("de")("a {thing} nobody translated", thing="x") == "a x nobody translated"
    assert Translator("tlh").language == "en"


def test_discord_locales_map_to_languages() -> None:
    locales = ("de", "fr", "es-ES", "es-419", "en-GB", "pt-BR", "da")
    assert [supported_language(each) for each in locales] == [
        "de",
        "fr",
        "es",
        "es",
        "en",
        None,
        None,
    ]


def test_an_error_is_translated_with_its_values() -> None:
    german, french = Translator("de"), Translator("fr")
    assert TooLarge.of(10**7 + 1, 10**7, at_least=True).localized(french) == (
        "Ce clip est trop volumineux\u202f: au moins 10,000001 Mo. La limite est de 10 Mo."
    )
    assert TooSlow(stage="open").localized(german) == (
        "Das Öffnen dieses Clips hat zu lange gedauert, deshalb habe ich abgebrochen."
    )
    strange = UnsupportedFormat(format="{x}", formats="MP4, MOV, MKV, WebM, AVI, OGG, and GIF")
    assert (
        strange.localized(german)
        == "Ich kann {x} nicht lesen. Ich lese MP4, MOV, MKV, WebM, AVI, OGG und GIF."
    )
    missing = PermissionMissing.of(["View Channel", "Attach Files"])
    assert missing.localized(german).endswith(
        "Fehlende Berechtigungen: Kanal ansehen, Dateien anhängen."
    )
    assert missing.localized(ENGLISH) == str(missing)
