"""The server itself: downloads, unknown routes, waits, other processes, the terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import aiohttp
import discord
import pytest

from loopback_discord import (
    EndlessDownload,
    LoopbackDiscord,
    RefuseDownload,
    StallDownload,
    TruncateDownload,
    WrongContentLength,
)
from sample_bot import SampleBot

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_discord import Interaction

TOKEN = "loopback-token"  # noqa: S105 - made up
CLIP = b"not really a clip" * 100


async def test_downloads_fail_as_scripted() -> None:
    async with LoopbackDiscord(TOKEN) as loopback, aiohttp.ClientSession() as session:
        guild = loopback.add_guild()
        clip = ("cat.mp4", CLIP)
        message = await guild.owner.post(guild.add_text_channel("videos"), files=[clip])
        attachment = message.attachments[0]
        for fault in (TruncateDownload(10), WrongContentLength(len(CLIP) + 1)):
            attachment.fault = fault
            with pytest.raises(aiohttp.ClientPayloadError):
                await _download(session, attachment.url)
        attachment.fault = WrongContentLength(5)
        assert await _download(session, attachment.url) == CLIP[:5]
        for endless in (StallDownload(10), EndlessDownload()):
            attachment.fault = endless
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(_download(session, attachment.url), 0.1)
        attachment.fault = RefuseDownload(503)
        with pytest.raises(aiohttp.ClientResponseError, match="503"):
            await _download(session, attachment.url)


async def _download(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, raise_for_status=True) as response:
        return await response.read()


async def test_an_unknown_route_is_listed() -> None:
    async with LoopbackDiscord(TOKEN) as loopback, aiohttp.ClientSession() as session:
        async with session.get(f"{loopback.api_url}/stickers/1") as response:
            assert (response.status, await response.json()) == (
                404,
                {"message": "404: Not Found", "code": 0},
            )
        assert loopback.unknown_routes == ["GET /stickers/1"]


async def test_an_interaction_is_acknowledged_once_and_in_time() -> None:
    headers = {"Authorization": f"Bot {TOKEN}"}
    async with (
        LoopbackDiscord(TOKEN) as loopback,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        guild = loopback.add_guild()
        channel = guild.add_text_channel("videos")
        commands = f"{loopback.api_url}/applications/{loopback.bot.id}/commands"
        async with session.put(commands, json=[{"name": "tags", "description": "Tag"}]) as response:
            assert response.status == 200

        async def defer(used: Interaction) -> tuple[int, int | None]:
            callback = f"{loopback.api_url}/interactions/{used.id}/{used.token}/callback"
            async with session.post(callback, json={"type": 5}) as response:
                body = await response.json() if response.status != 204 else {}
                return response.status, body.get("code")

        first, late, expired = [await guild.owner.slash(channel, "tags") for _ in range(3)]
        assert [await defer(first), await defer(first)] == [(204, None), (400, 40060)]
        late._created -= 3.1
        expired.expire()
        assert [await defer(late), await defer(expired)] == [(404, 10062), (404, 10062)]
        first.expire()
        original = f"{loopback.api_url}/webhooks/{loopback.bot.id}/{first.token}/messages/@original"
        async with session.patch(original, json={"content": "late"}) as response:
            assert (response.status, (await response.json())["code"]) == (401, 50027)
        assert TOKEN not in repr(loopback.requests)


async def test_a_timeout_says_what_was_missing() -> None:
    async with LoopbackDiscord(TOKEN) as loopback:
        guild = loopback.add_guild()
        channel = guild.add_text_channel("videos")
        message = await guild.owner.post(channel, "anyone?")
        with pytest.raises(TimeoutError, match=r"no reply to 'anyone\?' in 0.01 s. Last requests"):
            await loopback.wait_for_message(channel, reply_to=message, timeout=0.01)


_OTHER_BOT = """
import discord, sys
discord.http.Route.BASE = sys.argv[1]
bot = discord.AutoShardedClient(intents=discord.Intents.default(), guild_ready_timeout=0.05)
bot.run(sys.argv[2], log_handler=None)
"""


async def test_a_bot_in_another_process_can_be_killed() -> None:
    async with LoopbackDiscord(TOKEN) as loopback:
        command = (sys.executable, "-c", _OTHER_BOT, loopback.api_url, TOKEN)
        process = await asyncio.create_subprocess_exec(*command)
        await loopback.wait_ready()
        process.kill()
        await process.wait()
        await loopback.wait_disconnected()
        assert len(loopback.gateway.sessions) == 1


async def test_the_terminal_prints_replies_and_saves_their_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clip = tmp_path / "cat.mp4"
    clip.write_bytes(CLIP)
    command = ("-m", "loopback_discord", "--token", TOKEN, "--save", str(tmp_path / "out"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    api_url = (await process.stdout.readline()).decode().strip().partition("=")[2]
    monkeypatch.setattr(discord.http.Route, "BASE", api_url)
    bot = SampleBot()
    task = asyncio.create_task(bot.start(TOKEN))
    await _until_connected(bot)
    process.stdin.write(f"post {clip} look\n".encode())
    assert await _read_until(process.stdout, "framehound (to 'look')") == f"{len(CLIP)} @everyone"
    saved = (await _read_until(process.stdout, "  file")).partition(" (")[0]
    assert (tmp_path / "out" / saved).read_bytes() == CLIP
    process.stdin.write(b"slash ask\n")
    assert await _read_until(process.stdout, "  button") == "Press press"
    process.stdin.write(b"click Name\n")
    assert (await _read_until(process.stdout, "  modal")).startswith("Your name")
    process.stdin.write(b"click nothing\n")
    assert await _read_until(process.stdout, "! ") == "there is no button 'nothing'"
    process.stdin.write(b"click Press\n")
    assert await _read_until(process.stdout, "framehound") == "pressed"
    process.stdin.write(b"slash privacy\n")
    assert "['show']" in await _read_until(process.stdout, "! 'privacy' needs a subcommand")
    await bot.close()
    await task
    process.kill()
    await process.wait()


async def _until_connected(bot: SampleBot) -> None:
    ready = asyncio.Event()

    async def on_ready() -> None:
        ready.set()

    bot.add_listener(on_ready)
    await ready.wait()


async def _read_until(stream: asyncio.StreamReader, start: str) -> str:
    while line := (await stream.readline()).decode():
        if line.startswith(start):
            return line.removeprefix(start).removeprefix(": ").strip()
    raise EOFError(start)
