"""The outcome of a job's clip: tagged, or failed with an error."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import ErrorRecord

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Tagged:
    """A clip that was tagged; its tagging is stored under ``fingerprint``.

    ``game`` is the game that it was recorded in, if Discord says so.
    """

    name: str
    fingerprint: str
    spoiler: bool = False
    game: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A clip that was not tagged, and why."""

    name: str
    error: ErrorRecord


Outcome = Tagged | Failed


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON values, for the queue and the database."""
    match outcome:
        case Tagged():
            return {name: value for name, value in asdict(outcome).items() if value is not None}
        case Failed(name, error):
            return {"name": name, "error": error.as_dict()}


def outcome_from_json(saved: Mapping[str, Any]) -> Outcome:
    """Return the outcome that ``outcome_to_json`` wrote."""
    if "error" in saved:
        return Failed(saved["name"], ErrorRecord.from_dict(saved["error"]))
    return Tagged(**saved)
