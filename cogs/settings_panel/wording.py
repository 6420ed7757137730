"""What a server can set, in the words of its panel: pages, names, and a word about each."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.i18n import Sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGES: Mapping[str, Sentence] = MappingProxyType(
    {
        "clips": Sentence("Which clips"),
        "tags": Sentence("Which tags"),
        "answers": Sentence("How I answer"),
    }
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing a server can set: on which page, what it is called, and a word about it."""

    page: str
    title: Sentence
    word: Sentence


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "autotag": Setting(
            "clips",
            Sentence("Answer posted clips"),
            Sentence(
                "When off, I answer only those who ask: `/tags`, `{prefix}tags`, *Tag this video*."
            ),
        ),
        "channels_allowed": Setting(
            "clips",
            Sentence("Only in these channels"),
            Sentence("None chosen: everywhere. A category stands for all its channels."),
        ),
        "channels_denied": Setting(
            "clips",
            Sentence("Never in these channels"),
            Sentence("There I answer only those who ask."),
        ),
        "roles_allowed": Setting(
            "clips",
            Sentence("Only for these roles"),
            Sentence("Whose posted clips are answered. None chosen: everybody's."),
        ),
        "nsfw_channels": Setting(
            "clips",
            Sentence("Age-restricted channels"),
            Sentence("Whether clips posted there are answered too."),
        ),
        "threshold": Setting(
            "tags",
            Sentence("Threshold"),
            Sentence("The score a tag must be above to be shown. Higher: fewer tags, surer ones."),
        ),
        "hidden_tags": Setting(
            "tags",
            Sentence("Hidden tags"),
            Sentence("Never shown, whatever their score."),
        ),
        "tags_a_line": Setting(
            "tags",
            Sentence("Tags a line"),
            Sentence("The most tags shown for one moment."),
        ),
        "flicker": Setting(
            "tags",
            Sentence("Flicker"),
            Sentence(
                "A tag missing for no longer than the gap goes on; one seen for less than the "
                "shortest time is left out."
            ),
        ),
        "only_when_found": Setting(
            "answers",
            Sentence("Only when something is found"),
            Sentence("A posted clip without any tag gets no answer."),
        ),
        "in_thread": Setting(
            "answers",
            Sentence("Answer in a thread"),
            Sentence("Each answer opens a thread at its message; the channel stays quiet."),
        ),
        "picture": Setting(
            "answers",
            Sentence("Timeline picture"),
            Sentence("Under the text, a picture of which tag is seen when."),
        ),
        "language": Setting(
            "answers",
            Sentence("Language"),
            Sentence("Of everything all can read. What only you see comes in your own language."),
        ),
        "retention": Setting(
            "answers",
            Sentence("Retention"),
            Sentence("For how long I know who posted which clip where. Then I forget it."),
        ),
    }
)
