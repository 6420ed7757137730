"""The tagger that shows the distinct scenes of a clip to a vision model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.domain.progress import Progress, Stage
from bot.domain.tagging import Observations, ranges_of
from bot.domain.timeline import count_seconds
from bot.errors import FramehoundError, TaggerUnavailable
from bot.runtime.metrics import Metrics
from bot.taggers.check_picture import check_picture
from bot.taggers.failures import CallFailed, Kind
from bot.taggers.retry import RetryPolicy
from bot.taggers.vision.client import Bill, VisionClient
from bot.taggers.vision.request import Question
from bot.taggers.vision.scenes import read_progress, read_scenes
from bot.taggers.vision.status import error_for

if TYPE_CHECKING:
    import aiohttp

    from bot.domain.clip import ClipFile, ClipLimits
    from bot.domain.concepts import Concept, TaggerIdentity
    from bot.domain.progress import ProgressListener
    from bot.media.sandbox.pool import Sandbox
    from bot.taggers.vision.endpoint import VisionEndpoint
    from bot.taggers.vision.response import Answer
    from bot.taggers.vision.scenes import Scenes

MAX_PICTURES = 60
"""Pictures of one clip that the model is shown; a longer clip's most similar scenes are joined."""
_MAX_DECODING_SECONDS = 300.0
_MAX_CLIP_SECONDS = 1800.0  # sixty pictures, four at once, at two minutes each
# If the model declines to describe so many pictures before it describes one, it won't at all.
_MAX_DECLINED = 4
# A server may load a model of many gigabytes before it answers.
PATIENT = RetryPolicy(attempts=7, deadline=600.0, request_timeout=240.0, wait_max=20.0)


class VisionTagger:
    """Tags clips with a vision model behind an OpenAI-compatible endpoint."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: VisionEndpoint,
        sandbox: Sandbox,
        limits: ClipLimits,
        *,
        retry: RetryPolicy = PATIENT,
        metrics: Metrics | None = None,
    ) -> None:
        self._client = VisionClient(session, endpoint, retry, metrics or Metrics())
        self._endpoint = endpoint
        self._sandbox = sandbox
        self._limits = limits

    @property
    def identity(self) -> TaggerIdentity:
        """The model, its host, and the revision of the prompt."""
        return self._endpoint.identity

    @property
    def longest(self) -> int:
        """The longest clip it takes, in milliseconds."""
        return self._limits.duration

    def size_limit(self, *, public: bool) -> int:  # noqa: ARG002 - the protocol's; here both are alike
        """Return the largest clip it takes, in bytes."""
        return max(self._limits.by_url, self._limits.as_bytes)

    def count_frames(self, duration: int) -> int:
        """Return how many pictures the model is shown of a clip, at most."""
        return min(count_seconds(duration), MAX_PICTURES)

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Return a frame for every second that can be read, thumbnails and a description.

        Raises ``ClipError`` from decoding, and ``TaggerError``, which tells what was billed.
        """
        seconds = count_seconds(clip.info.duration)
        scenes = await self._find_scenes(clip, seconds, progress)
        bill = Bill()
        showing = _Showing(self._client, scenes.pictures, clip, bill)
        try:
            await self._show(showing, seconds, progress)
        except FramehoundError as error:
            error.billed = bill.pictures
            raise
        concepts = showing.concepts
        readable = {second for second, _ in scenes.seconds}
        return Observations(
            scenes.frames(concepts),
            scenes.chosen_thumbnails(concepts),
            unreadable=ranges_of(each for each in range(seconds) if each not in readable),
            billed=bill.pictures,
            description=showing.description,
        )

    async def check(self) -> str:
        """Have one small picture described, which is billed; raises ``TaggerError``."""
        picture = await asyncio.to_thread(check_picture)
        client = replace(self._client, retry=replace(self._client.retry, attempts=2))
        try:
            await client.ask(Question([picture]), Bill())
        except CallFailed as failure:
            raise error_for(failure) from failure
        asked = {
            "json_schema": "",
            "json_object": ", without schema",
            "text": ", without JSON mode",
        }
        return (
            f"{self._endpoint.model} on {self._endpoint.host} described a picture"
            f"{asked[client.form.answers]}"
        )

    async def _find_scenes(
        self, clip: ClipFile, seconds: int, progress: ProgressListener
    ) -> Scenes:
        """Decode the clip, which counts as half of the work."""

        def decoded(done: object) -> None:
            progress(Progress(Stage.TAG, read_progress(done, seconds) // 2, seconds))

        decoded(0)
        request = {"format": clip.info.format.value, "seconds": seconds, "most": MAX_PICTURES}
        answer = await self._sandbox.run(
            "bot.taggers.vision.child:scenes",
            request,
            files=[clip.path],
            seconds=_MAX_DECODING_SECONDS,
            on_progress=decoded,
            stage="decode",
            owner=clip.owner,
        )
        return await asyncio.to_thread(read_scenes, answer, seconds, MAX_PICTURES)

    async def _show(self, showing: _Showing, seconds: int, progress: ProgressListener) -> None:
        """Show the model all pictures."""
        try:
            async with asyncio.timeout(_MAX_CLIP_SECONDS):
                while showing.pending:
                    await showing.show_next()
                    done = (1 + showing.share_done) / 2
                    progress(Progress(Stage.TAG, round(done * seconds), seconds))
        except CallFailed as failure:
            raise error_for(failure) from failure
        except TimeoutError as error:
            detail = f"the model needs more than {_MAX_CLIP_SECONDS:g} s for a clip"
            raise TaggerUnavailable(detail=detail) from error


@dataclass(slots=True)
class _Showing:
    """Shows the pictures of one clip, a few at once; ``pending`` are the positions of the rest.

    A picture that an answer leaves out is shown again ``alone``. So are pictures that the model
    declines to describe together; one that it declines alone has no concepts.
    """

    client: VisionClient
    pictures: tuple[bytes, ...]
    clip: ClipFile
    bill: Bill
    description: str | None = None
    pending: list[int] = field(init=False)
    concepts: list[tuple[Concept, ...]] = field(init=False)
    _alone: set[int] = field(init=False, default_factory=set)
    _declined: int = field(init=False, default=0)
    _answered: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.pending = list(range(len(self.pictures)))
        self.concepts = [()] * len(self.pictures)

    @property
    def share_done(self) -> float:
        """The share of the pictures that were described, from 0 to 1."""
        return 1 - len(self.pending) / len(self.pictures)

    async def show_next(self) -> None:
        """Show the next pictures; raises ``CallFailed``."""
        batch = self._next_batch()
        question = Question(
            [self.pictures[each] for each in batch], self.clip.language, self.description
        )
        try:
            answer = await self.client.ask(question, self.bill, self.clip.owner)
        except CallFailed as failure:
            if failure.kind is not Kind.DECLINED:
                raise
            self._note_declined(batch, failure)
        else:
            self._note_answer(batch, answer)

    def _next_batch(self) -> list[int]:
        together = [each for each in self.pending if each not in self._alone]
        return together[: self.client.form.pictures] or self.pending[:1]

    def _note_answer(self, batch: list[int], answer: Answer) -> None:
        self._answered = True
        self.description = answer.description or self.description
        for number, concepts in answer.concepts.items():
            self.concepts[batch[number]] = concepts
        seen = {batch[number] for number in answer.concepts}
        # If the server takes fewer pictures now, only the first ones were shown.
        self._alone |= set(batch[: self.client.form.pictures]) - seen
        self.pending = [each for each in self.pending if each not in seen]

    def _note_declined(self, batch: list[int], failure: CallFailed) -> None:
        if len(batch) > 1:
            self._alone |= set(batch)
            return
        self._declined += 1
        if not self._answered and self._declined == min(_MAX_DECLINED, len(self.pictures)):
            raise failure
        self.pending = [each for each in self.pending if each not in batch]
