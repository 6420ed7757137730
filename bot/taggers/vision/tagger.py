"""The tagger that shows the distinct scenes of a clip to a vision model."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.progress import Progress, Stage
from bot.domain.tagging import Observations, ranges_of
from bot.domain.timeline import count_seconds
from bot.errors import FramehoundError, TaggerUnavailable
from bot.runtime.metrics import Metrics
from bot.taggers.check_picture import check_picture
from bot.taggers.failures import CallFailed
from bot.taggers.retry import RetryPolicy
from bot.taggers.vision.client import Bill, VisionClient
from bot.taggers.vision.request import Question
from bot.taggers.vision.scenes import read_progress, read_scenes
from bot.taggers.vision.showing import Showing
from bot.taggers.vision.status import error_for

if TYPE_CHECKING:
    import aiohttp

    from bot.domain.clip import ClipFile, ClipLimits
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.progress import ProgressListener
    from bot.media.sandbox.pool import Sandbox
    from bot.taggers.vision.endpoint import VisionEndpoint
    from bot.taggers.vision.scenes import Scenes

MAX_PICTURES = 60
"""Pictures of one clip that the model is shown; a longer clip's most similar scenes are joined."""
_MAX_DECODING_SECONDS = 300.0
_MAX_CLIP_SECONDS = 1800.0  # sixty pictures, four at once, at two minutes each
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
        showing = Showing(self._client, scenes.pictures, clip, bill)
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

    async def _show(self, showing: Showing, seconds: int, progress: ProgressListener) -> None:
        """Show the model all pictures."""
        try:
            async with asyncio.timeout(_MAX_CLIP_SECONDS):
                while showing.pending:
                    await showing.show_next()
                    done = (1 + showing.share_done) / 2
                    progress(Progress(Stage.TAG, round(done * seconds), seconds))
        except CallFailed as failure:
            raise error_for(failure, proven=self._client.proven > 0) from failure
        except TimeoutError as error:
            detail = f"the model needs more than {_MAX_CLIP_SECONDS:g} s for a clip"
            raise TaggerUnavailable(detail=detail) from error
