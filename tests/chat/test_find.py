"""``/find query:`` over real clips: the right seconds, and the reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from loopback_discord import Upload
from tests.media.text_clips import make_text_clip, page
from tests.processes.running_bot import CAT, running_bot

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_discord import Channel, Member
    from tests.processes.running_bot import RunningBot

pytestmark = pytest.mark.process

CAT_FOUND, VICTORY = (0, "0:00–0:04", "cat .7"), (1, "0:02–0:05", "text: VICTORY ROYALE")
# What is found: the clip by its number, the seconds that are linked, and a part of the reason.
QUERIES = {
    "cat": CAT_FOUND,
    "kitty": CAT_FOUND,
    "Hund oder Katze": CAT_FOUND,
    "gato por:ann en:videos después:2020": CAT_FOUND,
    "viktory royale": VICTORY,
    'texte:"tory roy" -cat': VICTORY,
    "cat animal": (0, "0:00–0:04", "animal .9"),
    "victory wait": (1, "0:02–0:05", "0:00–0:02 text: wait for it"),
    "game:tetris": (0, "0:00–0:16", "game: Tetris Effect"),
    "holiday": (0, "this message", "file: holiday.gif"),
}


async def find(asker: Member, channel: Channel, query: str) -> str:
    command = await asker.slash(channel, "find", query=query)
    answer = await command.wait_for_response()
    return "\n".join([answer.content, *(embed["description"] for embed in answer.embeds)])


async def post(bot: RunningBot, *uploads: Upload) -> list[int]:
    posted = [await bot.ann.post(bot.channel, files=[upload]) for upload in uploads]
    for message in posted:
        await bot.reply_to(message)
    return [message.id for message in posted]


async def test_queries_over_real_clips(tmp_path: Path) -> None:
    calm, win = page("wait for it"), page("VICTORY ROYALE")
    clip = make_text_clip(tmp_path / "clip.mp4", [calm, calm, win, win, win]).read_bytes()
    async with running_bot(tmp_path, tmp_path / "data") as bot:
        posted = await post(
            bot,
            Upload("holiday.gif", CAT, "image/gif", game="Tetris Effect"),
            Upload("play.mp4", clip, "video/mp4"),
        )
        for query, (number, seconds, reason) in QUERIES.items():
            content = await find(bot.ann, bot.channel, query)
            lines = content.splitlines()
            found = next((line for line in lines if str(posted[number]) in line), content)
            assert re.search(rf"^\[{seconds}\b", found), (query, content)
            assert reason in found, (query, content)
