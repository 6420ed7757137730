"""The task that finds the clip on a page. Runs only in a sandboxed child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.errors import Unreachable

try:
    from bot.media.fetch import sites_extraction
except Exception as error:  # noqa: BLE001 - yt-dlp may be missing or broken, which costs only pages
    _import_error: Exception | None = error
else:
    _import_error = None

if TYPE_CHECKING:
    from bot.media.sandbox.child import Parent


def prepare(_request: dict[str, Any]) -> None:
    """Load in the fork server what yt-dlp needs for every page."""
    if not _import_error:
        sites_extraction.warm_up()


def find(request: dict[str, Any], parent: Parent) -> dict[str, Any]:
    """Find the clip on the page at ``link``, at most ``longest`` ms and ``largest`` bytes.

    Returns the ``link`` of its file, and the ``headers`` to request it with.
    """
    if _import_error:
        raise Unreachable(detail=f"yt-dlp can't be imported: {_import_error!r}")
    return sites_extraction.find(request, parent.ask)
