"""The settings of a server. Each is declared here once, as a field of ``GuildSettings``.

From the declaration derive the panel and its forms (``cogs/settings_panel``), the settings file
(``settings_file``), validation, the stored rows (``storage/guild_settings``) and the table in
``docs/server-settings.md``. To add a setting, add a field and translate its sentences.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain.senses import Sense
from bot.domain.setting_kinds import (
    ChannelList,
    Choice,
    Days,
    ModelList,
    OptionalNumber,
    RoleList,
    Scores,
    Switch,
    TagList,
    WholeNumber,
)
from bot.domain.setting_spec import Group, Page, SettingSpec, setting
from bot.i18n import LANGUAGES, Sentence

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bot.domain.concepts import TaggerIdentity

_MAX_SECONDS = 60

PAGES: Mapping[Page, Sentence] = MappingProxyType(
    {
        Page.CLIPS: Sentence("Clips"),
        Page.TAGS: Sentence("Tags"),
        Page.ANSWERS: Sentence("Replies"),
    }
)
"""The titles of the panel's pages, in order."""

SMOOTHING = Group(
    "smoothing",
    title=Sentence("Smoothing"),
    help=Sentence(
        "A tag continues through dips below the threshold no longer than the gap; where it isn't "
        "seen at all, it ends. Anything shorter than the minimum is left out."
    ),
    value=Sentence("gap {gap} s, minimum {shortest} s"),
)


NUDITY_THRESHOLD = Group(
    "nudity_threshold",
    title=Sentence("Nudity threshold"),
    help=Sentence("How sure I must be before I call something nudity."),
    value=Sentence("{nudity_threshold}%"),
)


@dataclass(frozen=True, slots=True)
class Smoothing:
    """The server's smoothing of timelines, in seconds.

    A dip below the threshold of at most ``gap`` seconds does not interrupt a tag; a tag that
    appears for less than ``shortest`` seconds is left out. ``Smoothing(0, 1)`` changes nothing.
    """

    gap: int = 1
    shortest: int = 1


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """One server's settings.

    ``thresholds`` has a score 0-1 for each tagger, because scores of different models cannot be
    compared. ``retention_days`` is None if the server keeps clips as long as the operator allows.
    ``hidden_tags`` apply however a tag is capitalized. ``language`` is an ISO 639-1 code.
    """

    guild_id: int
    thresholds: Mapping[str, float] = setting(
        Scores(),
        default=MappingProxyType({}),
        page=Page.TAGS,
        title=Sentence("Threshold"),
        help=Sentence(
            "I only show tags that score above this. A higher threshold means fewer, but "
            "more certain tags."
        ),
        hint=Sentence("A score such as 0.9 or 90%. Leave this empty for the default, {own}."),
    )
    _: KW_ONLY
    autotag: bool = setting(
        Switch(),
        default=True,
        page=Page.CLIPS,
        title=Sentence("Reply to posted clips"),
        help=Sentence(
            "When this is off, I only reply when asked with `/tags`, `{prefix}tags`, "
            "or *Tag this video*."
        ),
    )
    channels_allowed: frozenset[int] = setting(
        ChannelList(none=Sentence("All channels")),
        default=frozenset(),
        page=Page.CLIPS,
        title=Sentence("Only in these channels"),
        help=Sentence(
            "If you don't choose any, I reply everywhere. A category includes all of its channels."
        ),
    )
    channels_denied: frozenset[int] = setting(
        ChannelList(none=Sentence("No channels")),
        default=frozenset(),
        page=Page.CLIPS,
        title=Sentence("Never in these channels"),
        help=Sentence("In these channels, I only reply when asked."),
    )
    roles_allowed: frozenset[int] = setting(
        RoleList(none=Sentence("Everyone")),
        default=frozenset(),
        page=Page.CLIPS,
        title=Sentence("Only for these roles"),
        help=Sentence(
            "I only reply to clips posted by members with one of these roles. If you don't "
            "choose any, I reply to everyone."
        ),
    )
    nsfw_channels: bool = setting(
        Switch(),
        default=True,
        page=Page.CLIPS,
        title=Sentence("Age-restricted channels"),
        help=Sentence("Reply to clips posted in age-restricted channels, too."),
    )
    bots: bool = setting(
        Switch(),
        default=False,
        page=Page.CLIPS,
        title=Sentence("Other bots"),
        help=Sentence(
            "Reply to clips posted by other bots and by channels you follow, too. I always reply "
            "to webhooks, such as those of PluralKit."
        ),
    )
    models: frozenset[str] = setting(
        ModelList(none=Sentence("All models")),
        default=frozenset(),
        page=Page.TAGS,
        title=Sentence("Models"),
        help=Sentence(
            "The models I show clips to. Each one costs a frame for every second of a clip. If you "
            "don't choose any, I use all of them."
        ),
    )
    hidden_tags: frozenset[str] = setting(
        TagList(),
        default=frozenset(),
        page=Page.TAGS,
        title=Sentence("Hidden tags"),
        help=Sentence("I never show these tags, whatever their score."),
        hint=Sentence("One tag per line, or separated by commas."),
    )
    tags_a_line: int | None = setting(
        OptionalNumber(1, 50, none=Sentence("as many as fit")),
        default=None,
        page=Page.TAGS,
        title=Sentence("Tags per line"),
        help=Sentence("The maximum number of tags I list for a moment."),
        hint=Sentence("A number from 1 to {most}. Leave this empty to show as many as fit."),
    )
    text: bool = setting(
        Switch(),
        default=True,
        page=Page.TAGS,
        title=Sentence("Text on the screen"),
        help=Sentence("Read titles, captions and other text in clips, and show it."),
    )
    nudity: bool = setting(
        Switch(),
        default=False,
        page=Page.TAGS,
        title=Sentence("Nudity"),
        help=Sentence(
            "Check clips for nudity. In age-restricted channels, I tag it and mark my pictures as "
            "spoilers. Elsewhere, I show no scenes of such clips, and only alert channels that "
            "watch for *nudity* or *suggestive*. I miss some, and don't recognize gore."
        ),
    )
    nudity_threshold: int = setting(
        WholeNumber(1, 99),
        default=50,
        page=Page.TAGS,
        title=Sentence("Nudity threshold in percent"),
        help=Sentence(
            "How sure I must be before I call something nudity, from 1 to {most} percent."
        ),
        group=NUDITY_THRESHOLD,
    )
    gap: int = setting(
        WholeNumber(0, _MAX_SECONDS),
        default=1,
        page=Page.TAGS,
        title=Sentence("Gap"),
        help=Sentence(
            "How many seconds a tag may dip below the threshold without ending, from 0 to {most}."
        ),
        group=SMOOTHING,
    )
    shortest: int = setting(
        WholeNumber(1, _MAX_SECONDS),
        default=1,
        page=Page.TAGS,
        title=Sentence("Minimum"),
        help=Sentence("How many seconds a tag must be visible to be shown, from 1 to {most}."),
        group=SMOOTHING,
    )
    only_when_found: bool = setting(
        Switch(),
        default=False,
        page=Page.ANSWERS,
        title=Sentence("Only reply if I find something"),
        help=Sentence("If no clip in a message has any tags, I don't reply to it."),
    )
    in_thread: bool = setting(
        Switch(),
        default=False,
        page=Page.ANSWERS,
        title=Sentence("Reply in a thread"),
        help=Sentence(
            "I open a thread on the message for each reply, which keeps the channel tidy."
        ),
    )
    picture: bool = setting(
        Switch(),
        default=True,
        page=Page.ANSWERS,
        title=Sentence("Timeline picture"),
        help=Sentence("Adds a picture to my replies that shows when each tag appears."),
    )
    seen_before: bool = setting(
        Switch(),
        default=False,
        page=Page.ANSWERS,
        title=Sentence("Seen before"),
        help=Sentence(
            "If a clip was posted here before, I link to the first message with it, unless "
            "somebody who sees my reply can't read that message."
        ),
    )
    language: str = setting(
        Choice(LANGUAGES, refusal=Sentence("Use one of these languages: {known}.")),
        default="en",
        page=Page.ANSWERS,
        title=Sentence("Language"),
        help=Sentence(
            "For everything that everyone can see. Messages only you can see are in your "
            "own language."
        ),
    )
    retention_days: int | None = setting(
        Days(),
        default=None,
        page=Page.ANSWERS,
        title=Sentence("Retention"),
        help=Sentence("How long I remember who posted which clip where. After that, I forget it."),
        hint=Sentence("A number of days from 1 to {most}. Leave this empty for the maximum."),
    )

    def threshold_for(self, identity: TaggerIdentity, fallback: float | None = None) -> float:
        """Return this server's threshold, else ``fallback``, else the tagger's own."""
        default = identity.default_threshold if fallback is None else fallback
        return self.thresholds.get(str(identity), default)

    @property
    def nudity_score(self) -> float:
        """The score, 0-1, that nudity must be above."""
        return self.nudity_threshold / 100

    @property
    def senses(self) -> frozenset[Sense]:
        """What this server wants to be observed in clips beside their concepts."""
        wanted = {Sense.TEXT: self.text, Sense.NUDITY: self.nudity}
        return frozenset(sense for sense, is_wanted in wanted.items() if is_wanted)

    @property
    def smoothing(self) -> Smoothing:
        """The smoothing of this server's timelines."""
        return Smoothing(self.gap, self.shortest)

    def allows_autotag(
        self, channel_ids: Collection[int], role_ids: Collection[int], *, nsfw: bool = False
    ) -> bool:
        """Return whether a posted clip is tagged without a command.

        ``channel_ids`` are those of its channel, a thread's parent channel and the category;
        ``role_ids`` are its poster's.
        """
        if not self.autotag or (nsfw and not self.nsfw_channels):
            return False
        if not self.channels_denied.isdisjoint(channel_ids):
            return False
        if self.channels_allowed and self.channels_allowed.isdisjoint(channel_ids):
            return False
        return not self.roles_allowed or not self.roles_allowed.isdisjoint(role_ids)


SETTINGS: Mapping[str, SettingSpec] = MappingProxyType(
    {
        each.name: replace(each.metadata["spec"], name=each.name)
        for each in fields(GuildSettings)
        if "spec" in each.metadata
    }
)
"""Every setting by its name, in the order of the panel."""


def parse_threshold(text: str) -> float | None:
    """Read a score as people write it: ``0.9``, ``.9``, ``0,9`` or ``90%``; None if it is none.

    A bare number over 1 is refused rather than guessed at: ``90`` may be a slip for ``0.90``.
    """
    written = text.strip().replace(",", ".")
    percent = written.endswith("%")
    try:
        number = float(written.removesuffix("%").strip()) / (100 if percent else 1)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1 else None
