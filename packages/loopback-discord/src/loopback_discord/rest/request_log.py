"""The log of the bot's REST requests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader
from multidict import MultiDict

from loopback_discord.model.attachments import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web
    from multidict import MultiMapping

_DESCRIBED_REQUESTS = 8


@dataclass
class Request:
    """A request, and the status of its response; None while there is none.

    The repr leaves the headers out, because they contain the token.
    """

    method: str
    path: str
    query: MultiMapping[str]
    body: Any
    files: Mapping[int, Upload]
    headers: Mapping[str, str] = field(repr=False)
    status: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status or 'no response'}"


class RequestLog:
    """All requests, and those for which there is no route."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.unknown_routes: list[str] = []

    def matching(self, method: str, path_start: str) -> list[Request]:
        return [r for r in self.requests if r.method == method and r.path.startswith(path_start)]

    def describe(self) -> str:
        """Return the last requests, for the error of a wait that timed out."""
        last = "; ".join(map(str, self.requests[-_DESCRIBED_REQUESTS:])) or "none"
        return f"Last requests: {last}. Unknown routes: {self.unknown_routes or 'none'}."


async def read_request(request: web.Request, path: str) -> Request:
    """Read a request with its body: JSON, or a form with ``payload_json`` and ``files[n]``."""
    body: Any = None
    files: dict[int, Upload] = {}
    if request.content_type == "multipart/form-data":
        body, files = await _read_form(request)
    elif request.can_read_body:
        text = await request.text()
        body = json.loads(text) if text else None
    return Request(
        request.method, path, MultiDict(request.query), body, files, dict(request.headers)
    )


async def _read_form(request: web.Request) -> tuple[Any, dict[int, Upload]]:
    body: Any = None
    files: dict[int, Upload] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        content = bytes(await part.read())
        if part.name == "payload_json":
            body = json.loads(content)
        elif part.name.startswith("files["):
            content_type = part.headers.get("Content-Type")
            number = int(part.name.removeprefix("files[").removesuffix("]"))
            files[number] = Upload(part.filename or "unknown", content, content_type)
    return body, files
