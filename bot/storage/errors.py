"""What storage expects to fail."""

from __future__ import annotations

from bot.errors import FramehoundError


class StorageUnavailable(FramehoundError):
    """The database does not answer, is locked for too long, or is full."""

    code = "storage_unavailable"
    sentence = "I can't reach my database right now; please try again in a few minutes."
