"""One HTTP call to a tagging service: bounded in time and size, and never redirected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from bot.taggers.failures import CallFailed, Kind
from bot.taggers.retry import read_retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response; ``retry_after`` in seconds."""

    status: int
    content: bytes
    retry_after: float | None


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    data: Any,
    headers: Mapping[str, str],
    seconds: float,
    max_bytes: int,
) -> HttpResponse:
    """Send a request and return the response, whatever its status.

    A redirection is a response too, as another host must not get the token. Raises ``CallFailed``
    if there is no response within ``seconds``, or one of more than ``max_bytes``.
    """
    try:
        async with session.request(
            method,
            URL(url, encoded=True),
            data=data,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS),
        ) as response:
            wait = read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            return HttpResponse(response.status, await _read_bounded(response, max_bytes), wait)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CallFailed(Kind.SERVER, f"{type(error).__name__}: {error}") from error


async def _read_bounded(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > max_bytes:
            raise CallFailed(Kind.UNEXPECTED, f"the response has more than {max_bytes} bytes")
    return bytes(content)
