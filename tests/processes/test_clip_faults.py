"""One bot through many faults: each clip is answered once, and the bot keeps running.

Downloads that are cut off or have another length than promised, a Clarifai that fails in every way,
a database that another process writes to, a clock that jumps.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bot.chat.responder import REFUSED
from bot.domain.progress import ignore_progress
from bot.errors import Damaged, NotFound, TaggerBusy, TaggerUnavailable, TooSlow, Unreachable
from bot.media.fetch.download import Fetcher
from loopback_discord import (
    EndlessDownload,
    LoopbackDiscord,
    Permission,
    RefuseDownload,
    StallDownload,
    TruncateDownload,
    WrongContentLength,
)
from tests.conftest import CLIPS
from tests.processes.jumping_clock import JumpingClock
from tests.processes.programs import (
    TOKEN,
    Program,
    answer_to,
    clarifai_settings,
    settings_for,
    sqlite_url,
    started,
    switch_text_off,
)
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN as CLARIFAI_TOKEN
from tests.stand_ins.clarifai_replies import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from loopback_discord import DownloadFault, Message

pytestmark = pytest.mark.process

CITY = (CLIPS / "city.mp4").read_bytes()
BOX = 16  # bytes that another_city adds
SIZE = len(CITY) + BOX
TIMEOUT = 60.0  # seconds; a clip is answered within them, whatever fails
HOUR = 3600
LOCKED_FOR = 3.0  # seconds; how long another process writes
AT_ONCE = {"WORKER_CONCURRENCY": "40", "SERVER_CONCURRENCY": "40"}


@dataclass(frozen=True)
class Fault:
    """How a clip's download and Clarifai's answer go, and the reply if one fails."""

    sentence: str = ""
    delivery: DownloadFault | None = None
    answer: Reply | None = None


ANSWER, REFUSAL = replies.recorded("video_beer_2017.json"), replies.failure(21200)
NO_FAULT = Fault()
GONE = Fault(NotFound.sentence, RefuseDownload(404))
# Longer than the bot waits, so that these are not retried.
TOMORROW = {"Retry-After": str(24 * HOUR)}
# Quotes its request, as error pages do.
QUOTING_PAGE = Reply(f"<p>Authorization: Key {CLARIFAI_TOKEN}</p>".encode(), 200, "text/html")
# The circuit breaker opens after five failures in a row, and each fault of Clarifai here makes two:
# so at most two such faults stand between two good clips.
FAULTS: tuple[Mapping[str, Fault], ...] = (
    {
        "cut": Fault(Unreachable.sentence, TruncateDownload(SIZE // 2)),
        "shorter-than-promised": Fault(Unreachable.sentence, WrongContentLength(SIZE + 1)),
        "longer-than-promised": Fault(Damaged.sentence, WrongContentLength(SIZE // 2)),
        "forbidden": Fault(Unreachable.sentence, RefuseDownload(403)),
        "broken": Fault(Unreachable.sentence, RefuseDownload(503)),
        "gone": GONE,
    },
    {
        "throttled": Fault(TaggerBusy.sentence, answer=replies.throttled(TOMORROW["Retry-After"])),
        "down": Fault(TaggerUnavailable.sentence, answer=Reply(b"", 503, headers=TOMORROW)),
    },
    {
        "gateway": Fault(
            TaggerUnavailable.sentence, answer=replace(replies.html(502), headers=TOMORROW)
        ),
        "page": Fault(TaggerUnavailable.sentence, answer=QUOTING_PAGE),
    },
    {"bad-json": Fault(TaggerUnavailable.sentence, answer=Reply(b'{"status": {"code": 10000'))},
)
PASSING_FAULTS: Mapping[str, Reply] = {
    "throttled-a-second": replies.throttled("1"),
    "hung-up-on": Reply(cuts=True),
    "ten-megabytes": replies.huge(10_000_000),
}


def another_city(number: int) -> bytes:
    """Return the same clip with other bytes: an empty box at its end, which players ignore."""
    return CITY + BOX.to_bytes(4, "big") + b"free" + number.to_bytes(BOX - 8, "big")


class RunningBot:
    """A bot with a Discord and a Clarifai."""

    def __init__(
        self, discord: LoopbackDiscord, clarifai: LoopbackClarifai, program: Program
    ) -> None:
        self.discord = discord
        self.clarifai = clarifai
        self.program = program
        self._guild = next(iter(discord.state.guilds.values()))
        self.channel = self._guild.channels[0]
        self.ann = self._guild.add_member("ann")
        self._clips = 0

    async def post(self, *names: str, text: str = "!tags", fault: Fault = NO_FAULT) -> Message:
        """Post clips with new bytes and the same fault.

        Each time another member posts, as one person may not send that many requests at once.
        """
        member = self._guild.add_member(f"member {self._clips}")
        files = [(f"{name}.mp4", self._new_clip(fault), "video/mp4") for name in names]
        posted = await member.post(self.channel, text, files=files)
        # The bot has not received the event yet.
        for attachment in posted.attachments:
            attachment.fault = fault.delivery
        return posted

    async def post_into_fault(self, name: str, fault: Reply) -> Message:
        """Post a clip, and return when Clarifai has answered it with the fault."""
        self.clarifai.called.clear()
        self.clarifai.script(fault)
        posted = await self.post(name)
        await asyncio.wait_for(self.clarifai.called.wait(), TIMEOUT)
        return posted

    async def reply_to(self, message: Message) -> str:
        return (await answer_to(self.discord, message, TIMEOUT)).content

    async def is_tagged(self, message: Message) -> bool:
        name = message.attachments[0].filename
        return (await self.reply_to(message)).startswith(f"**{name}** · 8 s · tags above 0.94\n`")

    def count_replies(self, *messages: Message) -> list[int]:
        return [len(self.discord.replies_to(message)) for message in messages]

    def _new_clip(self, fault: Fault) -> bytes:
        self._clips += 1
        clip = another_city(self._clips)
        if fault.answer:
            self.clarifai.serve(fault.answer, sha256=hashlib.sha256(clip).hexdigest())
        return clip


@asynccontextmanager
async def running_bot(tmp_path: Path, data_dir: Path, **settings: str) -> AsyncIterator[RunningBot]:
    async with LoopbackDiscord(TOKEN) as discord, LoopbackClarifai() as clarifai:
        discord.add_guild("Cats").add_text_channel("videos")
        usual = {**settings_for(discord, data_dir), **clarifai_settings(clarifai)}
        switch_text_off(discord, sqlite_url(usual))
        # PYTHONPATH is read when an interpreter starts.
        fresh = "PYTHONPATH" in settings
        async with started({**usual, **settings}, tmp_path / "bot", fresh=fresh) as program:
            await discord.wait_ready()
            yield RunningBot(discord, clarifai, program)
            assert await program.stop() == 0, program.log
        assert discord.unknown_routes == []
        assert clarifai.violations == []
        check_log(program.log)


def check_log(log: str) -> None:
    """Check that expected failures have no traceback, and that no token or signature is logged."""
    assert "Traceback" not in log, log
    for secret in (TOKEN, CLARIFAI_TOKEN, "ex=", "hm="):
        assert secret not in log


async def test_one_process_survives_every_fault(tmp_path: Path, data_dir: Path) -> None:
    async with running_bot(tmp_path, data_dir, **AT_ONCE) as bot:
        good = [await bot.post_into_fault(*each) for each in PASSING_FAULTS.items()]
        for faults in FAULTS:
            await _run_through(bot, faults)
            good.append(await bot.post("good"))
            assert await bot.is_tagged(good[-1])
        assert all([await bot.is_tagged(message) for message in good])
        assert set(bot.count_replies(*good)) == {1}


async def _run_through(bot: RunningBot, faults: Mapping[str, Fault]) -> None:
    """Post a clip with each fault twice: once with a command, once without."""
    asked = {name: await bot.post(name, fault=fault) for name, fault in faults.items()}
    unasked = [await bot.post(name, text="", fault=fault) for name, fault in faults.items()]
    for message in unasked:
        await bot.discord.wait_for_reaction(message, REFUSED, timeout=TIMEOUT)
    for name, message in asked.items():
        assert await bot.reply_to(message) == f"**{name}.mp4** · {faults[name].sentence}"
        assert not message.reactions
    assert set(bot.count_replies(*asked.values())) == {1}
    assert set(bot.count_replies(*unasked)) == {0}


async def test_each_log_line_about_a_job_has_its_id(tmp_path: Path, data_dir: Path) -> None:
    async with running_bot(tmp_path, data_dir, **AT_ONCE) as bot:
        retried = await bot.post_into_fault("retried", Reply(cuts=True))
        both = await bot.post("one", "two", fault=GONE)
        slash = await bot.ann.slash(bot.channel, "tags", url=both.attachments[0].url)
        await asyncio.gather(
            bot.reply_to(retried), bot.reply_to(both), slash.wait_for_response(TIMEOUT)
        )
        calls = len(bot.clarifai.calls)
        bot.clarifai.script(*(replace(each, hangs=True) for each in (ANSWER, REFUSAL)))
        mute = await bot.post("mute")
        await bot.clarifai.wait_for_calls(calls + 1)
        stiff = await bot.post("stiff", text="")
        await bot.clarifai.wait_for_calls(calls + 2)
        bot.channel.deny_bot(Permission.SEND_MESSAGES | Permission.ADD_REACTIONS)
        bot.clarifai.release()
        await bot.program.wait_for_line("reply not sent")
        await bot.program.wait_for_line("reaction not added")
    lines = [json.loads(line) for line in bot.program.log.splitlines()]
    assert {line["event"] for line in lines if "job" not in line} <= {
        "ready",
        "expired records purged",
        "shutting down",
    }
    assert _events_by_job(line for line in lines if "job" in line) == {
        f"message-{retried.id}": ["stamina.retry_scheduled"],
        f"message-{both.id}": ["clip refused", "clip refused"],
        f"interaction-{slash.id}": ["clip refused"],
        f"message-{mute.id}": ["reply not sent: no access to the channel or message"],
        f"message-{stiff.id}": [
            "tagger can't be used",
            "clip refused",
            "reaction not added",
        ],
    }


def _events_by_job(lines: Iterator[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return what was logged about each job, apart from progress, which a slow machine shows."""
    events: dict[str, list[str]] = {}
    for line in lines:
        if line["event"] != "progress not shown":
            events.setdefault(line["job"], []).append(line["event"])
    return events


async def test_a_locked_database_only_delays_answers(tmp_path: Path, data_dir: Path) -> None:
    async with running_bot(tmp_path, data_dir) as bot:
        saved_late = await bot.post_into_fault("saved-late", replies.throttled("1"))
        with write_lock(data_dir / "framehound.sqlite"):
            await asyncio.sleep(LOCKED_FOR)
            assert bot.count_replies(saved_late) == [0]
        assert await bot.is_tagged(saved_late)
        with write_lock(data_dir / "framehound-jobs.sqlite"):
            taken_late = await bot.post("taken-late")
            await asyncio.sleep(LOCKED_FOR)
            assert bot.count_replies(taken_late) == [0]
        assert await bot.is_tagged(taken_late)
        assert bot.count_replies(saved_late, taken_late) == [1, 1]
        assert len(bot.clarifai.calls) == 3


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Lock the database for writing, as another process would."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_jumping_clock_delays_no_clip(tmp_path: Path, data_dir: Path) -> None:
    clock = JumpingClock(tmp_path / "clock")
    settings = {"PYTHONPATH": str(clock.folder), "SERVER_CONCURRENCY": "1"}
    async with running_bot(tmp_path, data_dir, **settings) as bot:
        for offset in (HOUR, -HOUR):
            running = await bot.post_into_fault("running", replies.throttled("1"))
            waiting = await bot.post("waiting")
            clock.jump(offset)
            later = await bot.post("later")
            for message in (running, waiting, later):
                assert await bot.is_tagged(message)
            assert bot.count_replies(running, waiting, later) == [1, 1, 1]
            assert clock.was_read_at(offset)


@pytest.mark.parametrize(
    ("delivery", "timeouts"),
    [
        pytest.param(
            EndlessDownload(), aiohttp.ClientTimeout(total=0.3, sock_read=20), id="trickles"
        ),
        pytest.param(
            StallDownload(after=99), aiohttp.ClientTimeout(total=20, sock_read=0.1), id="stalls"
        ),
    ],
)
async def test_an_endless_download_is_given_up(
    delivery: DownloadFault, timeouts: aiohttp.ClientTimeout, tmp_path: Path
) -> None:
    """Download in this process, with short timeouts; those of the bot are minutes."""
    async with LoopbackDiscord(TOKEN) as discord:
        guild = discord.add_guild("Cats")
        files = [("slow.mp4", CITY, "video/mp4")]
        posted = await guild.add_member("ann").post(guild.add_text_channel("videos"), files=files)
        attachment = posted.attachments[0]
        attachment.fault = delivery
        async with Fetcher({("127.0.0.1", discord.port)}, timeouts) as fetcher:
            with pytest.raises(TooSlow, match="Downloading this clip took too long"):
                await fetcher.fetch(attachment.url, tmp_path / "clip", SIZE, ignore_progress)
        assert attachment.downloads == 1
