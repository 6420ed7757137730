"""The kind of a clip in words, for headings and for the sentence about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.kind import Kind
from bot.i18n import Sentence

if TYPE_CHECKING:
    from bot.i18n import Translator

# Most clips are filmed, so that is not told.
_NAMES = {
    Kind.GAME: Sentence("video game"),
    Kind.CARTOON: Sentence("cartoon"),
    Kind.SCREEN: Sentence("screen"),
    Kind.MEME: Sentence("meme"),
}
_WITH_LENGTH = {
    Kind.GAME: Sentence("A video game, {length}"),
    Kind.CARTOON: Sentence("A cartoon, {length}"),
    Kind.SCREEN: Sentence("A screen, {length}"),
    Kind.MEME: Sentence("A meme, {length}"),
}


def kind_name(kind: Kind | None, translate: Translator) -> str | None:
    """Return a kind's name, as in ``clip.mp4 · 16 s · video game``; None if it is not told."""
    return translate(_NAMES[kind]) if kind in _NAMES else None


def kind_and_length(kind: Kind | None, length: str, translate: Translator) -> str:
    """Return the kind and length of a clip: ``A cartoon, 16 s``."""
    return translate(_WITH_LENGTH[kind], length=length) if kind in _WITH_LENGTH else length
