"""``framehound find``: searches the posted clips of all channels, for the operator."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.cli.terminal import Terminal
from bot.domain.query import Query, ResolvedQuery, parse
from bot.domain.search import MAX_SNOWFLAKE
from bot.errors import ConfigError, UnclearSearch
from bot.render import exports
from bot.render.search_results import plain_reasons
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.config import Config
    from bot.domain.search_results import SearchResult
    from bot.domain.timeline import Segment


@dataclass(frozen=True, slots=True)
class FindOptions:
    """Filters of a search, and its output format; days are written ``2026-11-24``."""

    server: int | None = None
    channel: int | None = None
    author: int | None = None
    since: str | None = None
    until: str | None = None
    min_score: float | None = None
    as_json: bool = False


async def find(config: Config, words: str, options: FindOptions) -> int:
    """Print the results, newest first; return the exit code.

    Raises ``ConfigError`` if a day or an ID can't be read.
    """
    query = _dated(parse(words), options)
    filters = ResolvedQuery(
        (),
        guild_id=options.server,
        channel_id=_number(query.channel, "in:") or options.channel,
        author_id=_number(query.author, "by:") or options.author,
        min_score=options.min_score,
    )
    if filters == ResolvedQuery(()) and query == Query():
        raise UnclearSearch
    terminal = Terminal()
    async with wiring.opened(config) as app:
        search = await app.services.search.prepare(query, filters)
        count = 0
        async for result in app.services.search.everything(search):
            terminal.print_line(_json(result) if options.as_json else _line(result))
            count += 1
    if not count:
        terminal.print_mistake("No clips found.")
    return 0


def _dated(query: Query, options: FindOptions) -> Query:
    """Return the query with the days of the options where it has none."""
    if query.unreadable:
        raise ConfigError(["after:, before: write dates as year-month-day, such as 2026-11-24"])
    since, until = _day(options.since, "--since"), _day(options.until, "--until")
    end = until and until + timedelta(days=1)
    return replace(query, since=query.since or since, until=query.until or end)


def _number(typed: str | None, operator: str) -> int | None:
    """Read an ID, or a mention of it."""
    if typed is None:
        return None
    found = re.fullmatch(r"<?[@#!]*(\d{1,19})>?", typed)
    if not found:
        raise ConfigError([f"{operator} give an ID here, such as 175928847299117063"])
    return min(int(found[1]), MAX_SNOWFLAKE)


def _day(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        raise ConfigError(
            [f"{option}: write dates as year-month-day, such as 2026-11-24"]
        ) from None


def _line(result: SearchResult) -> str:
    hit = result.hit
    when, why = plain_reasons(result)
    parts = [f"{hit.posted_at:%Y-%m-%d %H:%M}", when, why]
    if hit.clips and hit.clips > 1:
        parts.append(f"clip {hit.position} of {hit.clips}")
    return "  ".join(filter(None, [*parts, hit.link]))


def _json(result: SearchResult) -> str:
    """Format a result as one line of JSON; IDs are strings, as many parsers round large numbers.

    ``tag`` and what follows it are about the first match; ``matches`` has one for each word.
    """
    hit = result.hit
    first = next(iter(hit.matches), None)
    reason = next(iter(result.reasons), None)
    value: dict[str, Any] = {
        "link": hit.link,
        "server": _text(hit.guild_id),
        "channel": str(hit.channel_id),
        "message": str(hit.message_id),
        "author": _text(hit.author_id),
        "posted_at": hit.posted_at.isoformat(),
        "fingerprint": hit.fingerprint,
        "tagger": str(first.tagger) if first and first.tagger else None,
        "clip": hit.position,
        "clips": hit.clips,
        "tag": reason.name if reason and (reason.is_tag or reason.is_game) else None,
        "score": first.score if first and first.concept else None,
        "threshold": first.threshold if first and first.tagger else None,
        "segments": _segments(reason.segments) if reason else [],
        "matches": [
            {
                "kind": each.kind.name.lower(),
                "name": each.name,
                "segments": _segments(each.segments),
            }
            for each in result.reasons
        ],
        "together": [{"start": each.start, "end": each.end} for each in result.together],
    }
    return exports.to_json(value)


def _segments(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    return [{"start": each.start, "end": each.end, "score": each.score} for each in segments]


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
