"""A separate process that saves on command: ``python -m tests.storage.saver URL``.

Prints ``ready`` once the database is open. For every line it reads, it saves the shared tagging and
the line as a threshold and as a meta value, then prints ``saved``.
"""

from __future__ import annotations

import asyncio
import sys

from bot.storage.database import Database
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.meta import MetaStore
from bot.storage.taggings import TaggingStore
from tests.storage.samples import GUILD, IDENTITY, TAGGING


async def main(url: str) -> None:
    async with Database.open(url) as database:
        report("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            await TaggingStore(database).save(TAGGING)
            await GuildSettingsStore(database).set_threshold(GUILD, str(IDENTITY), float(line))
            await MetaStore(database).set("last", line.strip())
            report("saved")


def report(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
