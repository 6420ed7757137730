"""Circuit breaker: stop calling a tagger that keeps failing, and probe until it works again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from bot.errors import QuotaExhausted, TaggerBusy, TaggerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.domain.clip import ClipFile
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.progress import ProgressListener
    from bot.domain.tagging import Observations
    from bot.errors import TaggerError
    from bot.taggers import Tagger
    from bot.taggers.trouble import TaggerTrouble


class CircuitBreaker:
    """A tagger behind a circuit breaker.

    After ``failures`` failures in a row the circuit opens. Clips then wait, at most ``max_wait``
    seconds. After ``pause`` seconds one of them is let through as a probe. If it fails, the pause
    doubles, up to ``max_pause``; if it succeeds, the circuit closes and all clips go on.
    ``trouble`` records how calls end.
    """

    def __init__(
        self,
        tagger: Tagger,
        *,
        failures: int = 5,
        pause: float = 15.0,
        max_pause: float = 240.0,
        max_wait: float,
        trouble: TaggerTrouble | None = None,
    ) -> None:
        self._trouble = trouble
        self._tagger = tagger
        self._max_failures = failures
        self._first_pause = self._pause = pause
        self._max_pause = max_pause
        self._max_wait = max_wait
        self._failures = 0
        self._probe_at = 0.0
        self._probing = False
        self._changed = asyncio.Event()
        self._log = structlog.get_logger("framehound.circuit")

    @property
    def is_open(self) -> bool:
        """Whether calls are held back at present."""
        return self._failures >= self._max_failures

    @property
    def is_holding_back(self) -> bool:
        """Whether a call made now would have to wait."""
        due = self._probe_at <= asyncio.get_running_loop().time() and not self._probing
        return self.is_open and not due

    @property
    def identity(self) -> TaggerIdentity:
        """The identity that the scores are stored under."""
        return self._tagger.identity

    @property
    def longest(self) -> int:
        """The longest clip accepted, in milliseconds."""
        return self._tagger.longest

    def size_limit(self, *, public: bool) -> int:
        """Return the largest clip accepted, in bytes; ``public`` if it has a public link."""
        return self._tagger.size_limit(public=public)

    def count_frames(self, duration: int) -> int:
        """Return how many frames are billed for a clip of ``duration`` milliseconds."""
        return self._tagger.count_frames(duration)

    async def check(self) -> str:
        """Check the tagger, even if the circuit is open."""
        return await self._tagger.check()

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Tag the clip once the circuit lets it through.

        Raises what the tagger raises, and ``TaggerUnavailable`` after ``max_wait`` seconds.
        """
        async with self._admitted():
            return await self._tagger.tag(clip, progress)

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._max_wait):
                probe = await self._wait()
        except TimeoutError:
            detail = f"circuit breaker is open after {self._failures} failures in a row"
            raise TaggerUnavailable(detail=detail) from None
        try:
            yield
        except (TaggerUnavailable, TaggerBusy) as error:
            self._note_failure(probe=probe)
            await self._report(error)
            raise
        except QuotaExhausted as error:
            self._note_success()  # it answered, but it won't tag anything for a while
            await self._report(error)
            raise
        except Exception:
            self._note_success()  # the tagger answered, if only to refuse this clip
            raise
        else:
            self._note_success()
            await self._report(None)
        finally:
            if probe:
                self._probing = False
            self._wake_waiting()

    async def _report(self, error: TaggerError | None) -> None:
        """Report how a call ended; being busy is no trouble yet."""
        if self._trouble is None or isinstance(error, TaggerBusy):
            return
        if error is None:
            await self._trouble.works(self.identity)
        else:
            await self._trouble.failed(self.identity, error)

    async def _wait(self) -> bool:
        """Wait until the circuit closes; return True if this clip is the probe instead."""
        loop = asyncio.get_running_loop()
        while self.is_open:
            wait = self._probe_at - loop.time()
            if wait <= 0 and not self._probing:
                self._probing = True
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(wait if wait > 0 else None):
                    await self._changed.wait()
        return False

    def _note_failure(self, *, probe: bool) -> None:
        was_open = self.is_open
        self._failures += 1
        if not self.is_open or (was_open and not probe):
            return  # this call began before the circuit opened and tells nothing new
        self._pause = min(2 * self._pause, self._max_pause) if probe else self._first_pause
        self._probe_at = asyncio.get_running_loop().time() + self._pause
        if not was_open:
            self._log.warning(
                "circuit breaker opened: the tagger keeps failing", tagger=str(self.identity)
            )

    def _note_success(self) -> None:
        if self.is_open:
            self._log.info(
                "circuit breaker closed: the tagger works again", tagger=str(self.identity)
            )
        self._failures = 0

    def _wake_waiting(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
