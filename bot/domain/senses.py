"""The senses beside the concepts: what else can be observed in a clip, if a server wants it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.domain.concepts import Frame
    from bot.domain.text_lines import TextLine


class Sense(StrEnum):
    """A kind of observation, under whose name it is stored."""

    TEXT = "text"
    NUDITY = "nudity"


EVERY_SENSE = frozenset(Sense)


@dataclass(frozen=True, slots=True)
class SenseObservations:
    """What the senses observed in a clip; None for those that were not asked, or failed.

    ``nudity`` has only the frames in which some was seen.
    """

    text: tuple[TextLine, ...] | None = None
    nudity: tuple[Frame, ...] | None = None

    @property
    def made(self) -> frozenset[Sense]:
        """The senses whose observations these are."""
        found = {Sense.TEXT: self.text, Sense.NUDITY: self.nudity}
        return frozenset(sense for sense, observed in found.items() if observed is not None)

    def with_others(self, others: SenseObservations) -> SenseObservations:
        """Return these observations, and those of other senses."""
        return SenseObservations(
            text=others.text if self.text is None else self.text,
            nudity=others.nudity if self.nudity is None else self.nudity,
        )


NOT_OBSERVED = SenseObservations()
