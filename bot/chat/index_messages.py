"""The messages that show the progress of index runs, with a button that stops them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import discord
from discord import ui

from bot.chat.buttons import without_timeout
from bot.chat.retry import FAILURES
from bot.domain.index_run import IndexRun, IndexState
from bot.i18n import Sentence

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator

# Seconds between two edits of a message that shows progress.
_EDIT_PAUSE = 5.0
_ENDED = {
    IndexState.FINISHED: Sentence(
        "I've tagged {tagged} of {all} older clips. Find them with `/find`."
    ),
    IndexState.STOPPED: Sentence("Stopped. I've tagged {tagged} of {all} older clips."),
    IndexState.OUT_OF_BUDGET: Sentence(
        "There are no frames left for now. I've tagged {tagged} of {all} older clips. Use `/index` "
        "again later; `/usage` says when there are more."
    ),
}


class IndexMessages:
    """The messages that show the progress of runs."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._edited = 0.0

    async def show(self, run: IndexRun) -> None:
        """Edit the message of a run, every few seconds and when the run has ended."""
        now = time.monotonic()
        is_due = run.state is not IndexState.RUNNING or now - self._edited >= _EDIT_PAUSE
        if run.shown is None or not is_due:
            return
        self._edited = now
        translate = await self._bot.translator(run.guild_id)
        runs = run.state is IndexState.RUNNING
        channel = self._bot.get_partial_messageable(run.shown.channel_id, guild_id=run.guild_id)
        try:
            await channel.get_partial_message(run.shown.message_id).edit(
                content=describe_run(run, translate),
                view=index_button("stop", run.id, translate) if runs else None,
            )
        except FAILURES:
            return  # the next edit shows it


def index_button(action: str, run_id: int, translate: Translator) -> ui.View:
    """Return a button that starts or stops a run."""
    label = translate("Start") if action == "start" else translate("Stop")
    view = ui.View(timeout=None)
    view.add_item(
        ui.Button(
            label=label,
            style=discord.ButtonStyle.primary
            if action == "start"
            else discord.ButtonStyle.secondary,
            custom_id=f"index:{action}:{run_id}",
        )
    )
    return without_timeout(view)


def describe_run(run: IndexRun, translate: Translator) -> str:
    """Return a sentence about how far a run is, or how it ended."""
    tagged, everything = run.tagged, run.clips
    if run.state in _ENDED:
        return translate(_ENDED[run.state], tagged=tagged, all=everything)
    return translate(
        "I'm tagging older clips: {done} of {all} so far.",
        done=run.tagged + run.refused,
        all=everything,
    )
