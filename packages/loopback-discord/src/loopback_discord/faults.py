"""Failures that a test can cause: in REST responses, and in downloads from the CDN."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class CannedResponse:
    """Send this response and do not execute the request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NoResponse:
    """Never respond and keep the connection open; ``perform`` executes the request anyway."""

    perform: bool = True


@dataclass(frozen=True)
class Disconnect:
    """Close the connection without a response; ``perform`` executes the request anyway."""

    perform: bool = True


Fault = CannedResponse | NoResponse | Disconnect


def rate_limited(retry_after: float = 0.05, *, is_global: bool = False) -> CannedResponse:
    """Return Discord's response to a request over the rate limit; ``retry_after`` in seconds."""
    body = {
        "message": "You are being rate limited.",
        "retry_after": retry_after,
        "global": is_global,
    }
    headers = {
        "Content-Type": "application/json",
        "Via": "1.1 google",
        "Retry-After": str(max(1, round(retry_after))),
        "X-RateLimit-Scope": "global" if is_global else "shared",
    }
    return CannedResponse(HTTPStatus.TOO_MANY_REQUESTS, json.dumps(body).encode(), headers)


def cloudflare_ban() -> CannedResponse:
    """Return Cloudflare's response to a banned address: 429 without JSON and without ``Via``."""
    headers = {"Content-Type": "text/plain", "Retry-After": "3600"}
    return CannedResponse(HTTPStatus.TOO_MANY_REQUESTS, b"error code: 1015", headers)


def server_error(status: int = HTTPStatus.INTERNAL_SERVER_ERROR) -> CannedResponse:
    return CannedResponse(status, b"upstream error", {"Content-Type": "text/plain"})


@dataclass
class _PlannedFault:
    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int


class Faults:
    """The faults planned for REST requests; of several that match, the first added is used."""

    def __init__(self) -> None:
        self._planned: list[_PlannedFault] = []

    def add(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        """Use ``fault`` for the next requests whose path after ``/api/v10`` matches a regex."""
        self._planned.append(_PlannedFault(method, re.compile(path), fault, times))

    def clear(self) -> None:
        self._planned.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for a request, if any, and count it as used."""
        for planned in self._planned:
            if planned.method == method and planned.path.fullmatch(path):
                planned.times -= 1
                if planned.times == 0:
                    self._planned.remove(planned)
                return planned.fault
        return None


@dataclass(frozen=True)
class RefuseDownload:
    """Respond with a status and no file."""

    status: int


@dataclass(frozen=True)
class StallDownload:
    """Send the first ``after`` bytes, then nothing, and keep the connection open."""

    after: int


@dataclass(frozen=True)
class TruncateDownload:
    """Announce the whole file, send its first ``after`` bytes and disconnect."""

    after: int


@dataclass(frozen=True)
class WrongContentLength:
    """Send the file with this Content-Length."""

    length: int


@dataclass(frozen=True)
class EndlessDownload:
    """Send a byte every ``interval`` seconds for ever, without a Content-Length."""

    interval: float = 0.01


DownloadFault = (
    RefuseDownload | StallDownload | TruncateDownload | WrongContentLength | EndlessDownload
)
