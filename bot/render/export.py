"""A tagging as scripts read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.domain.tagging import Tagging
    from bot.domain.timeline import Timeline
    from bot.errors import FramehoundError

_DECIMALS = 6


def tagged(name: str, tagging: Tagging, timeline: Timeline) -> dict[str, Any]:
    """Return the object ``--json`` prints: times in seconds, ``end`` exclusive, scores 0-1."""
    info = tagging.info
    return {
        "clip": name,
        "format": info.format.value,
        "bytes": info.size,
        "duration": info.duration / 1000,
        "tagger": str(tagging.tagger),
        "threshold": timeline.threshold,
        "fingerprint": info.fingerprint,
        "seconds": [
            {
                "second": second.second,
                "tags": [
                    {"name": tag.name, "score": round(tag.score, _DECIMALS)} for tag in second.tags
                ],
            }
            for second in timeline.seconds
        ],
        "segments": [
            {
                "tag": segment.tag,
                "start": segment.start,
                "end": segment.end,
                "score": round(segment.score, _DECIMALS),
            }
            for segment in timeline.segments
        ],
    }


def refused(name: str, error: FramehoundError) -> dict[str, Any]:
    """Return the object ``--json`` prints for a clip that was not tagged."""
    return {"clip": name, "error": {"code": error.code, "message": str(error)}}
