"""What a clip's audience may be shown if the server has clips checked for nudity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.domain.nudity import (
    has_nudity,
    was_checked,
    with_nudity_tags,
    without_nudity_tags,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.domain.settings import GuildSettings
    from bot.domain.tagging import Tagging


@dataclass(frozen=True, slots=True)
class ForAudience:
    """A tagging as an audience may see it, and whether its pictures are spoilers."""

    tagging: Tagging
    spoiler: bool = False


def for_audience(
    tagging: Tagging, settings: GuildSettings, wrong: Collection[str], *, age_restricted: bool
) -> ForAudience:
    """Return a tagging for the people in a channel, without tags that were marked as ``wrong``.

    In an age-restricted channel, nudity is tagged, and pictures are spoilers. Elsewhere there are
    neither tags nor thumbnails; without the latter, too, if the clip could not be checked.
    """
    if not settings.nudity:
        return ForAudience(replace(tagging, nudity=None))
    found = has_nudity(tagging, settings.nudity_score, wrong)
    if age_restricted:
        return ForAudience(with_nudity_tags(tagging), spoiler=found)
    shown = without_nudity_tags(tagging)
    if found:
        shown = replace(shown, thumbnails=(), description=None)
    elif not was_checked(tagging):
        shown = replace(shown, thumbnails=())
    return ForAudience(shown)
