"""``framehound find``: posted clips by what they show, for the operator, in every channel."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.cli.terminal import Terminal
from bot.domain.search import SearchQuery
from bot.errors import ConfigError
from bot.render import formatting, sanitize
from bot.render.search_results import format_ranges
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from bot.config import Config
    from bot.domain.search import SearchResult


@dataclass(frozen=True, slots=True)
class FindOptions:
    """What narrows a search down, and how finds are told; days are written ``2026-11-24``."""

    server: int | None = None
    channel: int | None = None
    author: int | None = None
    since: str | None = None
    until: str | None = None
    min_score: float | None = None
    as_json: bool = False


async def find(config: Config, tag: str, options: FindOptions) -> int:
    """Print what is found, newest first; return the exit code.

    Raises ``ConfigError`` where a day can't be read.
    """
    since = _day(options.since, "--since")
    until = _day(options.until, "--until")
    terminal = Terminal()
    async with wiring.opened(config) as app:
        concept = await app.clip_search.concept(tag)
        search = SearchQuery(
            concept.number if concept else 0,
            guild_id=options.server,
            channel_id=options.channel,
            author_id=options.author,
            since=since,
            until=until and until + timedelta(days=1),
            min_score=options.min_score,
        )
        async for found in app.clip_search.everything(search, concept.name if concept else tag):
            terminal.print_line(_json(found) if options.as_json else _line(found))
    return 0


def _day(written: str | None, option: str) -> datetime | None:
    if written is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(written), datetime.min.time(), UTC)
    except ValueError:
        raise ConfigError([f"{option}: a day is written like 2026-11-24"]) from None


def _line(found: SearchResult) -> str:
    hit = found.hit
    parts = [
        f"{hit.posted_at:%Y-%m-%d %H:%M}",
        format_ranges(found.segments),
        f"{sanitize.clean(found.tag)} {formatting.score(hit.score)}",
    ]
    if hit.clips and hit.clips > 1:
        parts.append(f"clip {hit.position} of {hit.clips}")
    return "  ".join([*parts, hit.link])


def _json(found: SearchResult) -> str:
    """Write a find as one line of JSON; ids are text, as they are too large for many a reader."""
    hit = found.hit
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
        "tag": found.tag,
        "score": hit.score,
        "threshold": hit.threshold,
        "segments": [
            {"start": segment.start, "end": segment.end, "score": segment.score}
            for segment in found.segments
        ],
    }
    return json.dumps(value, ensure_ascii=False)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
