"""Everything else a bot asks: who it is, its commands, guilds, members and private channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.stand_ins.discord.commands import INSTALLATIONS
from tests.stand_ins.discord.refusals import Json, unknown
from tests.stand_ins.discord.rest import Call, Route

if TYPE_CHECKING:
    from tests.stand_ins.discord.gateway import Gateway
    from tests.stand_ins.discord.guilds import Guild
    from tests.stand_ins.discord.people import Member
    from tests.stand_ins.discord.world import World

_IDENTIFIES = 1000


class ServerRoutes:
    """Handlers of ``/gateway``, ``/applications``, ``/guilds`` and ``/users``."""

    def __init__(self, world: World, gateway: Gateway, shards: int) -> None:
        self._world = world
        self._gateway = gateway
        self._shards = shards

    def routes(self) -> list[Route]:
        return [*self._own_routes(), *self._command_routes(), *self._guild_routes()]

    def _own_routes(self) -> list[Route]:
        return [
            Route("GET", "/gateway", lambda _: {"url": self._gateway.url}, open=True),
            Route("GET", "/gateway/bot", self.gateway),
            Route("GET", "/users/@me", lambda _: self._world.bot.as_json()),
            Route("GET", "/users/@me/guilds", self.own_guilds),
            Route("POST", "/users/@me/channels", self.open_direct),
            Route("GET", "/users/{user}", lambda call: self._world.user(call.id("user")).as_json()),
            Route("GET", "/oauth2/applications/@me", self.application),
            Route("GET", "/applications/@me", self.application),
        ]

    def _command_routes(self) -> list[Route]:
        everywhere = "/applications/{application}/commands"
        in_guild = "/applications/{application}/guilds/{guild}/commands"
        found: list[Route] = []
        for path in (everywhere, in_guild):
            found += [
                Route("GET", path, self.commands),
                Route("PUT", path, self.overwrite_commands),
                Route("POST", path, self.add_command),
                Route("GET", f"{path}/{{command}}", self.command),
                Route("DELETE", f"{path}/{{command}}", self.remove_command),
            ]
        return found

    def _guild_routes(self) -> list[Route]:
        guild = "/guilds/{guild}"
        return [
            Route("GET", guild, lambda call: self._guild(call).as_json()),
            Route("GET", f"{guild}/channels", self.channels),
            Route("GET", f"{guild}/roles", self.roles),
            Route("GET", f"{guild}/members", self.members),
            Route("GET", f"{guild}/members/{{user}}", lambda call: self._member(call).as_json()),
        ]

    def gateway(self, _call: Call) -> Json:
        limits = {
            "total": _IDENTIFIES,
            "remaining": _IDENTIFIES,
            "reset_after": 0,
            "max_concurrency": 1,
        }
        return {"url": self._gateway.url, "shards": self._shards, "session_start_limit": limits}

    def application(self, _call: Call) -> Json:
        bot = self._world.bot
        return {
            "id": str(bot.id),
            "name": bot.name,
            "icon": None,
            "description": "",
            "type": None,
            "bot": bot.as_json(),
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": self._world.flags,
            "flags_new": str(self._world.flags),
            "explicit_content_filter": 0,
            "redirect_uris": [],
            "eligible_oauth2_scopes": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "owner": self._world.owner.as_json(),
            "team": None,
            "integration_types_config": {str(kind): {} for kind in INSTALLATIONS},
            "approximate_guild_count": len(self._world.guilds),
        }

    def own_guilds(self, _call: Call) -> list[Json]:
        return [
            guild.as_json() | {"owner": False, "permissions": str(int(guild.me.permissions))}
            for guild in self._world.guilds.values()
            if guild.joined
        ]

    def open_direct(self, call: Call) -> Json:
        user = self._world.user(int(call.body["recipient_id"]))
        return self._world.direct_channel(user).as_json()

    def commands(self, call: Call) -> list[Json]:
        return self._world.commands.registered(self._place(call))

    def overwrite_commands(self, call: Call) -> list[Json]:
        return self._world.commands.overwrite(self._place(call), call.body or [])

    def add_command(self, call: Call) -> Json:
        return self._world.commands.add(self._place(call), call.body)

    def command(self, call: Call) -> Json:
        return self._world.commands.by_id(call.id("command"))

    def remove_command(self, call: Call) -> None:
        self._world.commands.remove(call.id("command"))

    def channels(self, call: Call) -> list[Json]:
        return [channel.as_json() for channel in self._guild(call).channels]

    def roles(self, call: Call) -> list[Json]:
        return [role.as_json() for role in self._guild(call).roles.values()]

    def members(self, call: Call) -> list[Json]:
        return [member.as_json() for member in self._guild(call).members.values()]

    def _guild(self, call: Call) -> Guild:
        guild = self._world.guild(call.id("guild"))
        if not guild.joined:
            raise unknown("Guild")
        return guild

    def _member(self, call: Call) -> Member:
        member = self._guild(call).members.get(call.id("user"))
        if member is None:
            raise unknown("Member")
        return member

    def _place(self, call: Call) -> int | None:
        if call.id("application") != self._world.bot.id:
            raise unknown("User")
        return self._guild(call).id if "guild" in call.names else None
