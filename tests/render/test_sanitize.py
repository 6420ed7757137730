from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render.sanitize import clean, for_discord

HOSTILE = [
    "@everyone",
    "<@123>",
    "<#123>",
    "</tags:123>",
    "<t:0:R>",
    "[click](https://evil.example)",
    "https://evil.example",
    "discord.gg/abc",
    "**bold** __u__ ~~s~~ `code` ||spoiler||",
    "# heading",
    "> quote",
    ":skull:",
    "\\<@123>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_all_discord_formatting_is_escaped(text: str) -> None:
    unescaped = re.sub(r"\\.", "", for_discord(text))
    assert not re.search(r"[*_~`|<>@#\[\]()/:\\]", unescaped)


@pytest.mark.parametrize("text", HOSTILE)
def test_discord_shows_escaped_text_unchanged(text: str) -> None:
    assert re.sub(r"\\(.)", r"\1", for_discord(text)) == text


def test_ordinary_names_are_unchanged() -> None:
    for name in ("sloth.gif", "golden retriever", "t-shirt", "Café 3", "猫", "قط"):
        assert for_discord(name) == name


def test_invisible_and_bidirectional_characters_are_removed() -> None:
    assert clean("a\u202egpj.exe\u0000\u2066b\x1b[31m") == "agpj.exeb[31m"
    assert clean(" two\n\tlines ") == "two lines"


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * 100, 10) == "x" * 9 + "…"


@given(st.text(), st.integers(2, 50))
def test_any_text_becomes_one_visible_bounded_line(text: str, limit: int) -> None:
    line = clean(text, limit)
    assert len(line) <= limit
    allowed = {"\u200c", "\u200d"}
    assert not [c for c in line if unicodedata.category(c).startswith("C") and c not in allowed]
