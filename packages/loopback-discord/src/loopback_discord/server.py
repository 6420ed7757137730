"""The loopback Discord: gateway, REST API and CDN on one port of 127.0.0.1."""

# ruff: noqa: ASYNC109 - the error of a wait names what was waited for; asyncio.timeout's could not

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from loopback_discord.cdn import Cdn
from loopback_discord.faults import Faults
from loopback_discord.gateway import Gateway
from loopback_discord.model import message_actions
from loopback_discord.model.state import Changes, State
from loopback_discord.rest.application_routes import ApplicationRoutes
from loopback_discord.rest.guild_routes import GuildRoutes
from loopback_discord.rest.interaction_routes import InteractionRoutes
from loopback_discord.rest.message_routes import MessageRoutes
from loopback_discord.rest.request_log import RequestLog
from loopback_discord.rest.rest_api import API_PATH, RestApi

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from loopback_discord.api import Json
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.guilds import Guild
    from loopback_discord.model.messages import Message
    from loopback_discord.model.users import Member, User
    from loopback_discord.rest.request_log import Request

_HOST = "127.0.0.1"
_GATEWAY_PATH = "/gateway/"
_SHUTDOWN_S = 0.1


class LoopbackDiscord:
    """A Discord server for one bot, which logs in with ``token``.

    Without ``content_granted``, the bot may not have the message content intent. ``shards`` is the
    number of shards that Discord recommends.

    Example:
        async with LoopbackDiscord("token") as discord:
            guild = discord.add_guild("Cats")
            channel, ann = guild.add_text_channel("videos"), guild.add_member("ann")
            ...  # start a bot that uses discord.api_url
            await discord.wait_ready()
            message = await ann.post(channel, "look", files=[("cat.mp4", clip, "video/mp4")])
            reply = await discord.wait_for_message(channel, reply_to=message)
    """

    def __init__(
        self, token: str, *, content_granted: bool = True, shards: int = 1, port: int = 0
    ) -> None:
        self.request_log = RequestLog()
        self.faults = Faults()
        self.changes = Changes(self.request_log.describe)
        self.state = State(self.changes, content_granted=content_granted)
        self.gateway = Gateway(self.state, token)
        self.port = port
        self._token = token
        self._shards = shards
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        runner = self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        app.router.add_get(_GATEWAY_PATH, self.gateway.handle)
        self._add_rest(app)
        Cdn(self.state, self._closing).add_to(app)
        await runner.setup()
        await web.TCPSite(runner, _HOST, self.port).start()
        self.port = runner.addresses[0][1]
        self.state.cdn_url = f"http://{self.address}"
        self.gateway.url = self.gateway_url
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self.gateway.drop_connections()
        if self._runner is not None:
            await self._runner.cleanup()

    def _add_rest(self, app: web.Application) -> None:
        rest = RestApi(self._token, self.faults, self.request_log, self.changes, self._closing)
        handlers = (
            ApplicationRoutes(self.state, self.gateway, self._shards),
            MessageRoutes(self.state),
            GuildRoutes(self.state),
            InteractionRoutes(self.state),
        )
        rest.add_to(app, [route for handler in handlers for route in handler.routes()])

    @property
    def address(self) -> str:
        """``host:port`` of the gateway, the REST API and the CDN."""
        return f"{_HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        return f"http://{self.address}{API_PATH}"

    @property
    def gateway_url(self) -> str:
        return f"ws://{self.address}{_GATEWAY_PATH}"

    @property
    def bot(self) -> User:
        return self.state.bot

    @property
    def requests(self) -> list[Request]:
        """The bot's REST requests so far."""
        return self.request_log.requests

    @property
    def unknown_routes(self) -> list[str]:
        """Requests for which there is no route here; a test should assert that it is empty."""
        return self.request_log.unknown_routes

    def add_guild(
        self,
        name: str = "Cats",
        shard: tuple[int, int] | None = None,
        *,
        system_channel: str | None = None,
    ) -> Guild:
        """Add a guild that the bot joins; ``shard=(1, 2)`` puts it on the second of two shards."""
        return self.state.add_guild(name, shard, system_channel=system_channel)

    def add_guild_without_bot(self, name: str = "Elsewhere") -> Guild:
        """Add a guild that the bot has not joined; members can have the app installed."""
        return self.state.add_guild(name, joined=False)

    def add_group_dm(self, *members: Member) -> Channel:
        """Create a group DM without the bot."""
        return self.state.add_group_dm([member.user for member in members])

    def send_reconnect(self, *, repeat: int = 0) -> None:
        """Ask every shard to reconnect (op 7); its last ``repeat`` events are then sent twice."""
        self.gateway.send_reconnect(repeat=repeat)

    def drop_connections(self) -> None:
        """Cut every connection of the gateway without a closing handshake."""
        self.gateway.drop_connections()

    def invalidate_session(self, *, resumable: bool = False) -> None:
        """Invalidate every session (op 9)."""
        self.gateway.invalidate_sessions(resumable=resumable)

    def redeliver(self, message: Message) -> None:
        """Send a message's MESSAGE_CREATE event again."""
        self.state.publish(message_actions.created_event(message))

    def unfurl(self, message: Message, embeds: list[Json]) -> None:
        """Add the embeds of a message's links, some time after the message, as Discord does."""
        message_actions.add_embeds(message, embeds)

    def expire_nonces(self) -> None:
        """Forget the nonces of earlier messages, as Discord does after a few minutes."""
        self.state.nonces.clear()

    def replies_to(self, message: Message) -> list[Message]:
        messages = message.channel.messages.values()
        return [candidate for candidate in messages if candidate.replies_to(message)]

    async def wait_ready(self, timeout: float = 60) -> None:
        """Wait until every shard is connected and has received its guilds."""
        what = "connection of all the bot's shards"
        await self.wait_until(self.gateway.is_complete, what, timeout=timeout)

    async def wait_disconnected(self, timeout: float = 60) -> None:
        """Wait until no shard is connected, as after the bot was killed."""
        what = "end of the bot's connections"
        await self.wait_until(lambda: not self.gateway.connections, what, timeout=timeout)

    async def wait_until(
        self, condition: Callable[[], bool], what: str, *, timeout: float = 10
    ) -> None:
        """Wait until a condition holds; ``what`` names it in the TimeoutError."""
        await self.changes.wait_for(lambda: condition() or None, what, timeout=timeout)

    async def wait_for_message(
        self,
        channel: Channel,
        *,
        author_is_bot: bool = True,
        reply_to: Message | None = None,
        after: Message | None = None,
        matching: Callable[[Message], bool] = lambda _message: True,
        timeout: float = 60,
    ) -> Message:
        """Wait for a matching message, and return the first; it may have been there before."""

        def matches(message: Message) -> bool:
            return (
                (message.author is self.bot) == author_is_bot
                and (reply_to is None or message.replies_to(reply_to))
                and (after is None or message.id > after.id)
                and not message.loading
                and matching(message)
            )

        def find() -> Message | None:
            return next(filter(matches, channel.messages.values()), None)

        what = f"reply to {reply_to.content!r}" if reply_to else f"message in #{channel.name}"
        return await self.changes.wait_for(find, what, timeout=timeout)

    async def wait_for_reaction(
        self, message: Message, emoji: str | None = None, timeout: float = 10
    ) -> str:
        """Wait for a reaction of the bot, and return its emoji."""

        def find() -> str | None:
            own = [name for name, users in message.reactions.items() if self.bot in users]
            return next((name for name in own if emoji in {None, name}), None)

        what = f"reaction {emoji or ''} to {message.content!r}"
        return await self.changes.wait_for(find, what, timeout=timeout)
