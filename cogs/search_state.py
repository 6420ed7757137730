"""The IDs of the buttons under search results: the number of the stored search, and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import re

# The number changes with the form of the ID. Older buttons had the whole search in their IDs.
TEMPLATE = r"search2:(?P<search>[0-9]{1,9}):(?P<page>[0-9]{1,7})"
OLD_TEMPLATE = r"(?:find|search1):[0-9a-z:]+"


@dataclass(frozen=True, slots=True)
class PageOfSearch:
    """A page of a stored search."""

    search: int
    page: int

    def __str__(self) -> str:
        """Return the ID of a button."""
        return f"search2:{self.search}:{self.page}"

    @classmethod
    def read(cls, match: re.Match[str]) -> Self:
        """Return what is in the ID of a button, which matches ``TEMPLATE``."""
        return cls(int(match["search"]), int(match["page"]))
