"""A bot with several of Clarifai's models: what people read if all, some or none of them work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bot.errors import QuotaExhausted
from tests.processes.programs import clarifai_settings
from tests.processes.running_bot import CITY, RunningBot, running_bot
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

GENERAL, FOOD = "general-image-recognition", "food-item-recognition"
SECONDS = range(8)


async def posted(bot: RunningBot, name: str) -> str:
    """Post a clip with new bytes, and return the reply."""
    clip = CITY + (16).to_bytes(4, "big") + b"free" + name.encode().ljust(8)
    file = (f"{name}.mp4", clip, "video/mp4")
    return (await bot.reply_to(await bot.ann.post(bot.channel, "!tags", files=[file]))).content


async def about(bot: RunningBot) -> str:
    asked = await bot.ann.slash(bot.channel, "about")
    await bot.discord.wait_until(lambda: asked.response is not None, "answer")
    assert asked.response
    return asked.response.content


async def test_each_model_is_asked_and_one_that_fails_is_done_without(
    tmp_path: Path, data_dir: Path
) -> None:
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(replies.frames({at: {"street": 0.97} for at in SECONDS}), model=GENERAL)
        clarifai.serve(replies.frames({at: {"pretzel": 0.91} for at in SECONDS}), model=FOOD)
        models = {"CLARIFAI_MODELS": f"{GENERAL}, {FOOD}:0.9"}
        settings = {**clarifai_settings(clarifai), **models}
        async with running_bot(tmp_path, data_dir, settings=settings) as bot:
            both = await posted(bot, "both")
            assert "street .97" in both
            assert "pretzel .91" in both
            told = await about(bot)
            assert f"`clarifai:{GENERAL}` (0.94), `clarifai:{FOOD}` (0.9)" in told
            assert "can't be used" not in told

            clarifai.serve(replies.failure(25903, 400, "taken down"), model=FOOD)
            for name in ("one", "two"):
                reply = await posted(bot, name)
                assert "street .97" in reply
                assert "pretzel" not in reply
            without = "can't be used at the moment, so new clips are tagged without it."
            assert f"`clarifai:{FOOD}` {without}" in await about(bot)
            assert bot.program.log.count("tagger can't be used") == 1

            clarifai.serve(replies.failure(69001, 402), model=GENERAL)
            clarifai.serve(replies.failure(69001, 402), model=FOOD)
            unpaid = QuotaExhausted.sentences["account"]
            assert await posted(bot, "none") == f"**none.mp4** · {unpaid}"
            calls = len(clarifai.calls)
            assert await posted(bot, "both") == both
            assert len(clarifai.calls) == calls
        assert clarifai.violations == []
    with closing(sqlite3.connect(data_dir / "framehound.sqlite")) as database:
        (billed,) = database.execute("SELECT sum(frames) FROM usage").fetchone()
    assert billed == clarifai.billed_frames == 4 * len(SECONDS)
