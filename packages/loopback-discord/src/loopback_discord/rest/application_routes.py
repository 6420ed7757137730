"""Routes of the application, its commands, its guilds and its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopback_discord.api import Json, unknown
from loopback_discord.model.commands import IntegrationType
from loopback_discord.rest.rest_api import Call, Route

if TYPE_CHECKING:
    from loopback_discord.gateway import Gateway
    from loopback_discord.model.guilds import Guild
    from loopback_discord.model.state import State

_MAX_GUILDS = 200
_DAILY_IDENTIFIES = 1000


class ApplicationRoutes:
    """Handlers of ``/gateway``, ``/applications``, ``/guilds`` and ``/users``."""

    def __init__(self, state: State, gateway: Gateway, shard_count: int) -> None:
        self._state = state
        self._gateway = gateway
        self._shard_count = shard_count

    def routes(self) -> list[Route]:
        global_commands = "/applications/{application}/commands"
        guild_commands = "/applications/{application}/guilds/{guild}/commands"
        return [
            Route("GET", "/gateway", self.get_gateway, needs_token=False),
            Route("GET", "/gateway/bot", self.get_gateway_bot),
            Route("GET", "/oauth2/applications/@me", self.get_application),
            Route("GET", "/applications/@me", self.get_application),
            Route("GET", "/users/@me", self.get_bot),
            Route("GET", "/users/@me/guilds", self.get_guilds),
            Route("GET", "/users/{user}", self.get_user),
            Route("POST", "/users/@me/channels", self.create_dm),
            Route("GET", "/guilds/{guild}", self.get_guild),
            Route("GET", "/guilds/{guild}/members/{user}", self.get_member),
            Route("GET", global_commands, self.get_commands),
            Route("PUT", global_commands, self.overwrite_commands),
            Route("GET", guild_commands, self.get_commands),
            Route("PUT", guild_commands, self.overwrite_commands),
        ]

    def get_gateway(self, _call: Call) -> Json:
        return {"url": self._gateway.url}

    def get_gateway_bot(self, _call: Call) -> Json:
        limit = {
            "total": _DAILY_IDENTIFIES,
            "remaining": _DAILY_IDENTIFIES,
            "reset_after": 0,
            "max_concurrency": 1,
        }
        shards = {"shards": self._shard_count, "session_start_limit": limit}
        return {"url": self._gateway.url} | shards

    def get_application(self, _call: Call) -> Json:
        bot = self._state.bot
        return {
            "id": str(bot.id),
            "name": bot.name,
            "icon": None,
            "description": "",
            "type": None,
            "bot": bot.to_json(),
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": self._state.application_flags,
            "flags_new": str(self._state.application_flags),
            "explicit_content_filter": 0,
            "redirect_uris": [],
            "eligible_oauth2_scopes": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "owner": self._state.owner.to_json(),
            "team": None,
            "integration_types_config": {str(int(kind)): {} for kind in IntegrationType},
            "approximate_guild_count": len(self._state.guilds),
        }

    def get_bot(self, _call: Call) -> Json:
        return self._state.bot.to_json()

    def get_guilds(self, call: Call) -> list[Json]:
        """Return the guilds that the bot is in, with what it may do in each as a whole.

        https://docs.discord.com/developers/resources/user#get-current-user-guilds
        """
        after = int(call.request.query.get("after", 0))
        limit = int(call.request.query.get("limit", _MAX_GUILDS))
        joined = [each for each in self._state.guilds.values() if each.joined and each.id > after]
        return [guild.partial_json() for guild in sorted(joined, key=lambda each: each.id)[:limit]]

    def get_user(self, call: Call) -> Json:
        return self._state.user(call.id("user")).to_json()

    def create_dm(self, call: Call) -> Json:
        user = self._state.user(int(call.body["recipient_id"]))
        return self._state.dm_channel(user).to_json()

    def get_guild(self, call: Call) -> Json:
        return self._guild(call).to_json()

    def get_member(self, call: Call) -> Json:
        member = self._guild(call).members.get(call.id("user"))
        if member is None:
            raise unknown("Member")
        return member.to_json()

    def get_commands(self, call: Call) -> list[Json]:
        return self._state.commands.registered(self._command_scope(call))

    def overwrite_commands(self, call: Call) -> list[Json]:
        return self._state.commands.overwrite(self._command_scope(call), call.body or [])

    def _guild(self, call: Call) -> Guild:
        guild = self._state.guild(call.id("guild"))
        if not guild.joined:
            raise unknown("Guild")
        return guild

    def _command_scope(self, call: Call) -> int | None:
        """Return the guild whose commands a call is about; None for global commands."""
        if call.id("application") != self._state.bot.id:
            raise unknown("User")
        return self._guild(call).id if "guild" in call.path_values else None
