"""The buttons under a reply. What they need is in their ids, so they work after a restart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import discord

if TYPE_CHECKING:
    import re

    from bot.i18n import Translator

# The number changes with what is written into an id.
_ID = "fh1:{action}:{job}:{threshold}:{page}"
PATTERN = r"fh1:(?P<action>[a-z]+):(?P<job>[a-z]+-[0-9]+):(?P<threshold>[0-9]+):(?P<page>[0-9]+)"
_PARTS = 10_000
# What people step through; a server's own threshold may lie between two of these.
_LADDER = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)


class Action(StrEnum):
    """What a button does."""

    LOWER = "lower"
    RAISE = "raise"
    ALL_TAGS = "tags"
    EXPORT = "export"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ButtonState:
    """What a button's id says: for which job's report, above which threshold, at which page."""

    action: Action
    job_id: str
    threshold: float
    page: int = 0

    @property
    def custom_id(self) -> str:
        """The id, of at most 100 characters."""
        parts = round(self.threshold * _PARTS)
        return _ID.format(action=self.action, job=self.job_id, threshold=parts, page=self.page)

    @classmethod
    def read(cls, match: re.Match[str]) -> Self:
        """Take an id apart that fits ``PATTERN``; raises ValueError for an unknown action."""
        threshold = int(match["threshold"]) / _PARTS
        return cls(Action(match["action"]), match["job"], threshold, int(match["page"]))


def lower(threshold: float) -> float | None:
    """Return the next threshold below; None at the bottom."""
    return max((step for step in _LADDER if step < threshold - 1e-9), default=None)


def higher(threshold: float) -> float | None:
    """Return the next threshold above; None at the top."""
    return min((step for step in _LADDER if step > threshold + 1e-9), default=None)


def explore(job_id: str, threshold: float, translate: Translator) -> discord.ui.View:
    """Return the row under a reply whose tags are above ``threshold``."""
    row = (
        (Action.LOWER, "\N{MINUS SIGN}", lower(threshold) is None),
        (Action.RAISE, "+", higher(threshold) is None),
        (Action.ALL_TAGS, translate("All tags"), False),
        (Action.EXPORT, translate("Export"), False),
        (Action.REMOVE, translate("Remove"), False),
    )
    view = discord.ui.View(timeout=None)
    for action, words, off in row:
        view.add_item(
            discord.ui.Button(
                label=words,
                style=discord.ButtonStyle.secondary,
                custom_id=ButtonState(action, job_id, threshold).custom_id,
                disabled=off,
            )
        )
    return unwatched(view)


def pages(pressed: ButtonState, count: int, translate: Translator) -> discord.ui.View:
    """Return the buttons that turn pages."""
    view = discord.ui.View(timeout=None)
    for words, page in (
        (translate("Back"), pressed.page - 1),
        (translate("Next"), pressed.page + 1),
    ):
        known = 0 <= page < count
        # Ids are told apart also where there is nowhere to turn to.
        there = replace(pressed, page=page if known else count + page + 1)
        button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
            label=words, custom_id=there.custom_id, disabled=not known
        )
        view.add_item(button)
    return unwatched(view)


def unwatched(view: discord.ui.View) -> discord.ui.View:
    """Keep discord.py from remembering a view for ever: its ids are understood without it."""
    view.stop()
    return view
