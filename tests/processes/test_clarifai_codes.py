"""A bot and Clarifai's status codes of 2026: each is one right sentence, and the right retry."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bot.errors import QuotaExhausted, TaggerUnavailable
from tests.processes.programs import clarifai_settings
from tests.processes.running_bot import CITY, running_bot
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_replies import failure, frames

if TYPE_CHECKING:
    from pathlib import Path

    from tests.processes.running_bot import RunningBot

pytestmark = pytest.mark.process

SETUP = TaggerUnavailable.sentences["setup"]
UNPAID = QuotaExhausted.sentences["account"]
TOMORROW = {"Retry-After": "86400"}  # longer than the bot waits, so these are not retried
# The code, the sentence, and how often a clip is sent. Five failures in a row open the circuit
# breaker, so a good clip follows each of these rows.
LASTING = (
    ((25900, SETUP, 1), (25903, SETUP, 1), (21350, SETUP, 1), (21353, SETUP, 2)),
    ((25600, SETUP, 1), (25601, SETUP, 1), (25901, SETUP, 1), (21201, SETUP, 1)),
    ((69000, UNPAID, 1), (69001, UNPAID, 1), (11104, SETUP, 1), (11009, SETUP, 1)),
)
STARTING = (21351, 21352, 21354, 21355, 25604)
SECONDS = range(8)


async def reply_to(bot: RunningBot, name: str) -> str:
    """Post a clip with new bytes as a new member, and return the reply."""
    clip = CITY + (16).to_bytes(4, "big") + b"free" + name.encode().ljust(8)
    file = (f"{name}.mp4", clip, "video/mp4")
    member = bot.guild.add_member(name)
    return (await bot.reply_to(await member.post(bot.channel, "!tags", files=[file]))).content


async def test_each_code_is_one_sentence_and_nothing_is_billed_twice(
    tmp_path: Path, data_dir: Path
) -> None:
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(frames({at: {"street": 0.97} for at in SECONDS}))
        async with running_bot(tmp_path, data_dir, settings=clarifai_settings(clarifai)) as bot:
            for number, row in enumerate(LASTING):
                for code, sentence, times in row:
                    before = len(clarifai.calls)
                    clarifai.script(*[failure(code, 402 if sentence == UNPAID else 400)] * times)
                    assert await reply_to(bot, f"{code}") == f"**{code}.mp4** · {sentence}"
                    assert len(clarifai.calls) - before == times
                assert "street .97" in await reply_to(bot, f"good-{number}")
            for code in STARTING:
                before = len(clarifai.calls)
                clarifai.script(failure(code, 503, **{"Retry-After": "0.1"}))
                assert "street .97" in await reply_to(bot, f"{code}")
                assert len(clarifai.calls) - before == 2
            clarifai.script(failure(21355, 503, **TOMORROW))
            unavailable = TaggerUnavailable.sentence
            assert await reply_to(bot, "asleep") == f"**asleep.mp4** · {unavailable}"
        assert clarifai.violations == []
    with closing(sqlite3.connect(data_dir / "framehound.sqlite")) as database:
        (billed,) = database.execute("SELECT sum(frames) FROM usage").fetchone()
    assert billed == clarifai.billed_frames == (len(LASTING) + len(STARTING)) * len(SECONDS)
