"""Fetching the clip on a web page; yt-dlp finds out which file the page plays.

yt-dlp runs in a sandboxed child, like everything that reads untrusted bytes, and opens no
connection. The child asks the parent for every request, and the parent sends it under the same
guard as any link.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.domain.links import is_page
from bot.errors import AddressNotPublic, ClipError, Damaged, TooSlow, Unreachable
from bot.media.fetch.download import Fetched, Fetcher, Request

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from bot.domain.progress import ProgressListener
    from bot.media.fetch.own_networks import OwnNetworks
    from bot.media.sandbox.pool import Sandbox

MODULE = "bot.media.fetch.sites_child"
TASK = f"{MODULE}:find"
SECONDS = 60.0
"""For a page and all requests that it takes to find its clip."""
MAX_REQUESTS = 40
MAX_BYTES = 8_000_000
"""Of one response; scripts of players have two or three megabytes."""
MAX_TOTAL_BYTES = 40_000_000
_METHODS = {"GET", "HEAD", "POST"}
_MAX_BODY = 100_000
# Headers that we set, whatever the page wants.
_RESERVED_HEADERS = {"accept-encoding", "connection", "content-length", "host", "transfer-encoding"}


class SiteFetcher(Fetcher):
    """Downloads links, including links to pages of the given ``sites``."""

    def __init__(
        self,
        allowed: Iterable[tuple[str, int]],
        *,
        sites: Collection[str],
        sandbox: Sandbox,
        longest: int,
        own: OwnNetworks | None = None,
    ) -> None:
        """Take a sandbox of its own, as children here mostly wait for the network.

        ``longest`` is the length limit of a clip in milliseconds.
        """
        super().__init__(allowed, own=own)
        self._sites = sites
        self._sandbox = sandbox
        self._longest = longest

    async def fetch(
        self, link: str, into: Path, limit: int, progress: ProgressListener, owner: str = ""
    ) -> Fetched:
        """Download a link, or the clip that a page plays; raises as ``Fetcher.fetch`` does.

        A page's clip does not count as public: many sites give it only to the one who asked.
        """
        if not is_page(link, self._sites):
            return await super().fetch(link, into, limit, progress, owner)
        async with self.slot(link, owner):
            request = await self._find_clip(link, limit, owner)
            return replace(await self.fetch_request(request, into, limit, progress), public=False)

    async def _find_clip(self, link: str, limit: int, owner: str) -> Request:
        """Return the request that gets the clip on a page."""
        requests = _PageRequests(self)
        request = {"link": link, "longest": self._longest, "largest": limit}
        try:
            found = await self._sandbox.run(
                TASK,
                request,
                seconds=SECONDS,
                on_question=requests.answer,
                stage="download",
                owner=owner,
            )
        except Unreachable as error:
            # Why a request was refused says more than that yt-dlp failed without it.
            raise requests.refused or error from error
        return _clip_request(found)


@dataclass(slots=True)
class _PageRequests:
    """Sends the requests that one page needs; ``refused`` is the error that explains a failure."""

    fetcher: Fetcher
    refused: ClipError | None = None
    count: int = 0
    bytes_left: int = MAX_TOTAL_BYTES

    async def answer(self, value: Any, folder: Path) -> dict[str, Any]:
        """Send a request for the child and save the response in ``folder``.

        A child taken over by an attacker may ask for anything.
        """
        self.count += 1
        into = folder / f"response-{self.count}"
        try:
            if self.count > MAX_REQUESTS:
                raise Unreachable(detail=f"the page needs more than {MAX_REQUESTS} requests")
            limit = min(MAX_BYTES, self.bytes_left)
            response = await self.fetcher.save_response(_request(value), into, limit)
        except ClipError as error:
            if isinstance(error, AddressNotPublic | TooSlow):
                self.refused = error
            return {"error": f"{error.code}: {error.detail}"}
        self.bytes_left -= into.stat().st_size
        return {
            "link": response.link,
            "status": response.status,
            "headers": response.headers,
            "path": str(into),
        }


def _request(value: Any) -> Request:
    try:
        body = value["body"]
        request = Request(
            str(value["link"]),
            str(value["method"]),
            _headers(value["headers"]),
            None if body is None else str(body).encode("latin-1"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Damaged(detail=f"the child sent an invalid request: {error!r}") from error
    if request.method not in _METHODS or len(request.body or b"") > _MAX_BODY:
        raise Unreachable(
            detail=f"request not allowed: {request.method} with {len(request.body or b'')} bytes"
        )
    return request


def _headers(wanted: dict[str, Any]) -> dict[str, str]:
    return {str(n): str(value) for n, value in wanted.items() if n.lower() not in _RESERVED_HEADERS}


def _clip_request(found: Any) -> Request:
    try:
        return Request(str(found["link"]), headers=_headers(found["headers"]))
    except (AttributeError, KeyError, TypeError) as error:
        raise Damaged(detail=f"the child sent an invalid answer: {error!r}") from error
