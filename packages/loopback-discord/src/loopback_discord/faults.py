"""Answers gone wrong on purpose: a queue of them, each waiting for a request it fits."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Answer:
    """Answer this instead of doing what was asked."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Silence:
    """Never answer; ``perform`` does what was asked all the same."""

    perform: bool = True


@dataclass(frozen=True)
class HangUp:
    """Close the connection without an answer; ``perform`` does what was asked all the same."""

    perform: bool = True


Fault = Answer | Silence | HangUp


def rate_limited(retry_after: float = 0.05, *, is_global: bool = False) -> Answer:
    """A 429 of Discord's own: seconds to wait, in the body and in ``Retry-After``."""
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
    return Answer(HTTPStatus.TOO_MANY_REQUESTS, json.dumps(body).encode(), headers)


def banned() -> Answer:
    """A 429 of Cloudflare's, in front of Discord: no JSON, no ``Via``."""
    headers = {"Content-Type": "text/plain", "Retry-After": "3600"}
    return Answer(HTTPStatus.TOO_MANY_REQUESTS, b"error code: 1015", headers)


def server_error(status: int = HTTPStatus.INTERNAL_SERVER_ERROR) -> Answer:
    return Answer(status, b"upstream error", {"Content-Type": "text/plain"})


@dataclass
class _Waiting:
    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int


class Faults:
    """The queue; of several that fit a request, the one added first is taken."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    def add(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        """Spoil the next requests; ``path`` is a regular expression for all behind ``/v10``."""
        self._waiting.append(_Waiting(method, re.compile(path), fault, times))

    def clear(self) -> None:
        self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        for waiting in self._waiting:
            if waiting.method == method and waiting.path.fullmatch(path):
                waiting.times -= 1
                if waiting.times == 0:
                    self._waiting.remove(waiting)
                return waiting.fault
        return None
