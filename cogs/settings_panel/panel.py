"""The panel of a server's settings at work: each press changes something and shows it anew."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands, ui

from bot.domain.choices import READERS, InvalidValue, read_choice
from bot.domain.settings_file import InvalidSettingsFile
from cogs.permissions import missing_anywhere, missing_to_write
from cogs.settings_panel.files import describe_mistakes
from cogs.settings_panel.forms import FileForm, Form, WrongInput, fields_of, read_typed
from cogs.settings_panel.layout import PanelState, panel
from cogs.settings_panel.wording import PAGES, SETTINGS

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator
    from cogs.settings_panel.files import SettingsFiles

    Pressing = discord.Interaction[FramehoundBot]
    ButtonState = Callable[[Pressing, str, str, ui.Item[Any]], Awaitable[None]]

# Forms somebody filled in wrongly whose text is kept for the next try.
_MAX_KEPT = 200
FIRST_PAGE, *_, LAST_PAGE = PAGES


class Panel:
    """Shows the settings of servers, and changes them for who manages a server."""

    def __init__(self, bot: FramehoundBot, files: SettingsFiles) -> None:
        self._bot = bot
        self._files = files
        self._typed: OrderedDict[tuple[object, ...], Mapping[str, str]] = OrderedDict()
        self.item = _dynamic_item(self._pressed)

    async def shown(
        self,
        guild: discord.Guild,
        channel: object,
        translate: Translator,
        page: str = FIRST_PAGE,
        wrong: tuple[str, str] | None = None,
    ) -> ui.LayoutView:
        """Return a page of the panel as things stand; ``wrong`` is a setting and what was wrong."""
        state = await self._standing(guild, channel)
        return panel(state, page, translate, self.item, wrong)

    async def _standing(self, guild: discord.Guild, channel: object) -> PanelState:
        app = self._bot.app
        settings = await app.stores.settings.load(guild.id)
        places = {each: guild.get_channel_or_thread(each) for each in settings.channels_allowed}
        here = getattr(channel, "id", 0)
        answered = _known([channel, *(found for each, found in places.items() if each != here)])
        missing = dict(missing_anywhere(answered, guild.me, settings))
        for watch in await app.stores.watches.load(guild.id):
            for place in _known([guild.get_channel_or_thread(watch.channel_id)]):
                if needed := missing_to_write(place, guild.me):
                    missing.setdefault(place.id, needed)
        return PanelState(
            guild,
            settings,
            await app.services.reports.threshold(guild.id),
            await app.services.reports.threshold(None),
            app.config.retention_days,
            app.config.command_prefix,
            tuple(missing.items()),
        )

    async def _pressed(self, pressing: Pressing, act: str, name: str, item: ui.Item[Any]) -> None:
        """Do what a button or a menu is for, if the one who uses it manages the server."""
        guild = _managed(pressing)
        if act == "page":
            await self._show(pressing, guild, name)
        elif act == "form":
            await self._ask(pressing, guild, name)
        elif act in {"on", "off"}:
            await self._choose(pressing, guild, name, act == "on")
        elif act == "choose":
            await self._choose(pressing, guild, name, _chosen(item))
        elif name == "export":
            file = await self._files.export(guild)
            await pressing.response.send_message(file=file, ephemeral=True)
        else:
            await self._ask_for_file(pressing)

    async def _choose(
        self, pressing: Pressing, guild: discord.Guild, name: str, value: object
    ) -> None:
        await self._bot.app.stores.settings.choose(guild.id, **{name: read_choice(name, value)})
        await self._show(pressing, guild, SETTINGS[name].page)

    async def _show(
        self,
        pressing: Pressing,
        guild: discord.Guild,
        page: str,
        wrong: tuple[str, str] | None = None,
    ) -> None:
        translate = await self._speech(pressing, guild)
        view = await self.shown(guild, pressing.channel, translate, page, wrong)
        await pressing.response.edit_message(view=view)

    async def _ask(self, pressing: Pressing, guild: discord.Guild, name: str) -> None:
        """Open a form, with what its opener typed before if that was wrong."""
        translate = await self._bot.translator_for(pressing)
        typed = self._typed.get(_key(pressing, name), {})
        state = await self._standing(guild, pressing.channel)
        try:
            fields = fields_of(name, state, typed, translate)
        except InvalidValue as unsound:
            await self._show(
                pressing, guild, SETTINGS[name].page, (name, unsound.localized(translate))
            )
            return
        form = Form(
            translate(SETTINGS[name].title), fields, partial(self._take, name), self._bot.refuse
        )
        await pressing.response.send_modal(form)

    async def _take(self, name: str, pressing: Pressing, typed: Mapping[str, str]) -> None:
        """Set what was typed, or say what is wrong with it and keep it for the next try."""
        guild = _managed(pressing)
        page, key = SETTINGS[name].page, _key(pressing, name)
        try:
            read = read_typed(typed, self._bot.app.config.retention_days)
        except WrongInput as wrong:
            self._typed[key] = typed
            if len(self._typed) > _MAX_KEPT:
                self._typed.popitem(last=False)
            translate = await self._speech(pressing, guild)
            await self._show(pressing, guild, page, (name, wrong.localized(translate)))
            return
        self._typed.pop(key, None)
        await self._set(guild.id, read)
        await self._show(pressing, guild, page)

    async def _ask_for_file(self, pressing: Pressing) -> None:
        translate = await self._bot.translator_for(pressing)
        word = translate(
            "As it was exported, here or elsewhere. What it doesn't name stays as it is."
        )
        form = FileForm(translate("Import a file"), word, self._take_file, self._bot.refuse)
        await pressing.response.send_modal(form)

    async def _take_file(self, pressing: Pressing, attachment: discord.Attachment) -> None:
        guild = _managed(pressing)
        await pressing.response.defer()
        try:
            await self._files.take_over(guild, attachment)
        except InvalidSettingsFile as mistaken:
            translate = await self._bot.translator_for(pressing)
            await pressing.followup.send(describe_mistakes(mistaken, translate), ephemeral=True)
        else:
            translate = await self._speech(pressing, guild)
            view = await self.shown(guild, pressing.channel, translate, LAST_PAGE)
            await pressing.edit_original_response(view=view)

    async def _set(self, guild_id: int, read: Mapping[str, Any]) -> None:
        app = self._bot.app
        if "threshold" in read:
            tagger = str(app.services.clip_tagger.tagger.identity)
            await app.stores.settings.set_threshold(guild_id, tagger, read["threshold"])
        if "retention" in read:
            await app.stores.settings.set_retention(guild_id, read["retention"])
        choices = {name: value for name, value in read.items() if name in READERS}
        if choices:
            await app.stores.settings.choose(guild_id, **choices)

    async def _speech(self, pressing: Pressing, guild: discord.Guild) -> Translator:
        """Return the presser's language for a panel only they see, else the server's."""
        if pressing.message is not None and pressing.message.flags.ephemeral:
            return await self._bot.translator_for(pressing)
        return await self._bot.translator(guild.id)


def _known(channels: Iterable[object]) -> list[discord.abc.GuildChannel | discord.Thread]:
    return [
        each for each in channels if isinstance(each, (discord.abc.GuildChannel, discord.Thread))
    ]


def _managed(pressing: Pressing) -> discord.Guild:
    """Return the server, or raise ``MissingPermissions``: all can see some of the panels."""
    if pressing.guild is None or not pressing.permissions.manage_guild:
        raise app_commands.MissingPermissions(["manage_guild"])
    return pressing.guild


def _key(pressing: Pressing, name: str) -> tuple[object, ...]:
    return pressing.message.id if pressing.message else None, pressing.user.id, name


def _chosen(item: ui.Item[Any]) -> object:
    """Return what was chosen in a menu, as ``read_choice`` reads it."""
    if isinstance(item, ui.Select):
        return item.values[0]
    if isinstance(item, (ui.ChannelSelect, ui.RoleSelect)):
        return [str(each.id) for each in item.values]
    raise TypeError(item)


def _dynamic_item(pressed: ButtonState) -> type[ui.DynamicItem[ui.Item[Any]]]:
    """Return the kind of button and menu that calls ``pressed``, whoever sent it and when."""

    class PanelItem(
        ui.DynamicItem[ui.Item[Any]], template=r"settings:(?P<act>[a-z]+):(?P<name>[a-z_]+)"
    ):
        @classmethod
        async def from_custom_id(
            cls, _interaction: discord.Interaction[Any], item: ui.Item[Any], _match: re.Match[str]
        ) -> PanelItem:
            return cls(item)

        async def callback(self, interaction: discord.Interaction[Any]) -> None:
            """Do it; what goes wrong is answered in a sentence."""
            _, act, name = self.custom_id.split(":")
            try:
                await pressed(interaction, act, name, self.item)
            except Exception as error:  # noqa: BLE001 - discord.py would log it and answer nothing
                await interaction.client.refuse(interaction, error)

    return PanelItem
