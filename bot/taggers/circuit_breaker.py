"""Leaving a tagger alone that fails time after time, and finding out when it is well again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from bot.errors import TaggerBusy, TaggerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.domain.clip import ClipFile
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.progress import ProgressListener
    from bot.domain.tagging import Observations
    from bot.taggers import Tagger


class CircuitBreaker:
    """A tagger behind a circuit breaker.

    After ``failures`` in a row the circuit is open: clips wait, ``patience`` seconds at most, and
    after ``pause`` seconds one of them is let through as a probe. If it fails the pause doubles, up
    to ``max_pause``; if it does not, all go on.
    """

    def __init__(
        self,
        tagger: Tagger,
        *,
        failures: int = 5,
        pause: float = 15.0,
        max_pause: float = 240.0,
        patience: float,
    ) -> None:
        self._tagger = tagger
        self._most_failures = failures
        self._first_pause = self._pause = pause
        self._longest_pause = max_pause
        self._patience = patience
        self._failures = 0
        self._probe_at = 0.0
        self._probing = False
        self._changed = asyncio.Event()
        self._log = structlog.get_logger("framehound.circuit")

    @property
    def is_open(self) -> bool:
        """Whether the tagger is left alone at present."""
        return self._failures >= self._most_failures

    @property
    def identity(self) -> TaggerIdentity:
        """Whose scores these are."""
        return self._tagger.identity

    @property
    def longest(self) -> int:
        """How many milliseconds a clip may have."""
        return self._tagger.longest

    def size_limit(self, *, public: bool) -> int:
        """Return how many bytes a clip may have, by whether others could fetch it by link."""
        return self._tagger.size_limit(public=public)

    def count_frames(self, duration: int) -> int:
        """Return how many frames a clip of so many milliseconds costs."""
        return self._tagger.count_frames(duration)

    async def check(self) -> str:
        """Try the tagger, open circuit or not."""
        return await self._tagger.check()

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Tag as the tagger does, when it is this clip's turn.

        Raises what the tagger raises, and ``TaggerUnavailable`` where patience ends first.
        """
        async with self._admitted():
            return await self._tagger.tag(clip, progress)

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                probe = await self._wait()
        except TimeoutError:
            detail = f"left alone after {self._failures} failures in a row"
            raise TaggerUnavailable(detail=detail) from None
        try:
            yield
        except (TaggerUnavailable, TaggerBusy):
            self._note_failure(probe=probe)
            raise
        except Exception:
            self._note_success()  # it answered, if only to refuse this clip
            raise
        else:
            self._note_success()
        finally:
            if probe:
                self._probing = False
            self._tell()

    async def _wait(self) -> bool:
        """Wait until the circuit is closed, or this clip is the probe: True."""
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
            return  # those let through before it opened say nothing new
        self._pause = min(2 * self._pause, self._longest_pause) if probe else self._first_pause
        self._probe_at = asyncio.get_running_loop().time() + self._pause
        if not was_open:
            self._log.warning("tagger fails and is left alone", tagger=str(self.identity))

    def _note_success(self) -> None:
        if self.is_open:
            self._log.info("tagger is well again", tagger=str(self.identity))
        self._failures = 0

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
