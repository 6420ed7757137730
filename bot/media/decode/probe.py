"""Probing a clip in a sandboxed child: its container, length and size. Checks the length limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.domain.clip import ClipFormat
from bot.errors import Damaged

if TYPE_CHECKING:
    from pathlib import Path

    from bot.media.sandbox.pool import Sandbox

TASK = "bot.media.decode.probe_child:probe"
SECONDS = 15.0  # enough for the longest clips on a busy machine; most take milliseconds
MAX_PACKETS = 200_000  # over 300 pictures a second for ten minutes


@dataclass(frozen=True, slots=True)
class Probe:
    """A clip's container, its length in milliseconds (at least 1) and its size in pixels."""

    format: ClipFormat
    duration: int
    width: int
    height: int


async def probe(
    sandbox: Sandbox,
    path: Path,
    *,
    longest: int,
    packets: int = MAX_PACKETS,
    seconds: float = SECONDS,
    owner: str = "",
) -> Probe:
    """Probe the file at ``path``, which may last ``longest`` milliseconds.

    The length is that of the video track; sound that goes on after it does not count. A file with
    more than ``packets`` pictures counts as damaged.

    Raises ``NotFound``, ``UnsupportedFormat``, ``NotAVideo``, ``TooLong``, ``Damaged`` and
    ``TooSlow``.
    """
    request = {"longest": longest, "packets": packets}
    found = await sandbox.run(TASK, request, files=[path], seconds=seconds, owner=owner)
    try:
        return _read(found, longest)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise Damaged(detail=f"the child sent an invalid answer: {error!r}") from error


def _read(found: Any, longest: int) -> Probe:
    """Check the child's answer: a child taken over by an attacker may send anything."""
    duration = int(found["duration"])
    if not 0 < duration <= longest:
        raise ValueError(f"a length of {duration} ms")
    return Probe(
        format=ClipFormat(found["format"]),
        duration=duration,
        width=int(found["width"]),
        height=int(found["height"]),
    )
