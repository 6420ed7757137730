"""Making untrusted text safe to show: file names, tags and links from strangers or models."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Discord shows the character after a backslash literally, so it starts no markdown, mention or
# link: https://support.discord.com/hc/en-us/articles/210298617 ("escape"). ``.``, ``-``, ``'`` and
# ``,`` start nothing inside a line and need no backslash.
_DISCORD_SYNTAX = re.compile(r"([\\*_~`|>\[\]()#:<@&/!+=])")
# Joiners that Persian, Indic scripts and emoji need; all other invisible characters are dropped.
_JOINERS = "\u200c\u200d"
_MAX_COMBINING_MARKS = 4
MAX_SENTENCE = 300
"""The most characters of a sentence that a model wrote."""
_NOT_ASCII_TEXT = re.compile(r"[^ -~]")


def _python_escape(character: str) -> str:
    return ascii(character)[1:-1]


def clean(text: str, limit: int = 80) -> str:
    """Return ``text`` on one line, visible and at most ``limit`` characters long.

    Control, bidirectional and other invisible characters are dropped, runs of white space become
    one space, and stacked combining marks are limited.
    """
    bounded = unicodedata.normalize("NFC", text[: limit * 8])
    line = " ".join("".join(_visible(bounded)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def escape_invisible(text: str, escape: Callable[[str], str] = _python_escape) -> str:
    """Return ``text`` with every control, bidirectional or other invisible character escaped.

    The result is safe to print on a terminal and, unlike that of ``clean``, has lost nothing. The
    bytes of a file name that are not UTF-8 are escaped too: Python reads them as lone surrogates.
    """
    return _NOT_ASCII_TEXT.sub(
        lambda found: found[0] if found[0].isprintable() else escape(found[0]), text
    )


def for_discord(text: str, limit: int = 80) -> str:
    """Return ``clean(text)`` so that Discord shows it as plain words.

    It cannot mention anybody, format text, or link to anything: no channel, role, command, time or
    invite.
    """
    return _DISCORD_SYNTAX.sub(r"\\\1", clean(text, limit))


def _visible(text: str) -> list[str]:
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        visible = character in _JOINERS or not category.startswith("C")
        if character.isspace():
            kept.append(" ")
        elif visible and marks <= _MAX_COMBINING_MARKS:
            kept.append(character)
    return kept
