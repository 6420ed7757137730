"""Which file a page shows; runs in a sandboxed child alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.errors import Unreachable

if TYPE_CHECKING:
    from bot.media.sandbox.child import Parent


def find(request: dict[str, Any], parent: Parent) -> dict[str, Any]:
    """Look at the page at ``link``; its clip may last ``longest`` ms and have ``largest`` bytes.

    Returns the ``link`` of a file, and the ``headers`` it is to be asked for with.
    """
    try:
        from bot.media.fetch import sites_extraction  # noqa: PLC0415 - it may be missing, or broken
    except Exception as error:
        raise Unreachable(detail=f"yt-dlp can't be used: {error!r}") from error
    return sites_extraction.find(request, parent.ask)
