"""Discord's refusals: https://docs.discord.com/developers/topics/opcodes-and-status-codes."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refusal(Exception):
    """An answer other than success: HTTP status, Discord's code and its sentence."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.body: Json = {"message": message, "code": code}
        if errors is not None:
            self.body["errors"] = errors


def unauthorized() -> Refusal:
    return Refusal(401, 0, "401: Unauthorized")


def not_found() -> Refusal:
    return Refusal(404, 0, "404: Not Found")


def unknown(what: str) -> Refusal:
    """Return the refusal for an id that names nothing."""
    codes = {
        "Channel": 10003,
        "Guild": 10004,
        "Member": 10007,
        "Message": 10008,
        "User": 10013,
        "Webhook": 10015,
        "Interaction": 10062,
    }
    return Refusal(404, codes[what], f"Unknown {what}")


def no_access() -> Refusal:
    return Refusal(403, 50001, "Missing Access")


def no_permission() -> Refusal:
    return Refusal(403, 50013, "Missing Permissions")


def no_reply_without_history() -> Refusal:
    return Refusal(403, 160002, "Cannot reply without permission to read message history")


def has_a_thread() -> Refusal:
    return Refusal(400, 160004, "A thread has already been created for this message")


def no_threads_here() -> Refusal:
    return Refusal(400, 50024, "Cannot execute action on this channel type")


def closed_dms() -> Refusal:
    return Refusal(403, 50007, "Cannot send messages to this user")


def not_the_author() -> Refusal:
    return Refusal(403, 50005, "Cannot edit a message authored by another user")


def empty_message() -> Refusal:
    return Refusal(400, 50006, "Cannot send an empty message")


def too_large() -> Refusal:
    return Refusal(413, 40005, "Request entity too large")


def already_acknowledged() -> Refusal:
    return Refusal(400, 40060, "Interaction has already been acknowledged.")


def expired_token() -> Refusal:
    return Refusal(401, 50027, "Invalid Webhook Token")


def invalid_form(field: str, code: str, message: str) -> Refusal:
    """Return the refusal of one field, dots in its name leading into what is nested."""
    errors: Json = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        errors = {part: errors}
    return Refusal(400, 50035, "Invalid Form Body", errors)
