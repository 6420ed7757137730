"""A task that reads a page and tells what the fork server had not loaded for it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bot.errors import Unreachable
from bot.media.fetch import sites_child

if TYPE_CHECKING:
    from bot.media.sandbox.child import Parent

prepare = sites_child.prepare


def loaded_later(request: dict[str, Any], parent: Parent) -> list[str]:
    """Find the clip on an empty page; return the modules that were imported for it."""
    before = set(sys.modules)
    with suppress(Unreachable):
        sites_child.find(request, parent)
    return sorted(set(sys.modules) - before)
