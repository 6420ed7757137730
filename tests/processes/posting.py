"""People on several servers who post clips, repost them, link to them and ask about them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.conftest import CLIPS

if TYPE_CHECKING:
    from random import Random

    from loopback_discord import Channel, LoopbackDiscord, Member, Message

    File = tuple[str, bytes, str]

_SERVERS = {"Cats": 4, "Cities": 2, "Trains": 1}
_WAYS = {"new": 9, "two": 2, "again": 3, "link": 2, "ask": 2, "ask about": 2}


class People:
    """Members who post; each of ``messages`` must get one reply."""

    def __init__(self, discord: LoopbackDiscord, random: Random) -> None:
        self.messages: list[Message] = []
        self._random = random
        self._files: list[File] = []
        self._channels = [_open(discord, name) for name in _SERVERS]

    async def post(self, count: int) -> None:
        """Post ``count`` messages, the first of them with a new clip."""
        await self._post("new")
        for _ in range(count - 1):
            (way,) = self._random.choices(tuple(_WAYS), tuple(_WAYS.values()))
            await self._post(way)

    async def _post(self, way: str) -> None:
        (chosen,) = self._random.choices(self._channels, tuple(_SERVERS.values()))
        channel, person = chosen
        earlier = [m for m in self.messages if m.channel is channel and m.attachments]
        if way in {"link", "ask about"} and not earlier:
            way = "new"
        match way:
            case "link":
                url = self._random.choice(earlier).attachments[0].url
                message = await person.post(channel, f"remember {url} ?")
            case "ask about":
                about = self._random.choice(earlier)
                message = await person.post(channel, "!tags", reply_to=about)
            case "ask":
                message = await person.post(channel, "!tags", files=[self._new()])
            case "two":
                message = await person.post(channel, "both", files=[self._new(), self._new()])
            case "again":
                message = await person.post(channel, files=[self._random.choice(self._files)])
            case _:
                message = await person.post(channel, "look", files=[self._new()])
        self.messages.append(message)

    def _new(self) -> File:
        """Make a new clip of an old one by adding bytes that players skip."""
        number = len(self._files)
        if self._random.random() < 0.5:
            # Players ignore a box named "free" (ISO/IEC 14496-12, 8.1.2).
            content = (CLIPS / "city.mp4").read_bytes() + struct.pack(">I4sI", 12, b"free", number)
            file = (f"city-{number}.mp4", content, "video/mp4")
        else:
            # Nothing is read after a GIF's trailer (GIF89a, section 27).
            content = (CLIPS / "montage.gif").read_bytes() + struct.pack(">I", number)
            file = (f"montage-{number}.gif", content, "image/gif")
        self._files.append(file)
        return file


def _open(discord: LoopbackDiscord, name: str) -> tuple[Channel, Member]:
    guild = discord.add_guild(name)
    return guild.add_text_channel("videos"), guild.add_member(f"ann of {name}")
