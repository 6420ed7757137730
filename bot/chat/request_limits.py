"""A limit on what one person may ask of the bot, whatever the command.

Commands that cost more have a stricter one of their own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.domain.cooldown import Cooldown
from bot.errors import RateLimited

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot


class RequestLimits:
    """Counts each person's commands. Suggestions while typing have a limit of their own."""

    def __init__(self) -> None:
        self._requests = Cooldown(at_once=30, pause=2.0)
        # A channel takes about one message a second: refusals must not fill it.
        self._refusals = Cooldown(at_once=2, pause=15.0)

    def install(self, bot: FramehoundBot) -> None:
        """Check every command of a client."""
        bot.tree.interaction_check = self._check_interaction  # type: ignore[method-assign]  # the documented way short of a subclass
        bot.add_check(self._check_text, call_once=True)

    def may_refuse_in_words(self, person_id: int, error: Exception) -> bool:
        """Return whether to reply to a text command that failed: not to each one of a flood."""
        if not isinstance(getattr(error, "original", error), RateLimited):
            return True
        return not self._refusals.wait(person_id, time.monotonic())

    async def _check_interaction(self, interaction: discord.Interaction[FramehoundBot], /) -> bool:
        if interaction.type is discord.InteractionType.autocomplete:
            return True
        wait = self._requests.wait(interaction.user.id, time.monotonic())
        if wait:
            await interaction.client.refuse(interaction, RateLimited.of(wait))
        return not wait

    def _check_text(self, context: commands.Context[FramehoundBot], /) -> bool:
        if context.interaction is None:  # else it was counted as an interaction
            wait = self._requests.wait(context.author.id, time.monotonic())
            if wait:
                raise commands.CommandInvokeError(RateLimited.of(wait))
        return True
