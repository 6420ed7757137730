"""yt-dlp, restricted: it reads pages, and the parent fetches them. Needs the extra ``sites``."""

from __future__ import annotations

import importlib
import io
import re
import urllib.request
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from yt_dlp import YoutubeDL
from yt_dlp.networking import RequestHandler, Response
from yt_dlp.networking.exceptions import HTTPError, TransportError

from bot.domain.links import EXTENSIONS
from bot.errors import TooLong, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[[dict[str, Any]], dict[str, Any]]
    Info = dict[str, Any]

MIN_SIDE = 360
"""Pixels: enough to see what is in a picture, and more than the models look at."""
_PROTOCOLS = {"http", "https"}
_EXTENSIONS = EXTENSIONS | {"unknown_video"}
# Names of yt-dlp's extractors for channels, profiles and other lists, which are not clips.
_LISTS = re.compile(r"(Tab|Channel|User|Profile|Playlist|Search|Tag|Category|Feed)(IE)?$")
_MAX_UNPACKED = 16_000_000  # bytes
_MAX_DETAIL_LENGTH = 300


@cache
def warm_up() -> None:
    """Import the modules of all sites and compile their patterns, which takes two seconds.

    yt-dlp does so as soon as it reads a page that is none of theirs.
    """
    importlib.import_module("yt_dlp.extractor._extractors")
    page = {"link": "http://page.invalid/", "largest": 0, "longest": 0}
    with suppress(Unreachable):
        find(page, lambda _question: {"error": "there is no such page"})


def find(request: Info, ask: Ask) -> Info:
    """Find the clip as ``sites_child.find`` describes; ``ask`` has the parent send a request."""
    with _Reader(request["largest"], ask) as reader:
        try:
            info = _first(reader.extract_info(request["link"], download=False))
        except Exception as error:  # an extractor may raise anything
            raise Unreachable(detail=str(error)[-_MAX_DETAIL_LENGTH:]) from error
        milliseconds = round((info.get("duration") or 0) * 1000)
        if milliseconds > request["longest"]:
            raise TooLong.of(milliseconds, request["longest"])
        return {"link": info["url"], "headers": reader.headers_for(info)}


def _first(info: Info | None) -> Info:
    """Return the first clip of a page; raises ``ValueError`` for a channel or a live stream."""
    if info and info.get("_type") == "playlist":
        if _LISTS.search(info.get("extractor_key") or ""):
            raise ValueError("the page is a list of clips, not one clip")
        info = next(iter(info["entries"]), None)
    if not info or info.get("is_live"):
        raise ValueError("the page has no clip, or a live one")
    return info


class _Reader(YoutubeDL):  # type: ignore[misc]  # yt-dlp ships no types
    """yt-dlp without downloads, caches, other programs or network; it can only ``ask``."""

    def __init__(self, largest: int, ask: Ask) -> None:
        self._ask = ask
        super().__init__(
            {
                "cachedir": False,
                "extractor_retries": 0,
                "format": lambda context: _chosen(context["formats"], largest),
                "js_runtimes": {},
                "logger": _NullLogger(),
                "noplaylist": True,
                "playlist_items": "1",
                "proxy": "",
                "quiet": True,
            }
        )

    def build_request_director(self, _handlers: object, _preferences: object = None) -> Any:
        """Use our request handler and no other."""
        ask = self._ask

        class AskingRH(_ParentHandler):
            def ask(self, question: Info) -> Info:
                return ask(question)

        return super().build_request_director([AskingRH], ())

    def headers_for(self, info: Info) -> dict[str, str]:
        """Return the headers to request a file with."""
        cookies = self.cookiejar.get_cookie_header(info["url"])
        headers = dict(info.get("http_headers") or {})
        return headers | ({"Cookie": cookies} if cookies else {})


class _ParentHandler(RequestHandler):  # type: ignore[misc]  # yt-dlp ships no types
    """Sends a request by asking the parent to."""

    _SUPPORTED_URL_SCHEMES = ("http", "https")
    _SUPPORTED_PROXY_SCHEMES = None
    _SUPPORTED_FEATURES = None

    def ask(self, question: Info) -> Info:
        """Ask the parent."""
        raise NotImplementedError

    def _check_extensions(self, extensions: Info) -> None:
        super()._check_extensions(extensions)
        for known in ("cookiejar", "timeout", "legacy_ssl", "keep_header_casing"):
            extensions.pop(known, None)

    def _send(self, request: Any) -> Response:
        jar = self._get_cookiejar(request)
        headers = self._get_headers(request)
        if cookies := jar.get_cookie_header(request.url):
            headers["Cookie"] = cookies
        body = bytes(request.data).decode("latin-1") if request.data else None
        answer = self.ask(
            {"link": request.url, "method": request.method, "headers": headers, "body": body}
        )
        if "error" in answer:
            raise TransportError(answer["error"])
        response = _response(answer)
        jar.extract_cookies(
            SimpleNamespace(info=lambda: response.headers),
            urllib.request.Request(response.url),  # noqa: S310 - opens nothing: the jar reads the host
        )
        if not 200 <= response.status < 300:  # noqa: PLR2004 - HTTP's own borders of success
            raise HTTPError(response)
        return response


def _response(answer: Info) -> Response:
    path = Path(answer["path"])
    body = path.read_bytes()
    headers = {name.lower(): value for name, value in answer["headers"]}
    encoding = headers.get("content-encoding", "")
    if encoding in {"gzip", "deflate"}:  # although we did not ask for compression
        body = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, _MAX_UNPACKED)
    response = Response(io.BytesIO(body), answer["link"], {}, status=answer["status"])
    for name, value in answer["headers"]:
        if name.lower() not in {"content-encoding", "content-length"}:
            response.headers.add_header(name, value)
    return response


def _chosen(formats: list[Info], largest: int) -> Iterator[Info]:
    """Give the smallest format that shows enough, if it is a single file over plain HTTP."""
    files = [found for found in formats if _is_file(found)]
    fitting = [found for found in files if _size(found) <= largest]
    if files:
        yield min(fitting or files, key=_cost)


def _is_file(found: Info) -> bool:
    return (
        found.get("protocol") in _PROTOCOLS
        and found.get("vcodec") != "none"
        and found.get("ext") in _EXTENSIONS
        and not found.get("fragments")
    )


def _cost(found: Info) -> tuple[int, int, float]:
    """Rank by the shorter side: large enough, smallest first; then unknown; then too small."""
    sides = [found[side] for side in ("width", "height") if found.get(side)]
    if not sides:
        return 1, 0, _size(found)
    side = min(sides)
    return (0, side, _size(found)) if side >= MIN_SIDE else (2, -side, _size(found))


def _size(found: Info) -> float:
    return found.get("filesize") or found.get("filesize_approx") or 0


class _NullLogger:
    """Drops yt-dlp's messages: everything that matters is raised."""

    def debug(self, _words: str) -> None: ...

    def warning(self, _words: str) -> None: ...

    def error(self, _words: str) -> None: ...
