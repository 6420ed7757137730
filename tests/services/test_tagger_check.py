"""``framehound check`` with paid taggers: each model is tried, and what that costs is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.cli.check import check
from bot.config import PLACEHOLDER_TOKEN, Config
from bot.domain.budget import OPERATOR
from bot.storage.database import Database
from bot.storage.usage import UsageStore
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

GENERAL, FOOD = "general-image-recognition", "food-item-recognition"


def configured(data_dir: Path, **settings: Any) -> Config:
    return Config(_env_file=None, data_dir=data_dir, **settings)  # type: ignore[call-arg]  # pydantic-settings' own argument


async def printed(config: Config, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, int]:
    """Return the exit code, what was printed, and the operator's frames of this month."""
    code = await check(config)
    async with Database.open(config.database) as database:
        used = await UsageStore(database).used(OPERATOR)
    return code, capsys.readouterr().out, used


async def test_each_model_is_tried_and_billed_until_the_budget_is_used_up(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with LoopbackClarifai() as clarifai:
        config = configured(
            data_dir,
            clarifai_pat=TOKEN,
            clarifai_api_url=clarifai.url,
            clarifai_models=f"{GENERAL},{FOOD}",
            clarifai_price="500 EUR",
            monthly_frames=3,
        )
        code, text, used = await printed(config, capsys)
        assert "a minute of video costs about 60.00 EUR" in text
        for model in (GENERAL, FOOD):
            assert f"clarifai {model}: {model} is available and tagged a picture" in text
        assert (code, used) == (0, clarifai.billed_frames) == (0, 2)
        # The first model is unpaid; the second is a detector, which finds nothing.
        unpaid = replies.model(GENERAL, None), replies.failure(69001, 402)
        clarifai.script(*unpaid, replies.model(FOOD, None), replies.picture({}))
        code, text, used = await printed(config, capsys)
        assert "no credit left" in text
        assert f"clarifai {FOOD}: {FOOD} is available" in text
        assert (code, used) == (4, 3)
        pictures = len(clarifai.pictures)
        code, text, used = await printed(config, capsys)
        assert text.count("not tried, as it costs a frame") == 2
        assert (code, used, len(clarifai.pictures)) == (0, 3, pictures)


async def test_a_gateway_without_the_token_says_so_instead_of_trying_its_placeholder(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with LoopbackClarifai() as clarifai:
        token = {"clarifai_pat": PLACEHOLDER_TOKEN}
        config = configured(data_dir, clarifai_api_url=clarifai.url, **token)
        code, text, used = await printed(config, capsys)
        assert "clarifai: only the workers have the token; run framehound check in one" in text
        assert (code, used, clarifai.violations) == (0, 0, [])
