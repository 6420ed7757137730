"""Clarifai's video prediction over REST: one clip per call.

The paths are the http annotations of ``proto/clarifai/api/service.proto`` in Clarifai's published
API definitions (https://github.com/Clarifai/clarifai-grpc); the default threshold is that of
Clarifai's 2018 tutorial on tagging videos.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from bot.domain.concepts import TaggerIdentity
from bot.domain.progress import Progress, Stage
from bot.domain.tagging import Observations
from bot.domain.timeline import count_seconds
from bot.errors import TooLarge
from bot.runtime.metrics import Metrics
from bot.taggers.check_picture import check_picture
from bot.taggers.clarifai.request import (
    LANGUAGES,
    MULTILINGUAL,
    RequestOptions,
    by_bytes,
    by_link,
    picture,
)
from bot.taggers.clarifai.response import SAMPLING, read_frames, read_model, read_picture
from bot.taggers.clarifai.status import error_for
from bot.taggers.failures import CallFailed, Kind
from bot.taggers.http_call import send
from bot.taggers.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import aiohttp

    from bot.domain.clip import ClipFile, ClipLimits
    from bot.domain.concepts import Frame
    from bot.domain.progress import ProgressListener
    from bot.taggers.clarifai.request import Body
    from bot.taggers.http_call import HttpResponse

    Permit = Callable[[], Awaitable[None]]

_DEFAULT_THRESHOLD = 0.94
_MAX_RESPONSE_BYTES = 32_000_000  # ten minutes with 50 concepts a second take about 5 MB
_MAX_DETAIL_LENGTH = 2000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClarifaiAccount:
    """Which model to call, and with which personal access token.

    ``runner`` names the compute that runs the model, as a ``RunnerSelector``; None for Clarifai's.
    """

    api_url: str
    token: str = field(repr=False)
    user_id: str
    app_id: str
    model_id: str
    model_version_id: str | None = None
    runner: Mapping[str, object] | None = None

    @property
    def model_url(self) -> str:
        """The address that describes the model, or its version if one is set."""
        names = [("users", self.user_id), ("apps", self.app_id), ("models", self.model_id)]
        if self.model_version_id:
            names.append(("versions", self.model_version_id))
        path = "/".join(f"{kind}/{quote(name, safe='')}" for kind, name in names)
        return f"{self.api_url.rstrip('/')}/v2/{path}"

    @property
    def outputs_url(self) -> str:
        """The address that takes predictions."""
        return f"{self.model_url}/outputs"


async def _no_wait() -> None:
    """Allow every call at once."""


class ClarifaiTagger:
    """Tags clips with one of Clarifai's models.

    A small clip is sent as bytes, so that exactly the checked bytes get tagged; a larger one is
    sent as a link. With ``links_first``, every clip with a link is sent as a link, and as bytes if
    Clarifai cannot download it. ``permit`` is awaited before each call, including retries.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        account: ClarifaiAccount,
        limits: ClipLimits,
        *,
        retry: RetryPolicy | None = None,
        permit: Permit = _no_wait,
        metrics: Metrics | None = None,
        links_first: bool = False,
    ) -> None:
        self._session = session
        self._account = account
        self._limits = limits
        self._retry = retry or RetryPolicy()
        self._permit = permit
        self._metrics = metrics or Metrics()
        self._links_first = links_first

    @property
    def identity(self) -> TaggerIdentity:
        """The model and its version, if one is set."""
        return TaggerIdentity(
            name="clarifai",
            model=self._account.model_id,
            default_threshold=_DEFAULT_THRESHOLD,
            revision=self._account.model_version_id or "",
            sampling=SAMPLING,
            languages=LANGUAGES if self._account.model_id in MULTILINGUAL else frozenset(),
        )

    @property
    def longest(self) -> int:
        """The longest clip accepted, in milliseconds."""
        return self._limits.duration

    def size_limit(self, *, public: bool) -> int:
        """Return the largest clip accepted, in bytes; ``public`` if it has a public link."""
        as_bytes = self._limits.as_bytes
        return max(self._limits.by_url, as_bytes) if public else as_bytes

    def count_frames(self, duration: int) -> int:
        """Return how many frames are billed for a clip of ``duration`` milliseconds."""
        return count_seconds(duration)

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Return Clarifai's concepts.

        Raises ``TooLarge``, ``TaggerUnavailable``, ``TaggerRefused``, ``TaggerBusy`` or
        ``QuotaExhausted``.
        """
        length = count_seconds(clip.info.duration)
        progress(Progress(Stage.TAG, 0, length))
        try:
            observations = await self._predict(clip)
        except CallFailed as failure:
            raise error_for(failure) from failure
        progress(Progress(Stage.TAG, length, length))
        return observations

    async def check(self) -> str:
        """Have one small picture tagged; raises ``TaggerError``.

        That a model is described, which is free, does not mean that it runs. The picture is billed
        as one frame.
        """
        once = replace(self._retry, attempts=1)
        try:
            model = await once.retry(
                partial(self._call, "GET", self._account.model_url, read_model)
            )
            await self._retry.retry(self._predict_picture)
        except CallFailed as failure:
            raise error_for(failure) from failure
        return f"{model} is available and tagged a picture"

    async def _predict_picture(self) -> None:
        body = await picture(await asyncio.to_thread(check_picture), self._options(None))
        await self._call("POST", self._account.outputs_url, read_picture, body)
        self._metrics.frames_billed.inc()

    async def _predict(self, clip: ClipFile) -> Observations:
        fits = clip.info.size <= self._limits.as_bytes
        link = clip.public_url if clip.info.size <= self._limits.by_url else None
        if not fits and link is None:
            limit = self.size_limit(public=clip.public_url is not None)
            raise TooLarge.of(clip.info.size, limit)
        if link and (self._links_first or not fits):
            try:
                frames = await self._predict_with(clip, partial(by_link, link, self._options(clip)))
                return Observations(frames, by_link=not clip.has_trusted_link)
            except CallFailed as failure:
                if failure.kind is not Kind.DOWNLOAD or not fits:
                    raise
        frames = await self._predict_with(clip, partial(by_bytes, clip.path, self._options(clip)))
        return Observations(frames)

    def _options(self, clip: ClipFile | None) -> RequestOptions:
        """Return the compute, and the language to ask for if the model speaks it."""
        speaks = clip is not None and clip.language in self.identity.languages
        return RequestOptions(clip.language if clip and speaks else None, self._account.runner)

    async def _predict_with(
        self, clip: ClipFile, make_body: Callable[[], Awaitable[Body]]
    ) -> tuple[Frame, ...]:
        read = partial(read_frames, duration=clip.info.duration)

        async def predict() -> tuple[Frame, ...]:
            frames = await self._call("POST", self._account.outputs_url, read, await make_body())
            self._metrics.frames_billed.inc(len(frames))
            return frames

        return await self._retry.retry(predict)

    async def _call(
        self, method: str, url: str, read: Callable[[int, bytes], T], body: Body | None = None
    ) -> T:
        """Make one call and parse its response in a thread; raises ``CallFailed``."""
        await self._permit()
        retry_after = None
        try:
            response = await self._send(method, url, body)
            retry_after = response.retry_after
            parsed = await asyncio.to_thread(read, response.status, response.content)
        except CallFailed as failure:
            self._metrics.clarifai_calls.labels(failure.kind.name.lower()).inc()
            detail = self._without_token(failure.detail)[:_MAX_DETAIL_LENGTH]
            raise CallFailed(failure.kind, detail, retry_after) from None
        self._metrics.clarifai_calls.labels("ok").inc()
        return parsed

    async def _send(self, method: str, url: str, body: Body | None) -> HttpResponse:
        headers = {"Authorization": f"Key {self._account.token}"}
        if body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(body.size)}
        return await send(
            self._session,
            method,
            url,
            data=body.parts if body else None,
            headers=headers,
            seconds=self._retry.request_timeout,
            max_bytes=_MAX_RESPONSE_BYTES,
        )

    def _without_token(self, text: str) -> str:
        return text.replace(self._account.token, "[token]")
