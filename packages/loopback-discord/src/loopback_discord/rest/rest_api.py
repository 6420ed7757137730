"""The REST API's server: authorization, faults, and JSON responses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from loopback_discord.api import ApiError, Json, not_found, unauthorized
from loopback_discord.faults import CannedResponse, Disconnect, Fault, NoResponse
from loopback_discord.rest.request_log import Request, RequestLog, read_request

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from loopback_discord.faults import Faults
    from loopback_discord.model.attachments import Upload
    from loopback_discord.model.state import Changes

API_PATH = "/api/v10"


@dataclass(frozen=True)
class Call:
    """A request, and the variable parts of its route's path."""

    path_values: Mapping[str, str]
    request: Request

    @property
    def body(self) -> Any:
        return self.request.body if self.request.body is not None else {}

    @property
    def files(self) -> Mapping[int, Upload]:
        return self.request.files

    def id(self, name: str) -> int:
        """Return a snowflake from the path."""
        text = self.path_values[name]
        if not text.isdecimal():
            raise ApiError(400, 50035, f"{name}: {text!r} is not snowflake.")
        return int(text)


Handler = Callable[[Call], Json | list[Json] | None]


@dataclass(frozen=True)
class Route:
    """An endpoint; ``needs_token`` is False if its path contains a token of its own."""

    method: str
    path: str
    handler: Handler
    needs_token: bool = True
    status: HTTPStatus = HTTPStatus.OK


class RestApi:
    """Serves routes; a handler that returns None responds with status 204."""

    def __init__(
        self,
        token: str,
        faults: Faults,
        log: RequestLog,
        changes: Changes,
        closing: asyncio.Event,
    ) -> None:
        self._token = token
        self._faults = faults
        self._log = log
        self._changes = changes
        self._closing = closing

    def add_to(self, app: web.Application, routes: Iterable[Route]) -> None:
        for route in routes:
            app.router.add_route(route.method, API_PATH + route.path, self._endpoint(route))
        app.router.add_route("*", API_PATH + "/{tail:.*}", self._unknown_route)

    def _endpoint(self, route: Route) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            logged = await self._read_and_log(request)
            fault = self._faults.take(logged.method, logged.path)
            if fault is None:
                return self._respond(route, request, logged)
            return await self._fail(fault, route, request, logged)

        return serve

    async def _unknown_route(self, request: web.Request) -> web.StreamResponse:
        logged = await self._read_and_log(request)
        self._log.unknown_routes.append(f"{logged.method} {logged.path}")
        return self._finish(logged, _error_response(not_found()))

    async def _read_and_log(self, request: web.Request) -> Request:
        logged = await read_request(request, request.path.removeprefix(API_PATH))
        self._log.requests.append(logged)
        return logged

    def _respond(self, route: Route, request: web.Request, logged: Request) -> web.Response:
        authorization = request.headers.get("Authorization")
        try:
            if route.needs_token and authorization != f"Bot {self._token}":
                raise unauthorized()
            body = route.handler(Call(request.match_info, logged))
            response = _json_response(body, route.status)
        except ApiError as error:
            response = _error_response(error)
        return self._finish(logged, response)

    async def _fail(
        self, fault: Fault, route: Route, request: web.Request, logged: Request
    ) -> web.Response:
        if isinstance(fault, CannedResponse):
            canned = web.Response(status=fault.status, body=fault.body, headers=fault.headers)
            return self._finish(logged, canned)
        if fault.perform:
            self._respond(route, request, logged)
            logged.status = None
        if isinstance(fault, Disconnect) and request.transport is not None:
            request.transport.abort()
        if isinstance(fault, NoResponse):
            await self._closing.wait()
        return web.Response(status=HTTPStatus.GATEWAY_TIMEOUT)

    def _finish(self, logged: Request, response: web.Response) -> web.Response:
        logged.status = response.status
        self._changes.notify()
        return response


def _json_response(body: Json | list[Json] | None, status: int) -> web.Response:
    if body is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    # discord.py parses JSON only if the content type is exactly this, without a charset.
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(body).encode(), headers=headers, status=status)


def _error_response(error: ApiError) -> web.Response:
    return _json_response(error.body, error.status)
