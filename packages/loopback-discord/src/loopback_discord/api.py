"""Conventions of Discord's whole API: JSON objects, snowflake ids, timestamps and errors.

https://docs.discord.com/developers/reference
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

_EPOCH_MS = 1_420_070_400_000  # https://docs.discord.com/developers/reference#snowflakes


class SnowflakeGenerator:
    """Generates increasing ids, each in a millisecond of its own.

    The shard of a guild depends on the milliseconds alone, so guilds are spread over all shards.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        now = time.time_ns() // 1_000_000 - _EPOCH_MS
        self._last = max(now, self._last + 1)
        return self._last << 22


def created_at(snowflake: int) -> str:
    """Return the time an id was generated, as ISO 8601."""
    milliseconds = (snowflake >> 22) + _EPOCH_MS
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def now() -> str:
    return datetime.now(UTC).isoformat()


class ApiError(Exception):
    """An error response: HTTP status, Discord's error code and message.

    https://docs.discord.com/developers/topics/opcodes-and-status-codes
    """

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.body: Json = {"message": message, "code": code}
        if errors is not None:
            self.body["errors"] = errors


def unauthorized() -> ApiError:
    return ApiError(401, 0, "401: Unauthorized")


def not_found() -> ApiError:
    return ApiError(404, 0, "404: Not Found")


def unknown(resource: str) -> ApiError:
    """Return the error for an id that does not exist."""
    codes = {
        "Channel": 10003,
        "Guild": 10004,
        "Member": 10007,
        "Message": 10008,
        "User": 10013,
        "Webhook": 10015,
        "Interaction": 10062,
    }
    return ApiError(404, codes[resource], f"Unknown {resource}")


def missing_access() -> ApiError:
    return ApiError(403, 50001, "Missing Access")


def missing_permissions() -> ApiError:
    return ApiError(403, 50013, "Missing Permissions")


def cannot_reply_without_history() -> ApiError:
    return ApiError(403, 160002, "Cannot reply without permission to read message history")


def thread_already_created() -> ApiError:
    return ApiError(400, 160004, "A thread has already been created for this message")


def cannot_message_user() -> ApiError:
    return ApiError(403, 50007, "Cannot send messages to this user")


def wrong_channel_type() -> ApiError:
    return ApiError(400, 50024, "Cannot execute action on this channel type")


def not_the_author() -> ApiError:
    return ApiError(403, 50005, "Cannot edit a message authored by another user")


def empty_message() -> ApiError:
    return ApiError(400, 50006, "Cannot send an empty message")


def request_too_large() -> ApiError:
    return ApiError(413, 40005, "Request entity too large")


def already_acknowledged() -> ApiError:
    return ApiError(400, 40060, "Interaction has already been acknowledged.")


def invalid_webhook_token() -> ApiError:
    return ApiError(401, 50027, "Invalid Webhook Token")


def invalid_form_body(field: str, code: str, message: str) -> ApiError:
    """Return the error for one field; dots in its name lead into nested objects."""
    errors: Json = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        errors = {part: errors}
    return ApiError(400, 50035, "Invalid Form Body", errors)
