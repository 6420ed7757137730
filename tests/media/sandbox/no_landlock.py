"""A task in a child whose kernel has no Landlock."""

from __future__ import annotations

from bot.media.sandbox import landlock
from tests.media.sandbox.tasks import echo

__all__ = ["echo"]

# A child imports this before it is confined.
landlock.abi_version = lambda: 0
