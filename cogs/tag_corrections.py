"""*That tag is wrong*: menus that hide a tag of a clip in a server, and show it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.chat.buttons import Action, TagChoice, tag_menu
from bot.domain.nudity import nudity_tag
from bot.domain.outcome import Tagged
from bot.domain.search import normalize
from bot.errors import CorrectionNotAllowed, TaggingErased

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import discord

    from bot.chat.buttons import ButtonState
    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator
    from bot.render.tag_list import TagPage
    from bot.storage.job_records import JobRecord

    Press = discord.Interaction[FramehoundBot]


class TagCorrections:
    """Lets people who may manage messages, or who posted the clip, hide its wrong tags."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot

    async def menus(
        self,
        interaction: Press,
        pressed: ButtonState,
        record: JobRecord,
        page: TagPage,
        corrected: Mapping[str, tuple[str, ...]],
        translate: Translator,
    ) -> AsyncIterator[discord.ui.Select[discord.ui.View]]:
        """Yield the menus for the clip of a page, if the person may correct it."""
        clip = record.outcomes[page.clip]
        if not isinstance(clip, Tagged) or not await self._may_correct(interaction, record, clip):
            return
        tags = {
            Action.HIDE: [tag for tag in page.tags if _may_hide(interaction, tag)],
            Action.SHOW: corrected.get(clip.fingerprint, ()),
        }
        for action, names in tags.items():
            choices = [TagChoice(page.clip, name) for name in names]
            if menu := tag_menu(pressed, action, choices, translate):
                yield menu

    async def apply(self, interaction: Press, action: Action, record: JobRecord) -> None:
        """Hide the chosen tags, or show them again; raises ``FramehoundError`` if not possible."""
        store = self._bot.app.stores.tag_corrections
        data: Any = interaction.data or {}
        for value in data.get("values", ()):
            choice = TagChoice.read(str(value))
            clip = record.outcomes[choice.position]
            if not isinstance(clip, Tagged) or record.guild_id is None:
                raise TaggingErased
            if not await self._may_correct(interaction, record, clip) or not _may_hide(
                interaction, choice.tag
            ):
                raise CorrectionNotAllowed
            key = record.guild_id, clip.fingerprint, choice.tag
            if action is Action.SHOW:
                await store.show(*key)
            elif not await store.hide(*key):
                raise TaggingErased

    async def _may_correct(self, interaction: Press, record: JobRecord, clip: Tagged) -> bool:
        if record.guild_id is None:
            return False
        if interaction.permissions.manage_messages:
            return True
        posters = await self._bot.app.stores.posted_clips.posters(
            record.message_ids, clip.fingerprint
        )
        return interaction.user.id in posters


def _may_hide(interaction: Press, tag: str) -> bool:
    """Return whether a person may hide a tag that they may correct.

    Without tags for nudity, everybody is shown the scenes of a clip; its poster can't decide that.
    """
    return nudity_tag(normalize(tag)) is None or interaction.permissions.manage_messages
