"""Numbers are written with each language's separators, wherever they come from."""

from __future__ import annotations

import pytest

from bot.errors import BudgetExhausted, TooLong
from bot.i18n import Sentence, Translator


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", ["999", "1,234", "12,345", "1,234,567", "0.4", "11.7", "1,234.000001", "10"]),
        ("de", ["999", "1.234", "12.345", "1.234.567", "0,4", "11,7", "1.234,000001", "10"]),
        ("fr", ["999", "1 234", "12 345", "1 234 567", "0,4", "11,7", "1 234,000001", "10"]),
        ("es", ["999", "1234", "12 345", "1 234 567", "0,4", "11,7", "1234,000001", "10"]),
    ],
)
def test_a_number_has_the_separators_of_its_language(language: str, written: list[str]) -> None:
    numbers = [999, 1234, 12_345, 1_234_567, 0.4, 11.7, 1234.000001, 10.0]
    translate = Translator(language)
    expected = [text.replace(" ", "\N{NARROW NO-BREAK SPACE}") for text in written]
    assert [translate.number(number) for number in numbers] == expected


def test_numbers_in_sentences_and_errors_are_localized() -> None:
    german = Translator("de")
    billed = Sentence("Frames billed for this server this month: {used}.")
    assert german(billed, used=1234).endswith(": 1.234.")
    assert german("Page {number} of {count}", number=1000, count=2345) == "Seite 1.000 von 2.345"
    assert german("**{tag}** in {count} clips", tag="1.5", count=2) == "**1.5** in 2 Clips"
    too_long = TooLong.of(702_000, 600_000).localized(german)
    assert too_long == "Dieser Clip ist zu lang: 11,7 min. Das Limit liegt bei 10 min."
    assert " 1.234. " in BudgetExhausted.of(1234).localized(german)


def test_money_has_two_decimals_and_its_currency() -> None:
    written = [Translator(each).money(1234.5, "EUR") for each in ("en", "de", "fr", "es")]
    assert written == ["1,234.50 EUR", "1.234,50 EUR", "1\u202f234,50 EUR", "1234,50 EUR"]
    assert Translator().money(0.0004, "") == "0.01"
