"""Servers that are new to the bot or small: anybody can make a hundred of them.

So they share a part of the operator's budget, and so do people outside of servers.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import discord

if TYPE_CHECKING:
    from discord import AppInfo

NEW = timedelta(days=7)
"""A server is new until the bot has been there for so long."""
SMALL = 10
"""A server with fewer members is small."""


def is_newcomer(client: discord.Client, guild_id: int | None, user_id: int | None = None) -> bool:
    """Return whether a server is new or small; or a person outside of servers, who always is.

    The operator's own servers are not, and none is if only the operator can add the bot.
    """
    application = client.application
    if application and not application.bot_public:
        return False
    operators = _operators(application) if application else set()
    guild = client.get_guild(guild_id or 0)
    if guild is None:
        return user_id not in operators
    joined = getattr(guild.me, "joined_at", None)
    is_new = joined is None or discord.utils.utcnow() - joined < NEW
    return guild.owner_id not in operators and (is_new or (guild.member_count or 0) < SMALL)


def _operators(application: AppInfo) -> set[int]:
    """Return the IDs of the person or the team that the bot belongs to."""
    team = application.team
    return {each.id for each in team.members} if team else {application.owner.id}
