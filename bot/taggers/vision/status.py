"""Mapping the errors of OpenAI-compatible servers to ours.

The servers agree on HTTP statuses, but not on the shape of an error, and hardly on codes: what a
server does not support is only in its sentence. The sentences below are those of Ollama, vLLM, LM
Studio, llama.cpp, Clarifai and OpenAI.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from bot.errors import QuotaExhausted, TaggerBusy, TaggerRefused, TaggerUnavailable
from bot.taggers.clarifai.status import kind_of
from bot.taggers.failures import CallFailed, Kind
from bot.taggers.vision.request import Change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.errors import TaggerError

T = TypeVar("T")

_MAX_DETAIL_LENGTH = 1000

_KINDS: Mapping[int, Kind] = MappingProxyType(
    {
        HTTPStatus.UNAUTHORIZED: Kind.ACCOUNT,
        HTTPStatus.PAYMENT_REQUIRED: Kind.UNPAID,
        HTTPStatus.FORBIDDEN: Kind.ACCOUNT,
        HTTPStatus.NOT_FOUND: Kind.ADDRESS,
        HTTPStatus.METHOD_NOT_ALLOWED: Kind.ADDRESS,
        HTTPStatus.REQUEST_TIMEOUT: Kind.SERVER,
        HTTPStatus.CONFLICT: Kind.SERVER,
        HTTPStatus.TOO_EARLY: Kind.STARTING,
        HTTPStatus.TOO_MANY_REQUESTS: Kind.THROTTLED,
    }
)
# The first pattern that an error's sentence has decides.
_CHANGES = (
    (
        re.compile(
            r"at most [1-9]\d* (image|multi)|single image|(too many|number of) images"
            r"|context (length|size|window)|exceed_context_size|too long|too large"
        ),
        Change.FEWER_PICTURES,
    ),
    (
        re.compile(r"response_format|json_schema|json_object|structured|guided|grammar"),
        Change.FORMAT,
    ),
    (re.compile(r"reasoning|\bthink"), Change.EFFORT),
    (re.compile(r"max_(completion_)?tokens|temperature"), Change.SETTINGS),
)
_SENTENCES = (
    (re.compile(r"content_filter|content.{0,12} ?policy|safety system|moderation"), Kind.DECLINED),
    (
        re.compile(
            r"(not|n't) (support|accept|process)\w*[^.]{0,30}(image|vision|multimodal)"
            r"|not a multimodal|at most 0 image|mmproj|image_url is only supported"
            r"|unknown variant .?image_url"
        ),
        Kind.NO_VISION,
    ),
    (
        re.compile(r"model_not_found|model\b.{0,200}(not found|not exist)|no models loaded"),
        Kind.MODEL,
    ),
    (re.compile(r"insufficient_quota|credits?\b|billing"), Kind.UNPAID),
    (re.compile(r"(loading|starting)( the)? model|model is (still |being )?load"), Kind.STARTING),
)

# What lasts until the operator changes something: people need not try again.
_LASTING = frozenset(
    {Kind.ACCOUNT, Kind.MODEL, Kind.ADDRESS, Kind.NO_VISION, Kind.REQUEST, Kind.UNUSABLE}
)
_ADVICE: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.ACCOUNT: "check VISION_KEY",
        Kind.UNPAID: "the account has no credit left: check its billing page",
        Kind.MODEL: "check VISION_MODEL; with Ollama, run `ollama pull` with its name",
        Kind.ADDRESS: "check VISION_URL: most servers' addresses end in /v1",
        Kind.NO_VISION: "the model can't see pictures: choose another with VISION_MODEL",
        Kind.SERVER: "check that the server at VISION_URL is running",
        Kind.STARTING: "the server is still loading the model",
        Kind.GARBLED: "check VISION_URL: most servers' addresses end in /v1",
        Kind.UNUSABLE: "choose another model with VISION_MODEL",
        Kind.DECLINED: "another model may answer: choose it with VISION_MODEL",
        Kind.REQUEST: "the server accepts no form of the request: check its log",
    }
)


class Rejected(CallFailed):
    """The server does not accept a request's form; a changed one may work."""

    def __init__(self, change: Change, detail: str) -> None:
        self.change = change
        super().__init__(Kind.REQUEST, detail)


def failure_of(status: int, content: bytes) -> CallFailed:
    """Return the failure that a response with another status than 200 tells."""
    sentence, code = _error_in(content)
    detail = f"HTTP {status}: {sentence}"[:_MAX_DETAIL_LENGTH]
    kind = _kind_of(status, sentence.lower(), code)
    if kind is not None:
        return CallFailed(kind, detail)
    return Rejected(_change_in(status, sentence.lower()), detail)


def error_for(failure: CallFailed, *, proven: bool = False) -> TaggerError:
    """Return the error for a failed call: a sentence for people, details for the log.

    If the model has ``proven`` that it can answer, an answer that can't be used is not its fault.
    """
    advice = _ADVICE.get(failure.kind)
    detail = f"{failure.detail} ({advice})" if advice else failure.detail
    if failure.kind is Kind.DECLINED:
        return TaggerRefused(reason="declined", detail=detail)
    if failure.kind is Kind.UNUSABLE and proven:
        return TaggerRefused(reason="empty", detail=detail)
    if failure.kind is Kind.INVALID:
        return TaggerRefused(reason="invalid", detail=detail)
    if failure.kind in {Kind.QUOTA, Kind.UNPAID}:
        facts = {"budget": "account"} if failure.kind is Kind.UNPAID else {}
        return QuotaExhausted(detail=detail, **facts)
    if failure.kind is Kind.THROTTLED:
        return TaggerBusy(detail=detail)
    facts = {"reason": "setup"} if failure.kind in _LASTING else {}
    return TaggerUnavailable(detail=detail, **facts)


def _kind_of(status: int, sentence: str, code: object) -> Kind | None:
    """Return why a request failed; None if its form was not accepted."""
    if status < HTTPStatus.BAD_REQUEST:
        return Kind.ADDRESS
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}:
        return _KINDS[status]
    by_code = kind_of(code)
    if by_code not in {Kind.UNKNOWN, Kind.UNSPECIFIC, Kind.REQUEST, Kind.SUCCESS}:
        return by_code
    told = _told(_SENTENCES, sentence)
    if told or _told(_CHANGES, sentence):
        return told or _KINDS.get(status)
    return Kind.SERVER if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _KINDS.get(status)


def _change_in(status: int, sentence: str) -> Change:
    large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return _told(_CHANGES, sentence) or (Change.FEWER_PICTURES if large else Change.UNKNOWN)


def _told(patterns: Sequence[tuple[re.Pattern[str], T]], sentence: str) -> T | None:
    """Return what the first pattern found in a sentence stands for."""
    return next((meaning for pattern, meaning in patterns if pattern.search(sentence)), None)


def _error_in(content: bytes) -> tuple[str, object]:
    """Return the sentence in an error's body, whatever its shape, and Clarifai's code if any.

    OpenAI's shape is ``{"error": {"message", "type", "code"}}``; LM Studio writes ``{"error":
    "…"}``, older versions of vLLM ``{"message", "code"}``, Clarifai ``{"status": {"code",
    "description"}}`` and FastAPI ``{"detail"}``.
    """
    text = content.decode("utf-8", "replace").strip()
    try:
        body = json.loads(text)
    except (RecursionError, ValueError):
        return text, None
    if not isinstance(body, dict):
        return text, None
    status = body.get("status")
    if isinstance(status, dict):
        return _joined(status, "description", "details", "code"), status.get("code")
    error = body.get("error", body)
    if isinstance(error, dict):
        return _joined(error, "message", "detail", "type", "code", "param") or text, None
    return str(error), None


def _joined(error: Mapping[str, Any], *names: str) -> str:
    return "; ".join(str(error[name]) for name in names if error.get(name))
