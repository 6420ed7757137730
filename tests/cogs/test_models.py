"""What a server sees and sets if several models tag its clips."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import discord
import pytest

from bot.chat.client import FramehoundBot

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.domain.settings import GuildSettings
    from tests.cogs.conftest import RecordedJobs

GENERAL, FOOD = "general-image-recognition", "food-item-recognition"


@pytest.fixture
async def simcord_bot(
    jobs: RecordedJobs, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> FramehoundBot:
    models = {"clarifai_models": f"{GENERAL},{FOOD}:0.9", "clarifai_model_choice": "servers"}
    config = make_config(shard_count=1, clarifai_pat="a-token", **models)
    return FramehoundBot(await open_app(config), jobs, message_content=True)


async def test_a_server_chooses_models_and_sees_their_threshold_and_price(
    simcord_bot: FramehoundBot, simcord_env: Any
) -> None:
    guild = simcord_env.create_guild("Cats")
    channel = guild.create_text_channel("general")
    role = guild.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    alice = guild.add_member(simcord_env.create_user("alice"), roles=[role])

    async def stored() -> GuildSettings:
        return await simcord_bot.app.stores.settings.load(guild.id)

    async def usage() -> str:
        return str((await alice.slash(channel, "usage")).response.content)

    shown = await alice.slash(channel, "settings show")

    def texts() -> str:
        return str(shown.response.components)

    await alice.click(shown.response, custom_id="settings:page:tags")
    assert "**Models**" in texts()
    assert "All models" in texts()
    assert "**Threshold** · 0.94" in texts()
    assert "counts as one frame for each of 2 models" in await usage()
    await alice.select(shown.response, [FOOD], custom_id="settings:choose:models")
    assert (await stored()).models == {FOOD}
    assert "**Threshold** · 0.9\\n" in texts()
    assert "Each second of a clip that's new to me counts as one frame. " in await usage()
    await alice.send(channel, "!threshold 0.7")
    both = {f"clarifai:{GENERAL}": 0.7, f"clarifai:{FOOD}": 0.7}
    assert (await stored()).thresholds == both
    await alice.select(shown.response, [], custom_id="settings:choose:models")
    assert (await stored()).models == frozenset()
    content = json.dumps({"framehound_settings": 1, "models": [FOOD, "nsfw"], "gap": 9}).encode()
    refused = await alice.slash(channel, "settings import", file=("x.json", content))
    assert "**models** · You can't choose this model here: nsfw." in refused.response.content
    assert (await stored()).gap != 9
