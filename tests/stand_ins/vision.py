"""A vision endpoint of our own on 127.0.0.1 that behaves like one of several servers.

Every request is checked by ``vision_judge``. The errors are those that the servers are documented,
or reported in their issue trackers, to send.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from aiohttp import web
from PIL import Image

from tests.media.numbered_clips import number_in
from tests.stand_ins.clarifai_replies import Reply
from tests.stand_ins.service import LoopbackService
from tests.stand_ins.vision_judge import KEY, Call, completion, read_call

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

MODEL = "loopback-vl:7b"
_REQUEST_LIMIT = 10_000_000


def error(message: str, http: int = 400, **headers: str) -> Reply:
    """Return an error in OpenAI's shape, as Ollama, new versions of vLLM and llama.cpp send it."""
    body = {"error": {"message": message, "type": "api_error", "param": None, "code": None}}
    return _written(body, http, **headers)


def flat_error(message: str, http: int = 400) -> Reply:
    """Return an error as older versions of vLLM send it."""
    body = {"object": "error", "message": message, "type": "BadRequestError", "code": http}
    return _written(body, http)


def short_error(message: str, http: int = 400) -> Reply:
    """Return an error as LM Studio sends it."""
    return _written({"error": message}, http)


def status_error(message: str, http: int = 400, code: int = 11102) -> Reply:
    """Return an error as Clarifai sends it."""
    return _written({"status": {"code": code, "description": "Failure", "details": message}}, http)


def said(content: str | None, finish: str = "stop", **message: Any) -> Reply:
    """Return an answer with any content."""
    return Reply(completion(content, finish, **message))


def seen(
    pictures: Sequence[Mapping[str, float]], description: str = "Bars show numbers."
) -> dict[str, Any]:
    """Return an answer as the prompt asks for it."""
    return {
        "pictures": [
            {
                "picture": number,
                "tags": [{"name": name, "score": score} for name, score in tags.items()],
            }
            for number, tags in enumerate(pictures, 1)
        ],
        "description": description,
    }


@dataclass(frozen=True)
class Server:
    """How a server behaves: what it refuses, in which shape, and what it ignores."""

    error: Callable[[str, int], Reply] = error
    refuses: Mapping[str, str] = field(default_factory=dict)
    ignores_formats: bool = False
    most_pictures: int = 100
    efforts: Container[str] = frozenset({"none", "low", "medium", "high"})
    key: str = ""


OLLAMA = Server(ignores_formats=True)
VLLM = Server(flat_error, most_pictures=1, efforts=frozenset({"low", "medium", "high"}), key=KEY)
LM_STUDIO = Server(
    short_error, {"json_object": "'response_format.type' must be 'json_schema' or 'text'"}
)
CLARIFAI = Server(
    status_error,
    dict.fromkeys(("json_schema", "json_object"), "response_format is not supported"),
    key=KEY,
)


def read_number(jpeg: bytes) -> dict[str, float]:
    """Return the tags of a picture of a numbered clip."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return {f"number {number_in(np.asarray(image))}": 0.9, "bars": 0.6}


class LoopbackVision(LoopbackService[Call]):
    """Answers with the replies of ``script``, then with what ``eyes`` see in each picture."""

    def __init__(self, server: Server = OLLAMA) -> None:
        super().__init__(request_limit=_REQUEST_LIMIT, path="/v1")
        self.server = server
        self.billed_pictures = 0
        self.eyes: Callable[[bytes], Mapping[str, float]] = read_number

    async def _handle(self, request: web.Request) -> web.Response:
        reply = self._refusal(request) or self._answer(await request.read())
        if reply.hangs:
            await self._release.wait()
        if reply.cuts and request.transport is not None:
            request.transport.abort()
        return web.Response(
            body=reply.content,
            status=reply.http,
            content_type=reply.content_type,
            headers=dict(reply.headers),
        )

    def _refusal(self, request: web.Request) -> Reply | None:
        if (request.method, request.path) != ("POST", "/v1/chat/completions"):
            return Reply(b"404 page not found", 404, "text/plain")
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.server.key and key != self.server.key:
            return self.server.error("invalid key", 401)
        return None

    def _answer(self, content: bytes) -> Reply:
        try:
            call = read_call(content)
        except ValueError as problem:
            self.violations.append(str(problem))
            return self.server.error(f"bad request: {problem}", 400)
        self.calls.append(call)
        self._changes.notify()
        reply = self._script.popleft() if self._script else self._usual(call)
        if reply.http == 200 and not (reply.cuts or reply.hangs):
            self.billed_pictures += len(call.pictures)
        return reply

    def _usual(self, call: Call) -> Reply:
        if call.body["model"] != MODEL:
            return self.server.error(f"model '{call.body['model']}' not found", 404)
        if call.body.get("reasoning_effort", "low") not in self.server.efforts:
            return self.server.error("('body', 'reasoning_effort'): should be 'low'", 400)
        if refusal := self.server.refuses.get(call.answers):
            return self.server.error(refusal, 400)
        if len(call.pictures) > self.server.most_pictures:
            most = self.server.most_pictures
            return self.server.error(
                f"At most {most} image(s) may be provided in one request.", 400
            )
        answer = json.dumps(seen([self.eyes(picture) for picture in call.pictures]), indent=1)
        if call.answers == "text" or self.server.ignores_formats:
            return said(f"Here is what I see:\n```json\n{answer}\n```\nI hope this helps!")
        return said(answer)


def _written(body: object, http: int, **headers: str) -> Reply:
    return Reply(json.dumps(body).encode(), http, headers=headers)
