"""Private messages about new clips that match what a person is looking for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.query import MatchKind
from bot.render import formatting, sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.query_match import Found
    from bot.i18n import Translator

_MAX_QUERY = 40
_MAX_WORDS = 30
_MAX_REASONS = 3
_LINE_LIMIT = 220


def query_name(text: str) -> str:
    """Return a query as it is shown, escaped."""
    return sanitize.for_discord(text, _MAX_QUERY)


def alert_line(
    translate: Translator, query: str, reasons: Sequence[Found], link: str, channel_id: int
) -> str:
    """Write the line about a message: the query, why a clip in it matches, and where it is."""
    shown = [_reason(translate, each) for each in reasons[:_MAX_REASONS]]
    parts = [f"**{query_name(query)}**", *shown, f"<#{channel_id}>"]
    return f"{' · '.join(parts)}\n{link}"


def private_message(translate: Translator, server: str, lines: Sequence[str]) -> str:
    """Write the message: a heading with the server's name, then the lines."""
    name = sanitize.for_discord(server, _MAX_QUERY)
    if len(lines) == 1:
        heading = translate("A new clip in **{server}** matches your alert:", server=name)
    else:
        heading = translate(
            "{count} new posts in **{server}** match your alerts:", count=len(lines), server=name
        )
    return "\n".join([heading, *lines])


def _reason(translate: Translator, found: Found) -> str:
    words = sanitize.for_discord(found.words, _MAX_WORDS)
    if found.kind not in {MatchKind.TAG, MatchKind.SYNONYM}:
        words = translate('"{text}"', text=words)
    score = f" {formatting.score(found.score)}" if found.score is not None else ""
    time = f"`{formatting.clock(found.start)}` " if found.start is not None else ""
    return f"{time}{words}{score}"
