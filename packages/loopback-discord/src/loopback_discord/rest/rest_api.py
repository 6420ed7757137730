"""The REST API's frame: reading, noting, spoiling, authorizing and answering requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.stand_ins.discord.faults import Answer, Fault, HangUp, Silence
from tests.stand_ins.discord.journal import Journal, Request, read_request
from tests.stand_ins.discord.refusals import Json, Refusal, not_found, unauthorized

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from tests.stand_ins.discord.attachments import Upload
    from tests.stand_ins.discord.faults import Faults
    from tests.stand_ins.discord.waiting import Changes

PREFIX = "/api/v10"


@dataclass(frozen=True)
class Call:
    """A request, ready for the handler of its route."""

    names: Mapping[str, str]
    request: Request

    @property
    def body(self) -> Any:
        return self.request.body if self.request.body is not None else {}

    @property
    def files(self) -> Mapping[int, Upload]:
        return self.request.files

    def id(self, name: str) -> int:
        """Return the snowflake at a place of the path."""
        text = self.names[name]
        if not text.isdecimal():
            raise Refusal(400, 50035, f"{name}: {text!r} is not snowflake.")
        return int(text)


Handler = Callable[[Call], Json | list[Json] | None]


@dataclass(frozen=True)
class Route:
    """Where a handler answers; an open route's path has a secret of its own instead of a token."""

    method: str
    path: str
    handler: Handler
    open: bool = False
    status: HTTPStatus = HTTPStatus.OK


class Rest:
    """Puts routes into an aiohttp application; a handler that returns None answers 204."""

    def __init__(
        self,
        token: str,
        faults: Faults,
        journal: Journal,
        changes: Changes,
        closing: asyncio.Event,
    ) -> None:
        self._token = token
        self._faults = faults
        self._journal = journal
        self._changes = changes
        self._closing = closing

    def add_to(self, app: web.Application, routes: Iterable[Route]) -> None:
        for route in routes:
            app.router.add_route(route.method, PREFIX + route.path, self._endpoint(route))
        app.router.add_route("*", PREFIX + "/{tail:.*}", self._unknown)

    def _endpoint(self, route: Route) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            noted = await self._note(request)
            fault = self._faults.take(noted.method, noted.path)
            if fault is None:
                return self._answer(route, request, noted)
            return await self._spoil(fault, route, request, noted)

        return serve

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        noted = await self._note(request)
        self._journal.unknown_routes.append(f"{noted.method} {noted.path}")
        return self._finish(noted, _refused(not_found()))

    async def _note(self, request: web.Request) -> Request:
        noted = await read_request(request, request.path.removeprefix(PREFIX))
        self._journal.requests.append(noted)
        return noted

    def _answer(self, route: Route, request: web.Request, noted: Request) -> web.Response:
        authorization = request.headers.get("Authorization")
        try:
            if not route.open and authorization != f"Bot {self._token}":
                raise unauthorized()
            answer = _json(route.handler(Call(request.match_info, noted)), route.status)
        except Refusal as refusal:
            answer = _refused(refusal)
        return self._finish(noted, answer)

    async def _spoil(
        self, fault: Fault, route: Route, request: web.Request, noted: Request
    ) -> web.Response:
        if isinstance(fault, Answer):
            spoilt = web.Response(status=fault.status, body=fault.body, headers=fault.headers)
            return self._finish(noted, spoilt)
        if fault.perform:
            self._answer(route, request, noted)
            noted.status = None
        if isinstance(fault, HangUp) and request.transport is not None:
            request.transport.abort()
        if isinstance(fault, Silence):
            await self._closing.wait()
        return web.Response(status=HTTPStatus.GATEWAY_TIMEOUT)

    def _finish(self, noted: Request, answer: web.Response) -> web.Response:
        noted.status = answer.status
        self._changes.notify()
        return answer


def _json(body: Json | list[Json] | None, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    if body is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    # discord.py reads JSON under exactly this type, without a charset.
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(body).encode(), headers=headers, status=status)


def _refused(refusal: Refusal) -> web.Response:
    answer = _json(refusal.body)
    answer.set_status(refusal.status)
    return answer
