"""One bot through a list of bad days, as a process: each clip is answered once, and it goes on.

Downloads that are cut or lie, a Clarifai that fails in every way, a database somebody else writes
to, a clock that jumps.
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
from tests.conftest import CLIPS
from tests.processes.jumping_clock import JumpingClock
from tests.processes.programs import (
    TOKEN,
    Program,
    answer_to,
    clarifai_settings,
    settings_for,
    started,
)
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN as CLARIFAI_TOKEN
from tests.stand_ins.clarifai_replies import Reply
from tests.stand_ins.discord import (
    Claim,
    Cut,
    LoopbackDiscord,
    Permission,
    Refuse,
    Stall,
    Trickle,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from tests.stand_ins.discord import Message
    from tests.stand_ins.discord.attachments import Delivery

pytestmark = pytest.mark.process

CITY = (CLIPS / "city.mp4").read_bytes()
BOX = 16  # bytes that another_city adds
SIZE = len(CITY) + BOX
PATIENCE = 20.0  # seconds; whatever the day, a clip is answered within them
HOUR = 3600
LOCKED_FOR = 3.0  # seconds; no wait for anything, but how long somebody else is writing
AT_ONCE = {"WORKER_CONCURRENCY": "40", "SERVER_CONCURRENCY": "40"}


@dataclass(frozen=True)
class Day:
    """How a clip's download and Clarifai go, and what people read if that is not well."""

    sentence: str = ""
    delivery: Delivery | None = None
    answer: Reply | None = None


ANSWER, REFUSAL = replies.recorded("video_beer_2017.json"), replies.failure(21200)
GOOD = Day()
GONE = Day(NotFound.sentence, Refuse(404))
# Later than we would wait, so that these are not tried again and again here.
TOMORROW = {"Retry-After": str(24 * HOUR)}
# Quotes what it was sent, as pages about errors do.
TELLTALE = Reply(f"<p>Authorization: Key {CLARIFAI_TOKEN}</p>".encode(), 200, "text/html")
# Clarifai is left alone after five failures in a row (circuit_breaker.py), and each of its bad
# days here has two: so no more than two of them stand between two good clips.
BAD_DAYS: tuple[Mapping[str, Day], ...] = (
    {
        "cut": Day(Unreachable.sentence, Cut(SIZE // 2)),
        "shorter-than-promised": Day(Unreachable.sentence, Claim(SIZE + 1)),
        "longer-than-promised": Day(Damaged.sentence, Claim(SIZE // 2)),
        "forbidden": Day(Unreachable.sentence, Refuse(403)),
        "broken": Day(Unreachable.sentence, Refuse(503)),
        "gone": GONE,
    },
    {
        "throttled": Day(TaggerBusy.sentence, answer=replies.throttled(TOMORROW["Retry-After"])),
        "down": Day(TaggerUnavailable.sentence, answer=Reply(b"", 503, headers=TOMORROW)),
    },
    {
        "gateway": Day(
            TaggerUnavailable.sentence, answer=replace(replies.html(502), headers=TOMORROW)
        ),
        "page": Day(TaggerUnavailable.sentence, answer=TELLTALE),
    },
    {"bad-json": Day(TaggerUnavailable.sentence, answer=Reply(b'{"status": {"code": 10000'))},
)
PASSING_FAULTS: Mapping[str, Reply] = {
    "throttled-a-second": replies.throttled("1"),
    "hung-up-on": Reply(cuts=True),
    "ten-megabytes": replies.huge(10_000_000),
}


def another_city(number: int) -> bytes:
    """Return the clip with an empty box behind it: shown the same, and no bytes seen before."""
    return CITY + BOX.to_bytes(4, "big") + b"free" + number.to_bytes(BOX - 8, "big")


class Scene:
    """A Discord, a Clarifai, and the bot between them."""

    def __init__(
        self, discord: LoopbackDiscord, clarifai: LoopbackClarifai, program: Program
    ) -> None:
        self.discord = discord
        self.clarifai = clarifai
        self.program = program
        self._guild = next(iter(discord.world.guilds.values()))
        self.channel = self._guild.channels[0]
        self.ann = self._guild.add_member("ann")
        self._clips = 0

    async def post(self, *names: str, text: str = "!tags", day: Day = GOOD) -> Message:
        """Post clips of bytes not seen before, which all have the same kind of day.

        Each time it is somebody else, as one person may not ask that much at once.
        """
        somebody = self._guild.add_member(f"member {self._clips}")
        files = [(f"{name}.mp4", self._new_clip(day), "video/mp4") for name in names]
        posted = await somebody.post(self.channel, text, files=files)
        # The bot has had no turn to hear of them yet.
        for attachment in posted.attachments:
            attachment.delivery = day.delivery
        return posted

    async def post_into_fault(self, name: str, fault: Reply) -> Message:
        """Post a clip, and return when Clarifai has answered it with the fault."""
        self.clarifai.called.clear()
        self.clarifai.script(fault)
        posted = await self.post(name)
        await asyncio.wait_for(self.clarifai.called.wait(), PATIENCE)
        return posted

    async def reply_to(self, message: Message) -> str:
        return (await answer_to(self.discord, message, PATIENCE)).content

    async def is_tagged(self, message: Message) -> bool:
        name = message.attachments[0].filename
        return (await self.reply_to(message)).startswith(f"**{name}** · 8 s · above 0.94\n`")

    def count_replies(self, *messages: Message) -> list[int]:
        return [len(self.discord.replies_to(message)) for message in messages]

    def _new_clip(self, day: Day) -> bytes:
        self._clips += 1
        clip = another_city(self._clips)
        if day.answer:
            self.clarifai.serve(day.answer, sha256=hashlib.sha256(clip).hexdigest())
        return clip


@asynccontextmanager
async def scene(tmp_path: Path, data_dir: Path, **settings: str) -> AsyncIterator[Scene]:
    async with LoopbackDiscord(TOKEN) as discord, LoopbackClarifai() as clarifai:
        discord.add_guild("Cats").add_text_channel("videos")
        usual = {**settings_for(discord, data_dir), **clarifai_settings(clarifai)}
        # What PYTHONPATH brings is loaded as an interpreter starts.
        fresh = "PYTHONPATH" in settings
        async with started({**usual, **settings}, tmp_path / "bot", fresh=fresh) as program:
            await discord.wait_ready()
            yield Scene(discord, clarifai, program)
            assert await program.stop() == 0, program.log
        assert discord.unknown_routes == []
        assert clarifai.violations == []
        check_log(program.log)


def check_log(log: str) -> None:
    """What is expected to fail needs no traceback, and nobody may read tokens or signatures."""
    assert "Traceback" not in log, log
    for secret in (TOKEN, CLARIFAI_TOKEN, "ex=", "hm="):
        assert secret not in log


async def test_one_process_lives_through_every_bad_day(tmp_path: Path, data_dir: Path) -> None:
    async with scene(tmp_path, data_dir, **AT_ONCE) as at:
        good = [await at.post_into_fault(*each) for each in PASSING_FAULTS.items()]
        for days in BAD_DAYS:
            await _live_through(at, days)
            good.append(await at.post("good"))
            assert await at.is_tagged(good[-1])
        assert all([await at.is_tagged(message) for message in good])
        assert set(at.count_replies(*good)) == {1}


async def _live_through(at: Scene, days: Mapping[str, Day]) -> None:
    """Have every day once with a clip somebody asks about, and once with one that is noticed."""
    asked = {name: await at.post(name, day=day) for name, day in days.items()}
    noticed = [await at.post(name, text="", day=day) for name, day in days.items()]
    for message in noticed:
        await at.discord.wait_for_reaction(message, REFUSED, timeout=PATIENCE)
    for name, message in asked.items():
        assert await at.reply_to(message) == f"**{name}.mp4** · {days[name].sentence}"
        assert not message.reactions
    assert set(at.count_replies(*asked.values())) == {1}
    assert set(at.count_replies(*noticed)) == {0}


async def test_every_line_of_the_log_that_is_about_a_job_has_its_id(
    tmp_path: Path, data_dir: Path
) -> None:
    async with scene(tmp_path, data_dir, **AT_ONCE) as at:
        retried = await at.post_into_fault("retried", Reply(cuts=True))
        both = await at.post("one", "two", day=GONE)
        slash = await at.ann.slash(at.channel, "tags", url=both.attachments[0].url)
        await asyncio.gather(
            at.reply_to(retried), at.reply_to(both), slash.wait_for_response(PATIENCE)
        )
        calls = len(at.clarifai.calls)
        at.clarifai.script(*(replace(each, hangs=True) for each in (ANSWER, REFUSAL)))
        mute = await at.post("mute")
        await at.clarifai.wait_for_calls(calls + 1)
        stiff = await at.post("stiff", text="")
        await at.clarifai.wait_for_calls(calls + 2)
        at.channel.deny_bot(Permission.SEND_MESSAGES | Permission.ADD_REACTIONS)
        at.clarifai.release()
        asked = at.discord.requests
        await at.discord.wait_until(
            lambda: [request.status for request in asked].count(403) == 2,
            "two refusals",
            timeout=PATIENCE,
        )
    lines = [json.loads(line) for line in at.program.log.splitlines()]
    assert {line["event"] for line in lines if "job" not in line} <= {"ready", "purged", "stopping"}
    assert _events_by_job(line for line in lines if "job" in line) == {
        f"message-{retried.id}": ["stamina.retry_scheduled"],
        f"message-{both.id}": ["clip refused", "clip refused"],
        f"interaction-{slash.id}": ["clip refused"],
        f"message-{mute.id}": ["reply not possible"],
        f"message-{stiff.id}": ["clip refused", "reaction not possible"],
    }


def _events_by_job(lines: Iterator[Mapping[str, str]]) -> dict[str, list[str]]:
    events: dict[str, list[str]] = {}
    for line in lines:
        events.setdefault(line["job"], []).append(line["event"])
    return events


async def test_a_database_that_another_process_writes_to_is_waited_for(
    tmp_path: Path, data_dir: Path
) -> None:
    async with scene(tmp_path, data_dir) as at:
        kept_late = await at.post_into_fault("kept-late", replies.throttled("1"))
        with write_lock(data_dir / "framehound.sqlite"):
            await asyncio.sleep(LOCKED_FOR)
            assert at.count_replies(kept_late) == [0]
        assert await at.is_tagged(kept_late)
        with write_lock(data_dir / "framehound-jobs.sqlite"):
            taken_late = await at.post("taken-late")
            await asyncio.sleep(LOCKED_FOR)
            assert at.count_replies(taken_late) == [0]
        assert await at.is_tagged(taken_late)
        assert at.count_replies(kept_late, taken_late) == [1, 1]
        assert len(at.clarifai.calls) == 3


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Keep everybody else from writing; to the bot, this test is another process."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_clock_that_jumps_delays_no_clip(tmp_path: Path, data_dir: Path) -> None:
    clock = JumpingClock(tmp_path / "clock")
    settings = {"PYTHONPATH": str(clock.folder), "SERVER_CONCURRENCY": "1"}
    async with scene(tmp_path, data_dir, **settings) as at:
        for offset in (HOUR, -HOUR):
            running = await at.post_into_fault("running", replies.throttled("1"))
            waiting = await at.post("waiting")
            clock.jump(offset)
            later = await at.post("later")
            for message in (running, waiting, later):
                assert await at.is_tagged(message)
            assert at.count_replies(running, waiting, later) == [1, 1, 1]
            assert clock.was_read_at(offset)


@pytest.mark.parametrize(
    ("delivery", "timeouts"),
    [
        pytest.param(Trickle(), aiohttp.ClientTimeout(total=0.3, sock_read=20), id="trickles"),
        pytest.param(Stall(after=99), aiohttp.ClientTimeout(total=20, sock_read=0.1), id="stalls"),
    ],
)
async def test_a_download_without_an_end_is_given_up(
    delivery: Delivery, timeouts: aiohttp.ClientTimeout, tmp_path: Path
) -> None:
    """In this process, whose timeouts can be short; the bot's own would take minutes."""
    async with LoopbackDiscord(TOKEN) as discord:
        guild = discord.add_guild("Cats")
        files = [("slow.mp4", CITY, "video/mp4")]
        posted = await guild.add_member("ann").post(guild.add_text_channel("videos"), files=files)
        attachment = posted.attachments[0]
        attachment.delivery = delivery
        async with Fetcher({("127.0.0.1", discord.port)}, timeouts) as fetcher:
            with pytest.raises(TooSlow, match="took too long to download"):
                await fetcher.fetch(attachment.url, tmp_path / "clip", SIZE, ignore_progress)
        assert attachment.downloads == 1
