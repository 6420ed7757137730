"""A bot with a vision endpoint: each failure is one sentence, and nothing is billed twice."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import pytest

from bot.errors import QuotaExhausted, TaggerBusy, TaggerRefused, TaggerUnavailable
from tests.processes.running_bot import CITY, running_bot
from tests.stand_ins.vision import MODEL, VLLM, LoopbackVision, error, flat_error, said, short_error
from tests.stand_ins.vision_judge import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.processes.running_bot import RunningBot
    from tests.stand_ins.clarifai_replies import Reply

pytestmark = pytest.mark.process

BOX = 16
TOMORROW = {"Retry-After": "86400"}  # longer than the bot waits, so these are not retried
PROSE = said("I'm sorry, but I can't help with that.")
SETUP = TaggerUnavailable.sentences["setup"]
# The circuit breaker opens after five failures in a row, so good clips come between these.
FAULTS: tuple[Mapping[str, tuple[str, tuple[Reply, ...]]], ...] = (
    {
        "key": (SETUP, (short_error("Unauthorized", 401),)),
        "unpaid": (QuotaExhausted.sentences["account"], (error("no credits", 402),)),
        "gone": (SETUP, (error("model 'x' not found", 404),)),
        "blind": (SETUP, (flat_error("x is not a multimodal model"),)),
    },
    {
        "busy": (TaggerBusy.sentence, (error("slow down", 429, **TOMORROW),)),
        "down": (TaggerUnavailable.sentence, (error("oops", 503, **TOMORROW),)),
        "declined": (TaggerRefused.sentences["declined"], (PROSE,) * 4),
    },
)
PASSING = {
    "throttled": error("slow down", 429, **{"Retry-After": "0.1"}),
    "cold": error(f"Loading model, key {KEY}", 503, **{"Retry-After": "0.1"}),
}


@asynccontextmanager
async def seeing_bot(
    tmp_path: Path, data_dir: Path
) -> AsyncIterator[tuple[RunningBot, LoopbackVision]]:
    async with LoopbackVision(VLLM) as vision:
        settings = {
            "TAGGER": "vision",
            "VISION_URL": vision.url,
            "VISION_MODEL": MODEL,
            "VISION_KEY": KEY,
        }
        async with running_bot(tmp_path, data_dir, settings=settings) as bot:
            yield bot, vision
        assert KEY not in bot.program.log
        assert vision.violations == []


async def posted(bot: RunningBot, name: str) -> str:
    """Post a clip with new bytes as a new member, and return the reply."""
    member = bot.guild.add_member(name)
    clip = CITY + BOX.to_bytes(4, "big") + b"free" + name.encode()[: BOX - 8].ljust(BOX - 8)
    file = (f"{name}.mp4", clip, "video/mp4")
    return (await bot.reply_to(await member.post(bot.channel, "!tags", files=[file]))).content


async def test_each_failure_is_one_sentence_and_nothing_is_billed_twice(
    tmp_path: Path, data_dir: Path
) -> None:
    async with seeing_bot(tmp_path, data_dir) as (bot, vision):
        for number, faults in enumerate(FAULTS):
            for name, (sentence, replies) in faults.items():
                vision.script(*replies)
                assert await posted(bot, name) == f"**{name}.mp4** · {sentence}"
            assert (await posted(bot, f"good-{number}")).startswith(f"**good-{number}.mp4** · 8 s")
        for name, fault in PASSING.items():
            vision.script(fault)
            assert (await posted(bot, name)).startswith(f"**{name}.mp4** · 8 s")
        calls = len(vision.calls)
        assert (await posted(bot, "throttled")).startswith("**throttled.mp4** · 8 s")
        assert len(vision.calls) == calls
    with closing(sqlite3.connect(data_dir / "framehound.sqlite")) as database:
        (billed,) = database.execute("SELECT sum(frames) FROM usage").fetchone()
    assert billed == vision.billed_pictures
