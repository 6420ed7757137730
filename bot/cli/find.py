"""``framehound find``: searches the posted clips of all channels, for the operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.cli.terminal import Terminal
from bot.domain.search import SearchQuery
from bot.errors import ConfigError
from bot.render import exports, formatting, sanitize
from bot.render.search_results import format_ranges
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from bot.config import Config
    from bot.domain.search import SearchResult


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


async def find(config: Config, tag: str, options: FindOptions) -> int:
    """Print the results, newest first; return the exit code.

    Raises ``ConfigError`` if a day can't be parsed.
    """
    since = _day(options.since, "--since")
    until = _day(options.until, "--until")
    terminal = Terminal()
    async with wiring.opened(config) as app:
        concept = await app.services.search.concept(tag)
        query = SearchQuery(
            concept.number if concept else 0,
            guild_id=options.server,
            channel_id=options.channel,
            author_id=options.author,
            since=since,
            until=until and until + timedelta(days=1),
            min_score=options.min_score,
        )
        count = 0
        async for result in app.services.search.everything(query, concept.name if concept else tag):
            terminal.print_line(_json(result) if options.as_json else _line(result))
            count += 1
    if not count:
        terminal.print_mistake("No clips found.")
    return 0


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
    parts = [
        f"{hit.posted_at:%Y-%m-%d %H:%M}",
        format_ranges(result.segments),
        f"{sanitize.clean(result.tag)} {formatting.score(hit.score)}",
    ]
    if hit.clips and hit.clips > 1:
        parts.append(f"clip {hit.position} of {hit.clips}")
    return "  ".join([*parts, hit.link])


def _json(result: SearchResult) -> str:
    """Format a result as one line of JSON; IDs are strings, as many parsers round large numbers."""
    hit = result.hit
    value: dict[str, Any] = {
        "link": hit.link,
        "server": _text(hit.guild_id),
        "channel": str(hit.channel_id),
        "message": str(hit.message_id),
        "author": _text(hit.author_id),
        "posted_at": hit.posted_at.isoformat(),
        "fingerprint": hit.fingerprint,
        "tagger": str(hit.tagger),
        "clip": hit.position,
        "clips": hit.clips,
        "tag": result.tag,
        "score": hit.score,
        "threshold": hit.threshold,
        "segments": [
            {"start": segment.start, "end": segment.end, "score": segment.score}
            for segment in result.segments
        ],
    }
    return exports.to_json(value)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
