from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.progress import ignore_progress
from bot.domain.tagging import Observations
from bot.errors import FramehoundError, QuotaExhausted, TaggerBusy, TaggerRefused, TaggerUnavailable
from bot.taggers.circuit_breaker import CircuitBreaker

if TYPE_CHECKING:
    from bot.domain.progress import ProgressListener

CLIP = ClipFile(Path("clip"), ClipInfo(ClipFormat.MP4, 1, 1000, "sha256:00"), None)
FRAMES = (Frame(0, (Concept("cat", 0.9),)),)


class Moody:
    """A tagger that raises an error or answers, as its mood says."""

    def __init__(self) -> None:
        self.mood: FramehoundError | None = None
        self.calls = 0
        self.hold: asyncio.Event | None = None
        self.called = asyncio.Event()

    @property
    def identity(self) -> TaggerIdentity:
        return TaggerIdentity("moody", "m", 0.5)

    longest = 600_000

    def count_frames(self, duration: int) -> int:
        return duration // 1000

    def size_limit(self, *, public: bool) -> int:
        return 10 if public else 5

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        del clip, progress
        self.calls += 1
        if self.hold:
            self.called.set()
            await self.hold.wait()
        if self.mood:
            raise self.mood
        return Observations(FRAMES)

    async def check(self) -> str:
        return "moody: well"


@pytest.fixture
def moody() -> Moody:
    return Moody()


def circuit(moody: Moody, *, pause: float = 0.05, max_wait: float = 10) -> CircuitBreaker:
    return CircuitBreaker(moody, failures=3, pause=pause, max_wait=max_wait)


async def fail(tagger: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(FramehoundError):
            await tagger.tag(CLIP, ignore_progress)


async def test_a_closed_circuit_passes_calls_through(moody: Moody) -> None:
    tagger = circuit(moody)
    assert await tagger.tag(CLIP, ignore_progress) == Observations(FRAMES)
    assert tagger.identity == moody.identity
    assert (tagger.size_limit(public=True), tagger.size_limit(public=False)) == (10, 5)
    assert await tagger.check() == "moody: well"
    assert not tagger.is_open


@pytest.mark.parametrize("mood", [TaggerUnavailable(), TaggerBusy()])
async def test_consecutive_failures_open_the_circuit_and_clips_wait(
    moody: Moody, mood: FramehoundError
) -> None:
    tagger = circuit(moody, pause=60, max_wait=0.05)
    moody.mood = mood
    await fail(tagger, 3)
    assert tagger.is_open
    with pytest.raises(TaggerUnavailable) as caught:
        await tagger.tag(CLIP, ignore_progress)
    assert "3 failures" in caught.value.detail
    assert moody.calls == 3


@pytest.mark.parametrize("mood", [TaggerRefused(reason="no"), QuotaExhausted()])
async def test_a_refusal_is_not_a_failure(moody: Moody, mood: FramehoundError) -> None:
    tagger = circuit(moody)
    moody.mood = TaggerUnavailable()
    await fail(tagger, 2)
    moody.mood = mood
    await fail(tagger, 5)
    assert not tagger.is_open
    moody.mood = TaggerUnavailable()
    await fail(tagger, 2)
    assert not tagger.is_open


async def test_one_successful_probe_closes_the_circuit(moody: Moody) -> None:
    tagger = circuit(moody)
    moody.mood = TaggerUnavailable()
    await fail(tagger, 3)
    moody.mood, moody.hold = None, asyncio.Event()
    waiting = [asyncio.create_task(tagger.tag(CLIP, ignore_progress)) for _ in range(5)]
    await moody.called.wait()
    await asyncio.sleep(0.1)  # more than the pause; still no other call may begin
    assert moody.calls == 4
    moody.hold.set()
    assert await asyncio.gather(*waiting) == [Observations(FRAMES)] * 5
    assert moody.calls == 8
    assert not tagger.is_open


async def test_a_probe_that_fails_doubles_the_pause(moody: Moody) -> None:
    tagger = circuit(moody, pause=0.1)
    moody.mood = TaggerUnavailable()
    await fail(tagger, 3)
    first = tagger._probe_at
    await fail(tagger, 1)  # a probe, and none comes early
    assert asyncio.get_running_loop().time() >= first
    second = tagger._probe_at
    assert second >= first + 0.2
    await fail(tagger, 1)
    assert asyncio.get_running_loop().time() >= second
    assert tagger.is_open
    assert moody.calls == 5


async def test_a_cancelled_probe_is_replaced_by_another(moody: Moody) -> None:
    tagger = circuit(moody)
    moody.mood = TaggerUnavailable()
    await fail(tagger, 3)
    moody.mood, moody.hold = None, asyncio.Event()
    probe = asyncio.create_task(tagger.tag(CLIP, ignore_progress))
    await moody.called.wait()
    probe.cancel()
    moody.hold.set()
    async with asyncio.timeout(60):
        assert await tagger.tag(CLIP, ignore_progress) == Observations(FRAMES)


async def test_failures_of_earlier_clips_do_not_lengthen_the_pause(
    moody: Moody,
) -> None:
    tagger = circuit(moody, pause=0.2)
    moody.mood, moody.hold = TaggerUnavailable(), asyncio.Event()
    before = [asyncio.create_task(tagger.tag(CLIP, ignore_progress)) for _ in range(10)]
    await asyncio.sleep(0)
    moody.hold.set()
    await asyncio.gather(*before, return_exceptions=True)
    moody.mood = None
    began = asyncio.get_running_loop().time()
    assert await tagger.tag(CLIP, ignore_progress) == Observations(FRAMES)
    assert 0.1 < asyncio.get_running_loop().time() - began < 2


async def test_pauses_grow_up_to_the_maximum_and_reset_after_a_success(moody: Moody) -> None:
    tagger = CircuitBreaker(moody, failures=1, pause=0.02, max_pause=0.04, max_wait=10)
    moody.mood = TaggerUnavailable()
    pauses = []
    for _ in range(4):
        await fail(tagger, 1)
        pauses.append(tagger._pause)
    assert pauses == [0.02, 0.04, 0.04, 0.04]
    moody.mood = None
    assert await tagger.tag(CLIP, ignore_progress) == Observations(FRAMES)
    moody.mood = TaggerUnavailable()
    await fail(tagger, 1)
    assert tagger._pause == 0.02


async def test_a_failure_of_an_earlier_clip_does_not_delay_the_probe(moody: Moody) -> None:
    tagger = circuit(moody, pause=0.1)
    moody.mood, moody.hold = TaggerUnavailable(), asyncio.Event()
    before = asyncio.create_task(tagger.tag(CLIP, ignore_progress))
    await moody.called.wait()
    late, moody.hold = moody.hold, None
    await fail(tagger, 4)  # the last of them a probe
    probe_at, pause = tagger._probe_at, tagger._pause
    late.set()
    with pytest.raises(TaggerUnavailable):
        await before
    assert (tagger._probe_at, tagger._pause) == (probe_at, pause)
