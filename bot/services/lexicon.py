"""The lexicon of synonyms, kinds and translations that ``scripts/make_lexicon.py`` made."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bot.domain.lexicon import Lexicon

_WORDS = Path(__file__).parent / "data" / "words.tsv"


@cache
def load_lexicon() -> Lexicon:
    """Return the lexicon. Reading it takes a moment, so call it in a thread at first."""
    with _WORDS.open(encoding="utf-8") as lines:
        return Lexicon(lines)
