"""Talk to a bot from the terminal: ``python -m loopback_discord``.

Starts a Discord with one guild and one channel, and prints the settings with which a bot connects
to it. Each line on standard input is then an action of a person; the bot's messages are printed,
and their files are saved.
"""

from __future__ import annotations

import argparse
import asyncio
import mimetypes
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from loopback_discord.model.attachments import Upload
from loopback_discord.model.messages import BUTTON, walk_components
from loopback_discord.model.roles import Permission
from loopback_discord.server import LoopbackDiscord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loopback_discord.api import Json
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.interactions import Interaction
    from loopback_discord.model.messages import Message
    from loopback_discord.model.users import Member

_HELP = """\
post FILE [TEXT]          post a file
say TEXT                  post a message
reply TEXT                reply to the last message
slash NAME [KEY=VALUE ..] use a slash command; a value @FILE is a file
menu NAME                 use a command of the context menu of your last message
click BUTTON              click a button, by its label or its custom id
"""


class Console:
    """Runs the lines that a person types, and prints the bot's messages."""

    def __init__(self, channel: Channel, person: Member, folder: Path) -> None:
        self._channel = channel
        self._person = person
        self._folder = folder
        self._printed: dict[int, tuple[object, ...]] = {}
        self._interaction: Interaction | None = None

    async def run(self, line: str) -> None:
        """Run a line, or print why that is not possible."""
        verb, _, rest = line.strip().partition(" ")
        try:
            await self._run(verb, rest.strip())
        except (OSError, LookupError, TypeError, ValueError) as error:
            write_line(f"! {error}")

    async def _run(self, verb: str, rest: str) -> None:
        person, channel = self._person, self._channel
        match verb:
            case "post":
                path, _, text = rest.partition(" ")
                await person.post(channel, text, files=[await _read(path)])
            case "say":
                await person.post(channel, rest)
            case "reply":
                await person.post(channel, rest, reply_to=list(channel.messages.values())[-1])
            case "slash":
                await self._slash(rest)
            case "menu":
                own = [m for m in channel.messages.values() if m.author is person.user]
                self._interaction = await person.use_context_menu(channel, rest, own[-1])
            case "click":
                await self._click(rest)
            case "":
                pass
            case _:
                write_line(_HELP)

    async def _click(self, name: str) -> None:
        """Click the newest button with this label or custom id."""
        for message in reversed(self._channel.messages.values()):
            for button in _buttons(message.components):
                if name in {button.get("label"), button["custom_id"]}:
                    self._interaction = await self._person.click(message, button["custom_id"])
                    return
        raise LookupError(f"there is no button {name!r}")

    async def _slash(self, rest: str) -> None:
        words = rest.split()
        name = " ".join(word for word in words if "=" not in word)
        pairs = (word.split("=", 1) for word in words if "=" in word)
        options = {key: await _option_value(text) for key, text in pairs}
        self._interaction = await self._person.slash(self._channel, name, **options)

    async def print_news(self) -> None:
        """Print the bot's messages that are new or have changed, and the title of a modal."""
        if self._interaction and self._interaction.modal:
            write_line(f"  modal: {self._interaction.modal['title']} (cannot be submitted here)")
            self._interaction = None
        for message in list(self._channel.messages.values()):
            buttons = [button["custom_id"] for button in _buttons(message.components)]
            version = (message.content, len(message.attachments), buttons)
            is_new = message.author.bot and self._printed.get(message.id) != version
            if is_new and not message.loading:
                self._printed[message.id] = version
                await self._print(message)

    async def _print(self, message: Message) -> None:
        to = f" (to {message.reference.message.content!r})" if message.reference else ""
        write_line(f"{message.author.name}{to}: {message.content}")
        for embed in message.embeds:
            write_line(f"  embed: {embed.get('title') or ''} {embed.get('description') or ''}")
        for component in walk_components(message.components):
            if "content" in component:
                write_line(f"  {component['content']}")
        for button in _buttons(message.components):
            write_line(f"  button: {button.get('label') or ''} {button['custom_id']}")
        for attachment in message.attachments:
            path = self._folder / f"{attachment.id}-{attachment.filename}"
            await asyncio.to_thread(path.write_bytes, attachment.content)
            write_line(f"  file: {path} ({attachment.description or 'no description'})")


def _buttons(components: Sequence[Json]) -> list[Json]:
    """Return the buttons that the bot handles, which are those without a link."""
    parts = walk_components(components)
    return [part for part in parts if part["type"] == BUTTON and "custom_id" in part]


def write_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _read(path: str) -> Upload:
    content = await asyncio.to_thread(Path(path).read_bytes)
    return Upload(Path(path).name, content, mimetypes.guess_type(path)[0])


async def _option_value(text: str) -> object:
    if text.startswith("@"):
        return await _read(text[1:])
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def _lines_of_stdin() -> asyncio.Queue[str]:
    """Read standard input in a daemon thread, which does not delay the end of the process."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line)

    threading.Thread(target=read, daemon=True).start()
    return queue


async def _print_forever(discord: LoopbackDiscord, console: Console) -> None:
    while True:
        change = discord.changes.next()
        await console.print_news()
        await change.wait()


async def _run_forever(console: Console, lines: asyncio.Queue[str]) -> None:
    while True:
        await console.run(await lines.get())


async def _serve(options: argparse.Namespace) -> None:
    options.save.mkdir(parents=True, exist_ok=True)
    async with LoopbackDiscord(options.token, port=options.port) as discord:
        guild = discord.add_guild("Terminal")
        person = guild.add_member("you", permissions=Permission.MANAGE_GUILD)
        console = Console(guild.add_text_channel("videos"), person, options.save)
        write_line(f"DISCORD_API_URL={discord.api_url}")
        write_line(f"DISCORD_TOKEN={options.token}")
        write_line(f"FETCH_ALLOWED_HOSTS={discord.address}")
        write_line(_HELP)
        lines = _lines_of_stdin()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_print_forever(discord, console))
            tasks.create_task(_run_forever(console, lines))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loopback_discord")
    parser.add_argument("--token", default="loopback", help="the token that the bot logs in with")
    parser.add_argument("--port", type=int, default=0, help="any free port by default")
    parser.add_argument("--save", type=Path, default=Path("replies"), help="folder for files")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        write_line("bye")


if __name__ == "__main__":
    main()
