"""The task that finds the clip on a page. Runs only in a sandboxed child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.errors import Unreachable

if TYPE_CHECKING:
    from bot.media.sandbox.child import Parent


def find(request: dict[str, Any], parent: Parent) -> dict[str, Any]:
    """Find the clip on the page at ``link``, at most ``longest`` ms and ``largest`` bytes.

    Returns the ``link`` of its file, and the ``headers`` to request it with.
    """
    try:
        from bot.media.fetch import sites_extraction  # noqa: PLC0415 - yt-dlp may be missing or broken
    except Exception as error:
        raise Unreachable(detail=f"yt-dlp can't be imported: {error!r}") from error
    return sites_extraction.find(request, parent.ask)
