"""Clips on pages: which file a page shows is found out by yt-dlp, which opens no connection itself.

yt-dlp runs in a sandboxed child, as everything that reads strangers' bytes; what it wants to know
of the network it asks us, and we ask the network under the same guard as for any link.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.domain.links import is_page
from bot.errors import AddressNotPublic, ClipError, Damaged, TooSlow, Unreachable
from bot.media.fetch.download import Fetched, Fetcher, Question
from bot.media.scratch_dir import scratch_dir

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from bot.domain.progress import ProgressListener
    from bot.media.sandbox.pool import Sandbox

TASK = "bot.media.fetch.sites_child:find"
SECONDS = 60.0
"""For a page and everything it takes to understand it."""
MAX_QUESTIONS = 40
MAX_BYTES = 8_000_000
"""Of one answer: players' scripts have two or three megabytes."""
MAX_BYTES_IN_ALL = 40_000_000
_METHODS = {"GET", "HEAD", "POST"}
_MAX_BODY = 100_000
# Ours to say, not the page's.
_OURS = {"accept-encoding", "connection", "content-length", "host", "transfer-encoding"}


class SiteFetcher(Fetcher):
    """Downloads links, also those to pages of the named ``sites``."""

    def __init__(
        self,
        allowed: Iterable[tuple[str, int]],
        *,
        sites: Collection[str],
        sandbox: Sandbox,
        folder: Path,
        longest: int,
    ) -> None:
        """Take a sandbox of its own: children here wait for the network most of the time.

        ``longest`` is what a clip may last, in milliseconds.
        """
        super().__init__(allowed)
        self._sites = sites
        self._sandbox = sandbox
        self._folder = folder
        self._longest = longest

    async def fetch(self, link: str, into: Path, limit: int, progress: ProgressListener) -> Fetched:
        """Write what a link answers, or the clip a page shows, into a file; raises as ever.

        What a page leads to is not public: many sites give it to nobody but who asked.
        """
        if not is_page(link, self._sites):
            return await super().fetch(link, into, limit, progress)
        found = await self._find(link, limit)
        return replace(await self.fetch_as(found, into, limit, progress), public=False)

    async def _find(self, link: str, limit: int) -> Question:
        """Have the page understood; return what to ask for to get its clip."""
        async with scratch_dir(self._folder) as folder:
            correspondence = _Correspondence(self, folder)
            request = {"link": link, "longest": self._longest, "largest": limit}
            try:
                found = await self._sandbox.run(
                    TASK,
                    request,
                    seconds=SECONDS,
                    on_question=correspondence.answer,
                    stage="download",
                )
            except Unreachable as error:
                # What was refused says more than that yt-dlp could do nothing without it.
                raise correspondence.refused or error from error
        return _read(found)


@dataclass(slots=True)
class _Correspondence:
    """What one page asks for; ``refused`` is what explains best why it did not get all."""

    fetcher: Fetcher
    folder: Path
    refused: ClipError | None = None
    asked: int = 0
    bytes_left: int = MAX_BYTES_IN_ALL

    async def answer(self, value: Any) -> dict[str, Any]:
        """Answer a child's question; whoever took it over may ask anything."""
        self.asked += 1
        into = self.folder / str(self.asked)
        try:
            if self.asked > MAX_QUESTIONS:
                raise Unreachable(detail=f"a page that takes more than {MAX_QUESTIONS} requests")
            limit = min(MAX_BYTES, self.bytes_left)
            answered = await self.fetcher.ask(_question(value), into, limit)
        except ClipError as error:
            if isinstance(error, AddressNotPublic | TooSlow):
                self.refused = error
            return {"error": f"{error.code}: {error.detail}"}
        self.bytes_left -= into.stat().st_size
        return {
            "link": answered.link,
            "status": answered.status,
            "headers": answered.headers,
            "path": str(into),
        }


def _question(value: Any) -> Question:
    try:
        body = value["body"]
        asked = Question(
            str(value["link"]),
            str(value["method"]),
            _headers(value["headers"]),
            None if body is None else str(body).encode("latin-1"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Damaged(detail=f"the child asked nonsense: {error!r}") from error
    if asked.method not in _METHODS or len(asked.body or b"") > _MAX_BODY:
        raise Unreachable(detail=f"a page wanted to {asked.method} {len(asked.body or b'')} bytes")
    return asked


def _headers(told: dict[str, Any]) -> dict[str, str]:
    return {str(n): str(value) for n, value in told.items() if n.lower() not in _OURS}


def _read(found: Any) -> Question:
    try:
        return Question(str(found["link"]), headers=_headers(found["headers"]))
    except (AttributeError, KeyError, TypeError) as error:
        raise Damaged(detail=f"the child found nonsense: {error!r}") from error
