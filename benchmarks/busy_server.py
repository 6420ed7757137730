"""Measure how long a clip waits while another server has hundreds of clips waiting.

python benchmarks/busy_server.py [--waiting 200] [--runs 5]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from loopback_discord import LoopbackDiscord
from tests.processes.programs import TOKEN, answer_to, clarifai_settings, settings_for, started
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_replies import recorded

if TYPE_CHECKING:
    from loopback_discord import Channel, Member

CLIP = (Path(__file__).parent.parent / "tests" / "clips" / "montage.gif").read_bytes()
LATENCY = 0.3


def clip(number: int) -> tuple[str, bytes, str]:
    """Return a clip with new bytes."""
    return "clip.gif", CLIP + number.to_bytes(4, "big"), "image/gif"


async def time_reply(discord: LoopbackDiscord, poster: tuple[Channel, Member], n: int) -> float:
    """Post one clip and return the seconds until its reply."""
    channel, member = poster
    began = time.perf_counter()
    posted = await member.post(channel, "", files=[clip(n)])
    await answer_to(discord, posted, 300)
    return time.perf_counter() - began


async def measure(waiting: int, runs: int) -> tuple[list[float], list[float], float]:
    """Return the seconds to each reply, alone and beside a busy server, and until all are given."""
    async with LoopbackDiscord(TOKEN) as discord, LoopbackClarifai() as clarifai:
        clarifai.serve(replace(recorded("video_beer_2017.json"), delay=LATENCY))
        posters = []
        for name in ("Busy", "Quiet"):
            guild = discord.add_guild(name)
            posters.append((guild.add_text_channel("clips"), guild.add_member("ann")))
        busy, quiet = posters
        folder = Path(tempfile.mkdtemp())
        settings = {**settings_for(discord, folder), **clarifai_settings(clarifai)}
        async with started(settings, folder / "run"):
            await discord.wait_ready()
            alone = [await time_reply(discord, quiet, n) for n in range(runs)]
            began = time.perf_counter()
            posted = [
                await busy[1].post(busy[0], "", files=[clip(1000 + n)]) for n in range(waiting)
            ]
            await discord.wait_for_message(busy[0], timeout=60)
            beside_busy = [await time_reply(discord, quiet, 100 + n) for n in range(runs)]
            for message in posted:
                await answer_to(discord, message, 600)
            return alone, beside_busy, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    alone, beside_busy, took = asyncio.run(measure(chosen.waiting, chosen.runs))
    for name, waits in (("alone", alone), (f"beside {chosen.waiting} waiting", beside_busy)):
        print(f"{name:24} median {statistics.median(waits):.2f} s, longest {max(waits):.2f} s")
    print(f"replies to all           {took:.1f} s")


if __name__ == "__main__":
    main()
