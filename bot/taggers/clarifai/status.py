"""Mapping Clarifai's status codes to our errors.

Numbers and names are those of ``proto/clarifai/api/status/status_code.proto`` in Clarifai's
published API definitions (https://github.com/Clarifai/clarifai-grpc, Apache-2.0); a code missing
here is ``Kind.UNKNOWN``: it is not retried, and the operator's log has Clarifai's text.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.errors import QuotaExhausted, TaggerBusy, TaggerRefused, TaggerUnavailable
from bot.taggers.failures import CallFailed, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.errors import TaggerError


_CODES: tuple[tuple[int, str, Kind], ...] = (
    (10000, "SUCCESS", Kind.SUCCESS),
    (10010, "MIXED_STATUS", Kind.UNSPECIFIC),
    (10020, "FAILURE", Kind.UNSPECIFIC),
    (10030, "TRY_AGAIN", Kind.SERVER),
    (11000, "CONN_ACCOUNT_ISSUES", Kind.ACCOUNT),
    (11001, "CONN_TOKEN_INVALID", Kind.ACCOUNT),
    (11002, "CONN_CREDENTIALS_INVALID", Kind.ACCOUNT),
    (11003, "CONN_EXCEED_HOURLY_LIMIT", Kind.QUOTA),
    (11004, "CONN_EXCEED_MONTHLY_LIMIT", Kind.QUOTA),
    (11005, "CONN_THROTTLED", Kind.THROTTLED),
    (11006, "CONN_EXCEEDS_LIMITS", Kind.QUOTA),
    (11007, "CONN_INSUFFICIENT_SCOPES", Kind.ACCOUNT),
    (11008, "CONN_KEY_INVALID", Kind.ACCOUNT),
    (11009, "CONN_KEY_NOT_FOUND", Kind.ACCOUNT),
    (11100, "CONN_BAD_REQUEST_FORMAT", Kind.REQUEST),
    (11101, "CONN_DOES_NOT_EXIST", Kind.REQUEST),
    (11102, "CONN_INVALID_REQUEST", Kind.REQUEST),
    (11103, "CONN_METHOD_NOT_ALLOWED", Kind.REQUEST),
    (11104, "CONN_NO_GDPR_CONSENT", Kind.ACCOUNT),
    (11200, "CONN_AUTH_METHOD_DISABLED", Kind.ACCOUNT),
    (21200, "MODEL_DOES_NOT_EXIST", Kind.MODEL),
    (21201, "MODEL_PERMISSION_DENIED", Kind.MODEL),
    (21202, "MODEL_INVALID_ARGUMENT", Kind.MODEL),
    (21203, "MODEL_INVALID_REQUEST", Kind.REQUEST),
    (21350, "MODEL_DEPLOYMENT_FAILED", Kind.SHUT_DOWN),
    (21351, "MODEL_DEPLOYING", Kind.STARTING),
    (21352, "MODEL_QUEUED_FOR_DEPLOYMENT", Kind.STARTING),
    (21353, "MODEL_NOT_DEPLOYED", Kind.NOT_DEPLOYED),
    (21354, "MODEL_BUSY_PLEASE_RETRY", Kind.STARTING),
    (21355, "MODEL_LOADING", Kind.STARTING),
    (25600, "RUNNER_DOES_NOT_EXIST", Kind.MODEL),
    (25601, "RUNNER_PERMISSION_DENIED", Kind.MODEL),
    (25602, "RUNNER_INVALID_ARGUMENT", Kind.MODEL),
    (25603, "RUNNER_INVALID_REQUEST", Kind.MODEL),
    (25604, "RUNNER_NEEDS_RETRY", Kind.STARTING),
    (25900, "DEPLOYMENT_DOES_NOT_EXIST", Kind.SHUT_DOWN),
    (25901, "DEPLOYMENT_INVALID_ARGUMENT", Kind.MODEL),
    (25902, "DEPLOYMENT_INVALID_REQUEST", Kind.MODEL),
    (25903, "DEPLOYMENT_DISABLED", Kind.SHUT_DOWN),
    (30002, "INPUT_DOWNLOAD_FAILED", Kind.DOWNLOAD),
    (30002, "INPUT_FAILED", Kind.DOWNLOAD),
    (30101, "INPUT_UNSUPPORTED_FORMAT", Kind.UNSUPPORTED),
    (30104, "INPUT_INVALID_ARGUMENT", Kind.INVALID),
    (30105, "INPUT_OVER_LIMIT", Kind.OVER_LIMIT),
    (30106, "INPUT_INVALID_URL", Kind.BAD_LINK),
    (30300, "ALL_INPUT_INVALID_BYTES", Kind.BAD_BYTES),
    (31002, "INPUT_VIDEO_DOWNLOAD_FAILED", Kind.DOWNLOAD),
    (31101, "INPUT_VIDEO_UNSUPPORTED_FORMAT", Kind.UNSUPPORTED),
    (31104, "INPUT_VIDEO_INVALID_ARGUMENT", Kind.INVALID),
    (31105, "INPUT_VIDEO_OVER_LIMIT", Kind.OVER_LIMIT),
    (31106, "INPUT_VIDEO_INVALID_URL", Kind.BAD_LINK),
    (31300, "ALL_INPUT_VIDEOS_INVALID_BYTES", Kind.BAD_BYTES),
    (31420, "INPUT_VIDEO_PROCESSING_FAILED", Kind.UNDECODABLE),
    (39996, "INPUT_CONNECTION_FAILED", Kind.CONNECTION),
    (40030, "RPC_REQUEST_QUEUE_FULL", Kind.SERVER),
    (40031, "RPC_SERVER_UNAVAILABLE", Kind.SERVER),
    (40032, "RPC_REQUEST_TIMEOUT", Kind.SERVER),
    (41000, "QUEUE_CONN_ERROR", Kind.SERVER),
    (69000, "BILLING_INVALID_INFO", Kind.UNPAID),
    (69001, "BILLING_MISSING_TOKENS", Kind.UNPAID),
    (98004, "INTERNAL_SERVER_ISSUE", Kind.SERVER),
    (98005, "INTERNAL_FETCHING_ISSUE", Kind.SERVER),
    (98006, "INTERNAL_DATABASE_ISSUE", Kind.SERVER),
    (98008, "INTERNAL_CONTEXT_CANCELED", Kind.SERVER),
    (98009, "INTERNAL_UNEXPECTED_TIMEOUT", Kind.SERVER),
    (98010, "INTERNAL_UNEXPECTED_V1", Kind.SERVER),
    (98011, "INTERNAL_UNEXPECTED_PANIC", Kind.SERVER),
    (98012, "INTERNAL_UNEXPECTED_SPIRE", Kind.SERVER),
    (98013, "INTERNAL_REDIS_UNAVAILABLE", Kind.SERVER),
    (98014, "INTERNAL_RESOURCE_EXHAUSTED", Kind.SERVER),
    (98015, "INTERNAL_REDIS_UNCATEGORIZED", Kind.SERVER),
    (98016, "INTERNAL_AWS_UNCATEGORIZED", Kind.SERVER),
    (98017, "INTERNAL_AZURE_UNCATEGORIZED", Kind.SERVER),
    (98018, "INTERNAL_VECTORDB_UNCATEGORIZED", Kind.SERVER),
    (98019, "INTERNAL_ORACLE_UNCATEGORIZED", Kind.SERVER),
    (98020, "INTERNAL_VULTR_UNCATEGORIZED", Kind.SERVER),
    (98021, "INTERNAL_GCP_UNCATEGORIZED", Kind.SERVER),
)
_KINDS = MappingProxyType({number: kind for number, _, kind in _CODES})
_NUMBERS = MappingProxyType({name: number for number, name, _ in _CODES})
_INTERNAL = range(98_000, 99_000)  # all internal errors, those added later too

_HTTP_KINDS: Mapping[int, Kind] = MappingProxyType(
    {
        HTTPStatus.UNAUTHORIZED: Kind.ACCOUNT,
        HTTPStatus.PAYMENT_REQUIRED: Kind.UNPAID,
        HTTPStatus.FORBIDDEN: Kind.ACCOUNT,
        HTTPStatus.NOT_FOUND: Kind.MODEL,
        HTTPStatus.REQUEST_TIMEOUT: Kind.SERVER,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Kind.OVER_LIMIT,
        HTTPStatus.TOO_MANY_REQUESTS: Kind.THROTTLED,
    }
)

# What Clarifai may say against a clip itself; the sentences are those of TaggerRefused.
_REFUSALS = frozenset(
    {
        Kind.DOWNLOAD,
        Kind.UNSUPPORTED,
        Kind.INVALID,
        Kind.OVER_LIMIT,
        Kind.BAD_LINK,
        Kind.BAD_BYTES,
        Kind.UNDECODABLE,
        Kind.EMPTY,
    }
)

# What lasts until the operator changes something: people need not try again.
_LASTING = frozenset({Kind.ACCOUNT, Kind.MODEL, Kind.NOT_DEPLOYED, Kind.SHUT_DOWN})

_NOT_RUNNING = (
    "Clarifai does not run this model at present; choose another with CLARIFAI_MODEL_ID, "
    "or set CLARIFAI_FALLBACK=local"
)
_ADVICE: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.ACCOUNT: (
            "check CLARIFAI_PAT: use a personal access token, since app keys no longer "
            "work with Clarifai's public models"
        ),
        Kind.MODEL: "check CLARIFAI_USER_ID, CLARIFAI_APP_ID, CLARIFAI_MODEL_ID "
        "and CLARIFAI_MODEL_VERSION_ID",
        Kind.NOT_DEPLOYED: _NOT_RUNNING,
        Kind.SHUT_DOWN: _NOT_RUNNING,
        Kind.UNPAID: "the account has no credit left: check its billing page on Clarifai",
        Kind.REQUEST: "this is a bug in Framehound, please report it",
    }
)


@dataclass(frozen=True, slots=True)
class Status:
    """One ``status`` object of a response: its kind, and its text for the log."""

    kind: Kind
    text: str

    @classmethod
    def read(cls, raw: object) -> Status:
        """Parse a ``status``, whatever it is."""
        if not isinstance(raw, dict):
            return cls(Kind.UNSPECIFIC, "the response has no status")
        parts = [raw.get(field) for field in ("description", "details")]
        words = [f"{raw.get('code')}", *(part for part in parts if part and isinstance(part, str))]
        if isinstance(raw.get("req_id"), str):
            words.append(f"req_id {raw['req_id']}")
        return cls(kind_of(raw.get("code")), "; ".join(words))


def kind_of(code: object) -> Kind:
    """Return the kind of a code: a number, a number in quotes or a name."""
    if isinstance(code, str):
        code = int(code) if _is_short_number(code) else _NUMBERS.get(code)
    if not isinstance(code, int) or isinstance(code, bool):
        return Kind.UNKNOWN
    return _KINDS.get(code, Kind.SERVER if code in _INTERNAL else Kind.UNKNOWN)


def _is_short_number(text: str) -> bool:
    return len(text) <= len("10000") and text.isascii() and text.isdigit()


def kind_of_http(status: int) -> Kind:
    """Return the kind of an HTTP status, for responses without a more precise code."""
    if status == HTTPStatus.OK:
        return Kind.SUCCESS
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Kind.SERVER
    return _HTTP_KINDS.get(status, Kind.UNKNOWN)


def require_success(http: int, *statuses: Status) -> None:
    """Raise ``CallFailed`` unless HTTP and every status say success.

    The first status that names a reason decides, so pass the most specific one first: an output's
    before the whole response's.
    """
    kinds = [status.kind for status in statuses]
    transport = kind_of_http(http)
    if all(kind is Kind.SUCCESS for kind in (*kinds, transport)):
        return
    vague = {Kind.SUCCESS, Kind.UNSPECIFIC, Kind.UNKNOWN}
    specific = [kind for kind in (*kinds, transport) if kind not in vague]
    text = " | ".join(status.text for status in statuses)
    raise CallFailed(specific[0] if specific else Kind.UNKNOWN, f"HTTP {http}: {text}")


def error_for(failure: CallFailed) -> TaggerError:
    """Return the error for a failed call: a sentence for people, details for the log."""
    advice = _ADVICE.get(failure.kind)
    detail = f"{failure.detail} ({advice})" if advice else failure.detail
    if failure.kind in _REFUSALS:
        return TaggerRefused(reason=failure.kind.name.lower(), detail=detail)
    if failure.kind is Kind.UNPAID:
        return QuotaExhausted(budget="account", detail=detail)
    if failure.kind is Kind.QUOTA:
        return QuotaExhausted(detail=detail)
    if failure.kind is Kind.THROTTLED:
        return TaggerBusy(detail=detail)
    if failure.kind in _LASTING:
        return TaggerUnavailable(reason="setup", detail=detail)
    return TaggerUnavailable(detail=detail)
