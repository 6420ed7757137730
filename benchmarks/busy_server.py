"""How long a clip waits while another server has hundreds of clips waiting.

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

from tests.processes.programs import TOKEN, answer_to, clarifai_settings, settings_for, started
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_replies import recorded
from tests.stand_ins.discord import LoopbackDiscord

if TYPE_CHECKING:
    from tests.stand_ins.discord import Channel, Member

CLIP = (Path(__file__).parent.parent / "tests" / "clips" / "montage.gif").read_bytes()
LATENCY = 0.3


def clip(number: int) -> tuple[str, bytes, str]:
    """Return a clip nobody has posted before."""
    return "clip.gif", CLIP + number.to_bytes(4, "big"), "image/gif"


async def wait_for_one(discord: LoopbackDiscord, place: tuple[Channel, Member], n: int) -> float:
    """Post one clip and return the seconds until its reply."""
    channel, member = place
    began = time.perf_counter()
    posted = await member.post(channel, "", files=[clip(n)])
    await answer_to(discord, posted, 300)
    return time.perf_counter() - began


async def measure(waiting: int, runs: int) -> tuple[list[float], list[float], float]:
    """Return the waits on a quiet bot, those beside a busy server, and how long that one took."""
    async with LoopbackDiscord(TOKEN) as discord, LoopbackClarifai() as clarifai:
        clarifai.serve(replace(recorded("video_beer_2017.json"), delay=LATENCY))
        places = []
        for name in ("Busy", "Quiet"):
            guild = discord.add_guild(name)
            places.append((guild.add_text_channel("clips"), guild.add_member("ann")))
        busy, quiet = places
        folder = Path(tempfile.mkdtemp())
        settings = {**settings_for(discord, folder), **clarifai_settings(clarifai)}
        async with started(settings, folder / "run"):
            await discord.wait_ready()
            alone = [await wait_for_one(discord, quiet, n) for n in range(runs)]
            began = time.perf_counter()
            posted = [
                await busy[1].post(busy[0], "", files=[clip(1000 + n)]) for n in range(waiting)
            ]
            await discord.wait_for_message(busy[0], timeout=60)
            in_background = [await wait_for_one(discord, quiet, 100 + n) for n in range(runs)]
            for message in posted:
                await answer_to(discord, message, 600)
            return alone, in_background, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    alone, in_background, took = asyncio.run(measure(chosen.waiting, chosen.runs))
    for name, waits in (("alone", alone), (f"beside {chosen.waiting} waiting", in_background)):
        print(f"{name:24} median {statistics.median(waits):.2f} s, longest {max(waits):.2f} s")
    print(f"the busy server's own    {took:.1f} s for all")


if __name__ == "__main__":
    main()
