"""The buttons under a reply, and the menus in the list of its tags.

Their IDs hold all they need, so they work after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import discord

from bot.domain.search import normalize
from bot.errors import ButtonExpired
from bot.render.sanitize import clean

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from bot.i18n import Translator

# Raise the number when the form of the ID changes.
_ID = "fh1:{action}:{job}:{threshold}:{page}"
PATTERN = r"fh1:(?P<action>[a-z]+):(?P<job>[a-z]+-[0-9]+):(?P<threshold>[0-9]+):(?P<page>[0-9]+)"
_PARTS = 10_000
# https://docs.discord.com/developers/components/reference#string-select
_MAX_OPTIONS = 25
_MAX_OPTION = 100  # characters
# The steps of Fewer tags and More tags; a server's own threshold may lie between two of them.
_STEPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)


class Action(StrEnum):
    """What a button or a menu does."""

    LOWER = "lower"
    RAISE = "raise"
    ALL_TAGS = "tags"
    EXPORT = "export"
    REMOVE = "remove"
    HIDE = "hide"
    SHOW = "show"


@dataclass(frozen=True, slots=True)
class ButtonState:
    """The state held in a button's ID: the action, the job, the threshold shown and the page."""

    action: Action
    job_id: str
    threshold: float
    page: int = 0

    @property
    def custom_id(self) -> str:
        """The ID, at most 100 characters."""
        parts = round(self.threshold * _PARTS)
        return _ID.format(action=self.action, job=self.job_id, threshold=parts, page=self.page)

    @classmethod
    def read(cls, match: re.Match[str]) -> Self:
        """Read an ID that matches ``PATTERN``; raises ``ButtonExpired`` for an unknown action."""
        if match["action"] not in set(Action):
            raise ButtonExpired
        threshold = int(match["threshold"]) / _PARTS
        return cls(Action(match["action"]), match["job"], threshold, int(match["page"]))


def lower(threshold: float) -> float | None:
    """Return the next lower threshold; None if there is none."""
    return max((step for step in _STEPS if step < threshold - 1e-9), default=None)


def higher(threshold: float) -> float | None:
    """Return the next higher threshold; None if there is none."""
    return min((step for step in _STEPS if step > threshold + 1e-9), default=None)


def report_buttons(job_id: str, threshold: float, translate: Translator) -> discord.ui.View:
    """Return the buttons under a reply that shows the tags above ``threshold``."""
    row = (
        (Action.RAISE, translate("Fewer tags"), higher(threshold) is None),
        (Action.LOWER, translate("More tags"), lower(threshold) is None),
        (Action.ALL_TAGS, translate("All tags"), False),
        (Action.EXPORT, translate("Export"), False),
        (Action.REMOVE, translate("Remove"), False),
    )
    view = discord.ui.View(timeout=None)
    for action, label, disabled in row:
        view.add_item(
            discord.ui.Button(
                label=label,
                style=discord.ButtonStyle.secondary,
                custom_id=ButtonState(action, job_id, threshold).custom_id,
                disabled=disabled,
            )
        )
    return without_timeout(view)


@dataclass(frozen=True, slots=True)
class TagChoice:
    """A tag of the clip at ``position`` (from 0) in the message: what a menu offers to hide."""

    position: int
    tag: str

    @property
    def value(self) -> str:
        """The value of the menu's option, at most 100 characters."""
        return f"{self.position}:{normalize(self.tag)}"

    @classmethod
    def read(cls, value: str) -> Self:
        """Read the value of an option; the tag is normalized."""
        position, _, tag = value.partition(":")
        return cls(int(position), tag)


def tag_menu(
    pressed: ButtonState, action: Action, choices: Iterable[TagChoice], translate: Translator
) -> discord.ui.Select[discord.ui.View] | None:
    """Return the menu that hides wrong tags or shows them again; None without choices."""
    titles = {
        Action.HIDE: translate("That tag is wrong: hide it…"),
        Action.SHOW: translate("Show a hidden tag again…"),
    }
    options = {
        choice.value: discord.SelectOption(label=clean(choice.tag, _MAX_OPTION), value=choice.value)
        for choice in choices
        if len(choice.value) <= _MAX_OPTION and clean(choice.tag, _MAX_OPTION)
    }
    if not options:
        return None
    return discord.ui.Select(
        custom_id=replace(pressed, action=action).custom_id,
        placeholder=titles[action],
        options=list(options.values())[:_MAX_OPTIONS],
    )


def page_buttons(pressed: ButtonState, count: int, translate: Translator) -> discord.ui.View:
    """Return the buttons that lead to the page before and the page after, if there are several."""
    view = discord.ui.View(timeout=None)
    if count < 2:  # noqa: PLR2004 - a page has no neighbour
        return without_timeout(view)
    pressed = replace(pressed, action=Action.ALL_TAGS)
    for label, page in (
        (translate("Back"), pressed.page - 1),
        (translate("Next"), pressed.page + 1),
    ):
        exists = 0 <= page < count
        # Discord refuses two buttons with one ID, even if one is disabled.
        target = replace(pressed, page=page if exists else count + page + 1)
        button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
            label=label, custom_id=target.custom_id, disabled=not exists
        )
        view.add_item(button)
    return without_timeout(view)


def without_timeout(view: discord.ui.View) -> discord.ui.View:
    """Stop discord.py from keeping a view forever: its buttons are handled by their IDs alone."""
    view.stop()
    return view
