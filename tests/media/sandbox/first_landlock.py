"""The attacker, in a child whose kernel has only the first version of Landlock."""

from __future__ import annotations

from bot.media.sandbox import landlock
from tests.media.sandbox.attacker import attack

__all__ = ["attack"]

# A child imports this before it is confined.
landlock.abi_version = lambda: 1
