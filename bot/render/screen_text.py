"""Text that was read on the screen, as people are shown it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.i18n import ENGLISH
from bot.render import formatting, sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.domain.text_lines import TextLine
    from bot.i18n import Translator

_MAX_RANGES = 3  # in a reply; the exports have all of them
_MAX_LENGTH = 80  # characters of one range in a reply
_TOGETHER = 1  # seconds by which lines that stand together may differ
_MAX_WEIGHT = 40  # letters: a longer text is not more important


@dataclass(frozen=True, slots=True)
class TextRange:
    """Lines that stand on the screen together: ``start`` to ``end`` in seconds (exclusive)."""

    start: int
    end: int
    text: str


def text_ranges(lines: Iterable[TextLine]) -> list[TextRange]:
    """Return lines, given in order of time, as ranges; lines of one range follow each other."""
    found: list[TextRange] = []
    for line in lines:
        last = found[-1] if found else None
        if last and max(abs(last.start - line.start), abs(last.end - line.end)) <= _TOGETHER:
            end = max(last.end, line.end)
            found[-1] = TextRange(last.start, end, f"{last.text} · {line.text}")
        else:
            found.append(TextRange(line.start, line.end, line.text))
    return found


def most_important(lines: Iterable[TextLine], count: int) -> list[TextRange]:
    """Return the longest ranges of the text that stay longest, at most ``count``."""
    return sorted(text_ranges(lines), key=_weight, reverse=True)[:count]


def quoted(text: str, escape: Callable[[str], str], translate: Translator = ENGLISH) -> str:
    """Return a stranger's text in quotation marks, escaped for where it is shown."""
    return translate('"{text}"', text=escape(text))


def reply_lines(lines: Sequence[TextLine], translate: Translator) -> list[str]:
    """Return a small line for each of the most important ranges, and how many more there are."""
    ranges = text_ranges(lines)
    important = most_important(lines, _MAX_RANGES)
    shown = [
        f"-# `{formatting.span(each.start, each.end)}` {quoted(each.text, _short, translate)}"
        for each in ranges
        if each in important
    ]
    hidden = len(ranges) - len(shown)
    if hidden > 0:
        shown[-1] += f" · +{hidden}"
    return shown


def plain_lines(lines: Sequence[TextLine], translate: Translator) -> list[str]:
    """Return a line for each range, without markup and not shortened."""
    return [
        f"{formatting.span(each.start, each.end)}  {quoted(each.text, whole, translate)}"
        for each in text_ranges(lines)
    ]


def whole(text: str) -> str:
    """Return the text of a range on one line, visible, and as long as it is."""
    return sanitize.clean(text, limit=max(1, len(text)))


def _weight(text: TextRange) -> int:
    return (text.end - text.start) * min(_MAX_WEIGHT, len(text.text))


def _short(text: str) -> str:
    return sanitize.for_discord(text, _MAX_LENGTH)
