"""Showing a model the pictures of one clip, a few at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.taggers.failures import CallFailed, Kind
from bot.taggers.vision.request import Question

if TYPE_CHECKING:
    from bot.domain.clip import ClipFile
    from bot.domain.concepts import Concept
    from bot.taggers.vision.client import Bill, VisionClient
    from bot.taggers.vision.response import Answer

# Failures for which the pictures may be to blame.
_ABOUT_PICTURES = frozenset({Kind.DECLINED, Kind.UNUSABLE, Kind.INVALID})
# If so many pictures fail alone before one is described, the model won't describe any.
_MAX_FAILURES = 4
# How many pictures of a clip may be shown, and billed, once more.
_SHOWN_AGAIN = 8


@dataclass(slots=True)
class Showing:
    """Shows the pictures of one clip; ``pending`` are the positions of those left.

    Pictures that an answer leaves out, or that the model doesn't describe together, are shown once
    more, each alone. Those that fail again have no concepts, so that one picture doesn't cost the
    others their tags.
    """

    client: VisionClient
    pictures: tuple[bytes, ...]
    clip: ClipFile
    bill: Bill
    description: str | None = None
    pending: list[int] = field(init=False)
    concepts: list[tuple[Concept, ...]] = field(init=False)
    _alone: list[int] = field(init=False, default_factory=list)
    _shown_again: int = field(init=False, default=0)
    _failures: int = field(init=False, default=0)
    _answered: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Begin with all pictures."""
        self.pending = list(range(len(self.pictures)))
        self.concepts = [()] * len(self.pictures)

    @property
    def share_done(self) -> float:
        """The share of the pictures that need not be shown any more, from 0 to 1."""
        return 1 - len(self.pending) / len(self.pictures)

    async def show_next(self) -> None:
        """Show the next pictures; raises ``CallFailed``, also if none of them are described."""
        batch = self._alone[:1] or self.pending[: self.client.form.pictures]
        question = Question(
            [self.pictures[each] for each in batch], self.clip.language, self.description
        )
        try:
            answer = await self.client.ask(question, self.bill, self.clip.owner)
        except CallFailed as failure:
            if failure.kind not in _ABOUT_PICTURES:
                raise
            self._take_failure(batch, failure)
        else:
            self._take_answer(batch, answer)

    def _take_answer(self, batch: list[int], answer: Answer) -> None:
        self._answered = True
        self.description = answer.description or self.description
        for number, concepts in answer.concepts.items():
            self.concepts[batch[number]] = concepts
        self._remove([batch[number] for number in answer.concepts])
        # The server may take fewer pictures now than when the batch was chosen.
        shown = batch[: self.client.form.pictures]
        self._show_again([each for each in shown if each in self.pending])

    def _take_failure(self, batch: list[int], failure: CallFailed) -> None:
        if not self._alone and (len(batch) > 1 or failure.kind is Kind.UNUSABLE):
            self._show_again(batch)
            return
        self._failures += 1
        if not self._answered and self._failures == min(_MAX_FAILURES, len(self.pictures)):
            raise failure
        self._remove(batch)

    def _show_again(self, pictures: list[int]) -> None:
        """Show pictures again, as far as that is allowed."""
        allowed = pictures[: _SHOWN_AGAIN - self._shown_again]
        self._shown_again += len(allowed)
        self._alone += allowed
        self._remove(pictures[len(allowed) :])

    def _remove(self, pictures: list[int]) -> None:
        self.pending = [each for each in self.pending if each not in pictures]
        self._alone = [each for each in self._alone if each not in pictures]
