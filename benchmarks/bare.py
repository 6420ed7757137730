"""The minimal programs that Framehound is compared with, each started as a process.

``bare.py bot`` is a plain discord.py bot: it downloads each posted clip, sends it to Clarifai and
replies. ``bare.py tutorial CLIP…`` is the loop of the 2018 tutorials: send a clip, wait for its
answer, send the next one.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.request
from pathlib import Path

_OUTPUTS = "/v2/users/clarifai/apps/main/models/general-image-recognition/outputs"
_THRESHOLD = 0.94


def request_for(clip: bytes) -> bytes:
    """Return the body of the request to Clarifai for a clip sent as bytes."""
    video = {"base64": base64.b64encode(clip).decode()}
    config = {"sample_ms": 1000, "max_concepts": 50, "min_value": 0.0}
    model = {"output_info": {"output_config": config}}
    return json.dumps({"inputs": [{"data": {"video": video}}], "model": model}).encode()


def headers() -> dict[str, str]:
    """Return the headers of each request to Clarifai."""
    return {
        "Authorization": f"Key {os.environ['CLARIFAI_PAT']}",
        "Content-Type": "application/json",
    }


def summary(answer: bytes) -> str:
    """Return one line per second of the clip."""
    frames = json.loads(answer)["outputs"][0]["data"]["frames"]
    lines = []
    for frame in frames:
        concepts = frame["data"]["concepts"]
        names = [c["name"] for c in concepts if c["value"] > _THRESHOLD]
        lines.append(f"{int(frame['frame_info'].get('time', 0)) // 1000}: {', '.join(names)}")
    return "\n".join(lines)[:2000]


def tutorial(clips: list[str]) -> None:
    """Send one clip after the other."""
    url = os.environ["CLARIFAI_API_URL"] + _OUTPUTS
    for clip in clips:
        asked = urllib.request.Request(  # noqa: S310 - our own stand-in's
            url, request_for(Path(clip).read_bytes()), headers()
        )
        with urllib.request.urlopen(asked) as answer:  # noqa: S310 - see above
            summary(answer.read())


def bot() -> None:
    """Answer clips until the process is ended."""
    import aiohttp  # noqa: PLC0415 - the tutorial knows none of it
    import discord  # noqa: PLC0415 - see above
    from discord.ext import commands  # noqa: PLC0415 - see above
    from discord.gateway import DiscordWebSocket  # noqa: PLC0415 - see above
    from discord.http import Route  # noqa: PLC0415 - see above
    from yarl import URL  # noqa: PLC0415 - see above

    Route.BASE = os.environ["DISCORD_API_URL"]
    outputs = os.environ["CLARIFAI_API_URL"] + _OUTPUTS

    class Bare(commands.AutoShardedBot):
        async def setup_hook(self) -> None:
            _, gateway, _ = await self.http.get_bot_gateway()
            DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway).with_query(None)
            self.session = aiohttp.ClientSession()

        async def on_message(self, message: discord.Message, /) -> None:
            for attachment in message.attachments:
                async with self.session.get(attachment.url) as clip:
                    content = await clip.read()
                asked = self.session.post(outputs, data=request_for(content), headers=headers())
                async with asked as answer:
                    await message.reply(summary(await answer.read()))

    intents = discord.Intents.none()
    intents.guilds = intents.messages = intents.message_content = True
    Bare(command_prefix="!", intents=intents).run(os.environ["DISCORD_TOKEN"], log_handler=None)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bot"]:
            bot()
        case ["tutorial", *clips]:
            tutorial(clips)
        case _:
            sys.exit(__doc__)
