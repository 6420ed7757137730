"""The one door for text that strangers or models chose: file names, tags, links."""

from __future__ import annotations

import re
import unicodedata

# Discord shows the character after a backslash as it is, whatever markdown, mention or link it
# would have begun: https://support.discord.com/hc/en-us/articles/210298617 ("escape").
# ``.``, ``-``, ``'`` and ``,`` begin nothing inside a line and stay readable.
_DISCORD_SYNTAX = re.compile(r"([\\*_~`|>\[\]()#:<@&/!+=])")
# Joiners that Persian, Indic scripts and emoji need; every other invisible character goes.
_JOINERS = "\u200c\u200d"
_MAX_MARKS_IN_A_ROW = 4


def clean(text: str, limit: int = 80) -> str:
    """Return ``text`` on one line, visible and at most ``limit`` characters long.

    Control, bidirectional and other invisible characters are dropped, runs of white space become
    one space, and piles of combining marks are cut down.
    """
    bounded = unicodedata.normalize("NFC", text[: limit * 8])
    line = " ".join("".join(_visible(bounded)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def for_discord(text: str, limit: int = 80) -> str:
    """Return ``clean(text)`` so that Discord shows it as plain words.

    It mentions nobody, formats nothing, links nowhere and refers to no channel, role, command,
    time or invite.
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
        elif visible and marks <= _MAX_MARKS_IN_A_ROW:
            kept.append(character)
    return kept
