"""A Discord on 127.0.0.1: gateway, REST and CDN over real sockets, and people to play.

async with LoopbackDiscord(token="abc") as discord:
    guild = discord.add_guild("Cats")
    channel, ann = guild.add_text_channel("videos"), guild.add_member("ann")
    ...  # start a bot whose API root is discord.api_url
    await discord.wait_ready()
    message = await ann.post(channel, "look", files=[("cat.mp4", clip, "video/mp4")])
    reply = await discord.wait_for_message(channel, reply_to=message)
"""

# ruff: noqa: ASYNC109 - a wait that fails says what was missed, which asyncio.timeout could not

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from tests.stand_ins.discord import posting
from tests.stand_ins.discord.cdn import Cdn
from tests.stand_ins.discord.faults import Faults
from tests.stand_ins.discord.gateway import Gateway
from tests.stand_ins.discord.interaction_routes import InteractionRoutes
from tests.stand_ins.discord.journal import Journal
from tests.stand_ins.discord.message_routes import MessageRoutes
from tests.stand_ins.discord.rest import PREFIX, Rest
from tests.stand_ins.discord.server_routes import ServerRoutes
from tests.stand_ins.discord.waiting import Changes
from tests.stand_ins.discord.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.guilds import Guild
    from tests.stand_ins.discord.journal import Request
    from tests.stand_ins.discord.messages import Message
    from tests.stand_ins.discord.people import Member, User
    from tests.stand_ins.discord.refusals import Json

_HOST = "127.0.0.1"
_GATEWAY = "/gateway"
_SHUTDOWN_SECONDS = 0.1


class LoopbackDiscord:
    """The server; without ``privileged_content`` the bot has not been granted message content."""

    def __init__(
        self, token: str, *, privileged_content: bool = True, shards: int = 1, port: int = 0
    ) -> None:
        self.journal = Journal()
        self.faults = Faults()
        self.changes = Changes(self.journal.describe)
        self.world = World(self.changes, content_granted=privileged_content)
        self.gateway = Gateway(self.world, token)
        self.port = port
        self._token = token
        self._shards = shards
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        runner = self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        app.router.add_get(f"{_GATEWAY}/", self.gateway.handle)
        self._add_rest(app)
        Cdn(self.world, self._closing).add_to(app)
        await runner.setup()
        await web.TCPSite(runner, _HOST, self.port).start()
        self.port = runner.addresses[0][1]
        self.world.cdn_root = f"http://{self.address}"
        self.gateway.url = self.gateway_url
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self.gateway.drop()
        if self._runner is not None:
            await self._runner.cleanup()

    def _add_rest(self, app: web.Application) -> None:
        rest = Rest(self._token, self.faults, self.journal, self.changes, self._closing)
        parts = (
            ServerRoutes(self.world, self.gateway, self._shards),
            MessageRoutes(self.world),
            InteractionRoutes(self.world),
        )
        rest.add_to(app, [route for part in parts for route in part.routes()])

    @property
    def address(self) -> str:
        """``host:port`` of everything, the CDN too."""
        return f"{_HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        return f"http://{self.address}{PREFIX}"

    @property
    def gateway_url(self) -> str:
        return f"ws://{self.address}{_GATEWAY}/"

    @property
    def bot(self) -> User:
        return self.world.bot

    @property
    def requests(self) -> list[Request]:
        return self.journal.requests

    @property
    def unknown_routes(self) -> list[str]:
        """What was asked that this stand-in does not know; a test should find it empty."""
        return self.journal.unknown_routes

    def add_guild(
        self,
        name: str = "Cats",
        shard: tuple[int, int] | None = None,
        *,
        system_channel: str | None = None,
    ) -> Guild:
        """Add a server and let the bot join."""
        return self.world.add_guild(name, shard, system_channel=system_channel)

    def add_foreign_guild(self, name: str = "Elsewhere") -> Guild:
        """Add a server the bot is not in, where people use what they installed for themselves."""
        return self.world.add_guild(name, joined=False)

    def add_group(self, *members: Member) -> Channel:
        """Let people talk among themselves in private, without the bot."""
        return self.world.add_group([member.user for member in members])

    def send_reconnect(self, *, repeat: int = 0) -> None:
        """Ask every session to come back (op 7); the last ``repeat`` events are then told twice."""
        self.gateway.send_reconnect(repeat=repeat)

    def drop(self) -> None:
        """Cut every socket of the gateway off without a word."""
        self.gateway.drop()

    def invalidate_session(self, *, resumable: bool = False) -> None:
        """Declare every session lost (op 9)."""
        self.gateway.invalidate_sessions(resumable=resumable)

    def redeliver(self, message: Message) -> None:
        """Announce a message that was announced before."""
        self.world.publish(posting.created_event(message))

    def unfurl(self, message: Message, embeds: list[Json]) -> None:
        """Add the embeds of a message's links, late, as Discord does."""
        posting.unfurl(message, embeds)

    def forget_nonces(self) -> None:
        """Let the minutes pass for which a nonce is remembered."""
        self.world.nonces.clear()

    def replies_to(self, message: Message) -> list[Message]:
        found = message.channel.messages.values()
        return [candidate for candidate in found if candidate.replies_to(message)]

    async def wait_ready(self, timeout: float = 30) -> None:
        """Wait until every shard is connected and has been told of its guilds."""
        await self.wait_until(self.gateway.complete, "bot with all its shards", timeout=timeout)

    async def wait_disconnected(self, timeout: float = 10) -> None:
        """Wait until the last socket is closed, as after a ``kill -9``."""
        gone = "end of the bot's connections"
        await self.wait_until(lambda: not self.gateway.connections, gone, timeout=timeout)

    async def wait_until(
        self, holds: Callable[[], bool], what: str, *, timeout: float = 10
    ) -> None:
        await self.changes.until(lambda: holds() or None, what, timeout=timeout)

    async def wait_for_message(
        self,
        channel: Channel,
        *,
        author_is_bot: bool = True,
        reply_to: Message | None = None,
        after: Message | None = None,
        matching: Callable[[Message], bool] = lambda _message: True,
        timeout: float = 10,
    ) -> Message:
        """Return the first message that fits; one that is already there fits too."""

        def fits(message: Message) -> bool:
            return (
                (message.author is self.bot) == author_is_bot
                and (reply_to is None or message.replies_to(reply_to))
                and (after is None or message.id > after.id)
                and not message.loading
                and matching(message)
            )

        def find() -> Message | None:
            return next(filter(fits, channel.messages.values()), None)

        what = f"reply to {reply_to.content!r}" if reply_to else f"message in #{channel.name}"
        return await self.changes.until(find, what, timeout=timeout)

    async def wait_for_typing(self, channel: Channel, timeout: float = 10) -> None:
        """Wait until the bot has been seen typing."""
        typing = f"typing in #{channel.name}"
        await self.wait_until(lambda: channel.typing > 0, typing, timeout=timeout)

    async def wait_for_reaction(
        self, message: Message, emoji: str | None = None, timeout: float = 10
    ) -> str:
        """Return the emoji of a reaction of the bot's."""

        def find() -> str | None:
            mine = [name for name, users in message.reactions.items() if self.bot in users]
            return next((name for name in mine if emoji in {None, name}), None)

        what = f"reaction {emoji or ''} to {message.content!r}"
        return await self.changes.until(find, what, timeout=timeout)
