"""Talk to a bot from the terminal: ``python -m tests.stand_ins.discord``.

Starts a Discord with one guild and one channel and prints where a bot finds it. Then each line
typed is something a person does there; whatever the bot answers is printed, and its files saved.
"""

from __future__ import annotations

import argparse
import asyncio
import mimetypes
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.stand_ins.discord.attachments import Upload
from tests.stand_ins.discord.component_rules import walk
from tests.stand_ins.discord.permissions import Permission
from tests.stand_ins.discord.server import LoopbackDiscord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.interactions import Interaction
    from tests.stand_ins.discord.messages import Message
    from tests.stand_ins.discord.people import Member
    from tests.stand_ins.discord.refusals import Json

_HELP = """\
post FILE [TEXT]          post a file
say TEXT                  write a message, a link for one
reply TEXT                reply to the last message
slash NAME [KEY=VALUE ..] use a command; @FILE for a file, numbers as such
menu NAME                 use a context menu on the last message of a person
press NAME [VALUE ..]     press a button of the last message that has it, or choose in a select
fill [KEY=VALUE ..]       send the form that a press opened
"""


class Console:
    """Turns lines into what a person does, and messages of the bot into lines."""

    def __init__(self, channel: Channel, person: Member, folder: Path) -> None:
        self._channel = channel
        self._person = person
        self._folder = folder
        self._shown: dict[int, tuple[object, ...]] = {}
        self._pressed: Interaction | None = None
        self._form_shown = False

    async def act(self, line: str) -> None:
        """Do what a line says; a line that cannot be done says why."""
        verb, _, rest = line.strip().partition(" ")
        try:
            await self._act(verb, rest.strip())
        except (OSError, LookupError, TypeError, ValueError) as error:
            say(f"! {error}")

    async def _act(self, verb: str, rest: str) -> None:
        person, channel = self._person, self._channel
        if verb == "post":
            path, _, text = rest.partition(" ")
            await person.post(channel, text, files=[await _read(path)])
        elif verb == "say":
            await person.post(channel, rest)
        elif verb == "reply":
            await person.post(channel, rest, reply_to=list(channel.messages.values())[-1])
        elif verb == "slash":
            await self._slash(rest)
        elif verb == "menu":
            theirs = [m for m in channel.messages.values() if m.author is person.user]
            await person.use_context_menu(channel, rest, theirs[-1])
        elif verb == "press":
            await self._press(rest)
        elif verb == "fill" and self._pressed:
            filled = dict(word.split("=", 1) for word in rest.split())
            self._pressed = await person.submit(self._pressed, filled)
        elif verb:
            say(_HELP)

    async def _press(self, rest: str) -> None:
        """Press what is called so, by its label or its custom id; what follows are values."""
        for message in reversed(self._channel.messages.values()):
            for part in _usable(message.components):
                for name in filter(None, (part.get("label"), part["custom_id"])):
                    if f"{rest} ".startswith(f"{name} "):
                        values = rest.removeprefix(name).split()
                        press = self._person.click(message, part["custom_id"], values=values)
                        self._pressed, self._form_shown = await press, False
                        return
        raise LookupError(f"nothing here is called {rest!r}")

    async def _slash(self, rest: str) -> None:
        words = rest.split()
        name = " ".join(word for word in words if "=" not in word)
        pairs = (word.split("=", 1) for word in words if "=" in word)
        options = {key: await _value(text) for key, text in pairs}
        await self._person.slash(self._channel, name, **options)

    async def show(self) -> None:
        """Print what the bot wrote or changed since the last time, and the form it opened."""
        if self._pressed and self._pressed.modal and not self._form_shown:
            self._form_shown = True
            modal = self._pressed.modal
            keys = " ".join(part["custom_id"] for part in _usable(modal["components"]))
            say(f"  form: {modal['title']}: {keys}")
        for message in list(self._channel.messages.values()):
            buttons = [part["custom_id"] for part in _usable(message.components)]
            state = (message.content, message.loading, len(message.attachments), buttons)
            is_news = message.author.bot and self._shown.get(message.id) != state
            if is_news and not message.loading:
                self._shown[message.id] = state
                await self._print(message)

    async def _print(self, message: Message) -> None:
        whom = f" (to {message.reference.message.content!r})" if message.reference else ""
        say(f"{message.author.name}{whom}: {message.content}")
        for embed in message.embeds:
            say(f"  embed: {embed.get('title') or ''} {embed.get('description') or ''}")
        for part in walk(message.components):
            if "content" in part:
                say(f"  {part['content']}")
        for part in _usable(message.components):
            say(f"  press: {part.get('label') or ''} {part['custom_id']}")
        for attachment in message.attachments:
            path = self._folder / f"{attachment.id}-{attachment.filename}"
            await asyncio.to_thread(path.write_bytes, attachment.content)
            say(f"  file: {path} ({attachment.description or 'no description'})")


def _usable(components: Sequence[Json]) -> list[Json]:
    return [part for part in walk(components) if "custom_id" in part]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _read(path: str) -> Upload:
    content = await asyncio.to_thread(Path(path).read_bytes)
    return Upload(Path(path).name, content, mimetypes.guess_type(path)[0])


async def _value(text: str) -> object:
    if text.startswith("@"):
        return await _read(text[1:])
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def _lines() -> asyncio.Queue[str]:
    """Read standard input in a thread, which dies with the process however long it waits."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line)

    threading.Thread(target=read, daemon=True).start()
    return queue


async def _follow(discord: LoopbackDiscord, console: Console) -> None:
    while True:
        change = discord.changes.next()
        await console.show()
        await change.wait()


async def _run(options: argparse.Namespace) -> None:
    options.save.mkdir(parents=True, exist_ok=True)
    async with LoopbackDiscord(options.token, port=options.port) as discord:
        guild = discord.add_guild("Terminal")
        person = guild.add_member("you", permissions=Permission.MANAGE_GUILD)
        console = Console(guild.add_text_channel("videos"), person, options.save)
        say(f"DISCORD_API_URL={discord.api_url}")
        say(f"DISCORD_TOKEN={options.token}")
        say(f"FETCH_ALLOWED_HOSTS={discord.address}")
        say(_HELP)
        lines = _lines()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_follow(discord, console))
            tasks.create_task(_act(console, lines))


async def _act(console: Console, lines: asyncio.Queue[str]) -> None:
    while True:
        await console.act(await lines.get())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stand_ins.discord")
    parser.add_argument("--token", default="loopback", help="the token the bot must show")
    parser.add_argument("--port", type=int, default=0, help="free by default")
    parser.add_argument("--save", type=Path, default=Path("replies"), help="for the bot's files")
    try:
        asyncio.run(_run(parser.parse_args()))
    except KeyboardInterrupt:
        say("bye")


if __name__ == "__main__":
    main()
