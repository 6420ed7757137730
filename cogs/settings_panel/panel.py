"""The settings panel: every press changes a setting or opens a form, and shows the page again."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands, ui

from bot.chat.persistent_items import PersistentItem
from bot.domain.job import guild_owner
from bot.domain.setting_kinds import InvalidValue, ModelList
from bot.domain.settings import PAGES, SETTINGS
from bot.domain.settings_file import InvalidSettingsFile
from bot.errors import ButtonExpired
from cogs.permissions import missing_anywhere, missing_to_write
from cogs.settings_panel.files import describe_mistakes
from cogs.settings_panel.forms import FileForm, Form, WrongInput, form_fields, read_typed
from cogs.settings_panel.layout import PanelState, panel, settings_under

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from bot.chat.client import FramehoundBot
    from bot.domain.settings import GuildSettings
    from bot.i18n import Translator
    from cogs.settings_panel.files import SettingsFiles

    Press = discord.Interaction[FramehoundBot]
    OnPress = Callable[[Press, str, str, ui.Item[Any]], Awaitable[None]]

# Wrong input that is kept, so that a form can be corrected instead of filled in again.
_MAX_KEPT = 200
_FIRST_PAGE, *_, _LAST_PAGE = PAGES


class Panel:
    """Shows the settings of servers, and changes them for those who manage a server."""

    def __init__(self, bot: FramehoundBot, files: SettingsFiles) -> None:
        self._bot = bot
        self._files = files
        self._typed: OrderedDict[tuple[object, ...], Mapping[str, str]] = OrderedDict()
        self.item = _dynamic_item(self._on_press)

    async def view(
        self,
        guild: discord.Guild,
        channel: object,
        translate: Translator,
        page: str = _FIRST_PAGE,
        wrong: tuple[str, str] | None = None,
    ) -> ui.LayoutView:
        """Return a page of the panel with the current settings.

        ``wrong`` is the heading of a setting somebody tried to change, and what was wrong.
        """
        state = await self._state(guild, channel)
        return panel(state, page, translate, self.item, wrong)

    async def _state(self, guild: discord.Guild, channel: object) -> PanelState:
        app = self._bot.app
        settings = await app.stores.settings.load(guild.id)
        return PanelState(
            guild,
            settings,
            await app.services.reports.threshold(guild.id),
            await app.services.reports.threshold(None),
            self._files.context(guild),
            app.config.command_prefix,
            await self._missing_permissions(guild, channel, settings),
            await self._used_up(guild),
        )

    async def _used_up(self, guild: discord.Guild) -> tuple[int, int] | None:
        """Return this month's frames and their limit if most of them are used."""
        budget = self._bot.app.config.budget
        if budget.server is None:
            return None
        used = await self._bot.app.stores.usage.used(guild_owner(guild.id))
        return (used, budget.server) if budget.is_nearly_used_up(used) else None

    async def _missing_permissions(
        self, guild: discord.Guild, channel: object, settings: GuildSettings
    ) -> tuple[tuple[int, list[str]], ...]:
        """Return what the bot may not do here, in the channels allowed, and in those of alerts."""
        allowed = {each: guild.get_channel_or_thread(each) for each in settings.channels_allowed}
        allowed.pop(getattr(channel, "id", 0), None)
        missing = dict(missing_anywhere(_known([channel, *allowed.values()]), guild.me, settings))
        for watch in await self._bot.app.stores.watches.load(guild.id):
            for place in _known([guild.get_channel_or_thread(watch.channel_id)]):
                if needed := missing_to_write(place, guild.me):
                    missing.setdefault(place.id, needed)
        return tuple(missing.items())

    async def _on_press(self, press: Press, action: str, name: str, item: ui.Item[Any]) -> None:
        """Do what a button or a menu is for, if the person who uses it manages the server."""
        guild = _managed_guild(press)
        match action:
            case "page" if name in PAGES:
                await self._show(press, guild, name)
            case "form":
                await self._open_form(press, guild, name)
            case "on" | "off":
                await self._change(press, guild, name, action == "on")
            case "choose":
                several = name in SETTINGS and isinstance(SETTINGS[name].kind, ModelList)
                await self._change(press, guild, name, _chosen(item, several=several))
            case "file" if name == "export":
                file = await self._files.export(guild)
                await press.response.send_message(file=file, ephemeral=True)
            case "file" if name == "import":
                await self._open_file_form(press)
            case _:
                raise ButtonExpired

    async def _change(self, press: Press, guild: discord.Guild, name: str, value: object) -> None:
        """Set a setting to a JSON value."""
        if name not in SETTINGS:  # a panel of an older program
            await self._show(press, guild, _FIRST_PAGE)
            return
        spec = SETTINGS[name]
        try:
            checked = spec.kind.read(value)
        except InvalidValue:  # the setting was of another kind then
            raise ButtonExpired from None
        await self._bot.app.stores.settings.update(guild.id, **{name: checked})
        await self._show(press, guild, spec.page)

    async def _show(
        self,
        press: Press,
        guild: discord.Guild,
        page: str,
        wrong: tuple[str, str] | None = None,
    ) -> None:
        translate = await self._translator(press, guild)
        view = await self.view(guild, press.channel, translate, page, wrong)
        await press.response.edit_message(view=view)

    async def _open_form(self, press: Press, guild: discord.Guild, heading: str) -> None:
        """Open a form, with what the same person typed before if that was wrong."""
        specs = settings_under(heading)
        if not specs:  # a panel of an older program
            await self._show(press, guild, _FIRST_PAGE)
            return
        translate = await self._bot.translator_for(press)
        typed = self._typed.get(_key(press, heading), {})
        state = await self._state(guild, press.channel)
        try:
            fields = form_fields(heading, state, typed, translate)
        except InvalidValue as invalid:
            wrong = (heading, invalid.localized(translate))
            await self._show(press, guild, specs[0].page, wrong)
            return
        title = translate(specs[0].heading.title)
        form = Form(title, fields, partial(self._on_fields, heading), self._bot.refuse)
        await press.response.send_modal(form)

    async def _on_fields(self, heading: str, press: Press, typed: Mapping[str, str]) -> None:
        """Set what was typed, or say what is wrong with it and keep it for the next try."""
        guild = _managed_guild(press)
        page, key = settings_under(heading)[0].page, _key(press, heading)
        taggers = [str(each) for each in self._bot.app.services.clip_tagger.models.identities]
        try:
            values = read_typed(typed, self._files.context(guild), taggers)
        except WrongInput as wrong:
            self._keep(key, typed)
            translate = await self._translator(press, guild)
            await self._show(press, guild, page, (heading, wrong.localized(translate)))
            return
        self._typed.pop(key, None)
        await self._bot.app.stores.settings.update(guild.id, **values)
        await self._show(press, guild, page)

    def _keep(self, key: tuple[object, ...], typed: Mapping[str, str]) -> None:
        self._typed[key] = typed
        if len(self._typed) > _MAX_KEPT:
            self._typed.popitem(last=False)

    async def _open_file_form(self, press: Press) -> None:
        translate = await self._bot.translator_for(press)
        hint = translate(
            "A file exported here or in another server. Settings it doesn't mention "
            "stay as they are."
        )
        form = FileForm(translate("Import settings"), hint, self._on_file, self._bot.refuse)
        await press.response.send_modal(form)

    async def _on_file(self, press: Press, attachment: discord.Attachment) -> None:
        guild = _managed_guild(press)
        await press.response.defer()
        try:
            await self._files.import_file(guild, attachment, _member(press))
        except InvalidSettingsFile as invalid:
            translate = await self._bot.translator_for(press)
            await press.followup.send(describe_mistakes(invalid, translate), ephemeral=True)
        else:
            translate = await self._translator(press, guild)
            view = await self.view(guild, press.channel, translate, _LAST_PAGE)
            await press.edit_original_response(view=view)

    async def _translator(self, press: Press, guild: discord.Guild) -> Translator:
        """Return the language of the person for a panel only they see, else the server's."""
        if press.message is not None and press.message.flags.ephemeral:
            return await self._bot.translator_for(press)
        return await self._bot.translator(guild.id)


def _known(channels: Iterable[object]) -> list[discord.abc.GuildChannel | discord.Thread]:
    return [
        each for each in channels if isinstance(each, (discord.abc.GuildChannel, discord.Thread))
    ]


def _managed_guild(press: Press) -> discord.Guild:
    """Return the server, or raise ``MissingPermissions``: everybody can see some panels."""
    if press.guild is None or not press.permissions.manage_guild:
        raise app_commands.MissingPermissions(["manage_guild"])
    return press.guild


def _member(press: Press) -> discord.Member:
    """Return the person, who is a member wherever a server can be managed."""
    if not isinstance(press.user, discord.Member):
        raise app_commands.MissingPermissions(["manage_guild"])
    return press.user


def _key(press: Press, heading: str) -> tuple[object, ...]:
    return press.message.id if press.message else None, press.user.id, heading


def _chosen(item: ui.Item[Any], *, several: bool) -> object:
    """Return what was chosen in a menu, as JSON; raises ``ButtonExpired`` if it is no menu."""
    if isinstance(item, ui.Select):
        return list(item.values) if several else item.values[0]
    if isinstance(item, (ui.ChannelSelect, ui.RoleSelect)):
        return [str(each.id) for each in item.values]
    raise ButtonExpired


def _dynamic_item(on_press: OnPress) -> type[ui.DynamicItem[ui.Item[Any]]]:
    """Return the class of the panel's buttons and menus, which call ``on_press``.

    They work in panels that an earlier process sent, too.
    """

    class PanelItem(PersistentItem, template=r"settings:(?P<action>[a-z]+):(?P<name>[a-z_]+)"):
        async def pressed(self, interaction: Press, match: re.Match[str]) -> None:
            await on_press(interaction, match["action"], match["name"], self.item)

    return PanelItem
