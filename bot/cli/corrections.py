"""``framehound corrections``: the tags that people marked as wrong, for the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli.terminal import Terminal
from bot.render import exports
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from bot.config import Config
    from bot.storage.tag_corrections import Correction


async def corrections(config: Config) -> int:
    """Print all corrections, the oldest first, one JSON object a line; return the exit code."""
    terminal = Terminal()
    async with wiring.opened(config) as app:
        async for correction in app.stores.tag_corrections.everything():
            terminal.print_line(_json(correction))
    return 0


def _json(correction: Correction) -> str:
    """Format a correction; IDs are strings, as many parsers round large numbers."""
    return exports.to_json(
        {
            "server": str(correction.guild_id),
            "fingerprint": correction.fingerprint,
            "tag": correction.tag,
            "corrected_at": correction.corrected_at.isoformat(),
            "scores": correction.scores,
        }
    )
