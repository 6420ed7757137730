"""Numbers, written as each language writes them."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
# Between thousands, before decimals, and how many digits a number has before it is divided.
_STYLES: Mapping[str, tuple[str, str, int]] = MappingProxyType(
    {
        "en": (",", ".", 4),
        "de": (".", ",", 4),
        "fr": (_NARROW_SPACE, ",", 4),
        "es": (_NARROW_SPACE, ",", 5),  # the Real Academia's rule
    }
)
_PLAIN = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)


def write_number(value: float, language: str) -> str:
    """Write a number with at most six decimals: ``1,234.5`` in English, ``1.234,5`` in German."""
    thousands, decimal, divided_from = _STYLES[language]
    english = f"{value:,}" if isinstance(value, int) else f"{value:,.6f}".rstrip("0").rstrip(".")
    whole, _, decimals = english.partition(".")
    digits = sum(map(str.isdigit, whole))
    whole = whole.replace(",", thousands if digits >= divided_from else "")
    return f"{whole}{decimal}{decimals}" if decimals else whole


def write_money(amount: float, currency: str, language: str) -> str:
    """Write an amount with two decimals, at least 0.01, and its currency: ``3.60 EUR``."""
    thousands, decimal, divided_from = _STYLES[language]
    whole, _, cents = f"{max(amount, 0.01):,.2f}".partition(".")
    digits = sum(map(str.isdigit, whole))
    written = whole.replace(",", thousands if digits >= divided_from else "")
    return f"{written}{decimal}{cents} {currency}".rstrip()


def read_number(text: str) -> float | None:
    """Return the number that a text is, such as ``12`` or ``1234.5``; None if it is none."""
    if not _PLAIN.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)
