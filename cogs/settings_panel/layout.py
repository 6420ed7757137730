"""The look of the settings panel: a page of settings, each with the control for its kind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import discord
from discord import ui

from bot.domain.setting_kinds import (
    ChannelList,
    Choice,
    Days,
    ModelList,
    OptionalNumber,
    RoleList,
    Scores,
    Switch,
    TagList,
)
from bot.domain.setting_spec import Group, Page, SettingSpec
from bot.domain.settings import PAGES, SETTINGS
from bot.render import formatting, sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bot.domain.setting_kinds import ServerContext
    from bot.domain.settings import GuildSettings
    from bot.i18n import Sentence, Translator

    Wrap = Callable[[ui.Item[Any]], ui.Item[Any]]

_COLOUR = discord.Colour.from_rgb(88, 101, 242)
# https://discord.com/developers/docs/components/reference#channel-select: also the most defaults
_MAX_CHOSEN = 25
_MAX_NAMED = 5
_WARNING = "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"
_CHANNEL_TYPES = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
    discord.ChannelType.forum,
    discord.ChannelType.media,
    discord.ChannelType.category,
]


@dataclass(frozen=True, slots=True)
class PanelState:
    """What the panel shows: a server's settings, and what applies if it has not set something.

    ``threshold`` is the one in effect for the tagger in use, ``own_threshold`` the one without the
    server's setting. ``missing`` has the ids of channels in which the bot lacks permissions, with
    the names of these. ``used_up`` has this month's frames and the limit if most are used.
    """

    guild: discord.Guild
    settings: GuildSettings
    threshold: float
    own_threshold: float
    server: ServerContext
    prefix: str
    missing: tuple[tuple[int, list[str]], ...] = ()
    used_up: tuple[int, int] | None = None

    @property
    def days(self) -> int:
        """How many days posted clips are kept, at most the operator's."""
        most = self.server.max_days
        return min(self.settings.retention_days or most, most)


def panel(
    state: PanelState,
    page: str,
    translate: Translator,
    wrap: Wrap,
    wrong: tuple[str, str] | None = None,
) -> ui.LayoutView:
    """Return a page of the panel; ``wrap`` makes buttons and menus work after a restart too.

    ``wrong`` is the heading of a setting somebody tried to change, and what was wrong.
    """
    builder = _Builder(state, translate, wrap, dict([wrong] if wrong else []))
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*builder.page(page), accent_colour=_COLOUR))
    return view


def settings_under(heading: str) -> list[SettingSpec]:
    """Return the settings the panel shows under one heading; none if there is no such heading."""
    return [spec for spec in SETTINGS.values() if spec.heading.name == heading]


def summary(tags: Collection[str], most: int = _MAX_NAMED) -> str:
    """Name some tags, and how many more there are."""
    shown = [sanitize.for_discord(tag, limit=30) for tag in sorted(tags)[:most]]
    more = [f"+{len(tags) - most}"] if len(tags) > most else []
    return ", ".join([*shown, *more])


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the components of a page."""

    state: PanelState
    translate: Translator
    wrap: Wrap
    wrong: Mapping[str, str]

    def page(self, page: str) -> Iterator[ui.Item[Any]]:
        server = sanitize.for_discord(self.state.guild.name)
        yield ui.TextDisplay(f"## {self.translate('Settings for {server}', server=server)}")
        yield ui.ActionRow(*(self._tab(name, page) for name in PAGES))
        yield ui.Separator()
        shown = [spec for spec in SETTINGS.values() if spec.page == page and self._applies(spec)]
        for heading, specs in groupby(shown, key=lambda spec: spec.heading):
            if isinstance(heading, Group):
                yield self._group(heading, list(specs))
            else:
                yield from self._setting(heading)
        if page == Page.ANSWERS:
            yield from self._file()
        yield from self._used_up()
        yield from self._missing()

    def _applies(self, spec: SettingSpec) -> bool:
        """Return whether the server can choose anything: models only if the operator lets it."""
        return bool(self.state.server.models) or not isinstance(spec.kind, ModelList)

    def _used_up(self) -> Iterator[ui.Item[Any]]:
        if self.state.used_up is not None:
            used, limit = self.state.used_up
            yield ui.TextDisplay(
                self.translate(
                    "Most of this month's frames are used: {used} of {limit}.",
                    used=used,
                    limit=limit,
                )
            )

    def _tab(self, page: Page, current: str) -> ui.Item[Any]:
        style = discord.ButtonStyle.primary if page == current else discord.ButtonStyle.secondary
        return self._button("page", page, self.translate(PAGES[page]), style)

    def _setting(self, spec: SettingSpec) -> Iterator[ui.Item[Any]]:
        match spec.kind:
            case Switch():
                yield self._switch(spec)
            case ChannelList() | RoleList() | ModelList() | Choice():
                yield ui.TextDisplay(self._text(spec, self._more_chosen(spec)))
                yield ui.ActionRow(self.wrap(self._select(spec)))
            case _:
                yield ui.Section(self._text(spec, self._shown(spec)), accessory=self._edit(spec))

    def _group(self, group: Group, specs: list[SettingSpec]) -> ui.Item[Any]:
        values = {spec.name: self._shown(spec) for spec in specs}
        text = self._text(group, self.translate(group.value, **values))
        return ui.Section(text, accessory=self._edit(group))

    def _switch(self, spec: SettingSpec) -> ui.Item[Any]:
        on = bool(self._value(spec))
        label = self.translate("Turn off") if on else self.translate("Turn on")
        text = self._text(spec, self.translate("on") if on else self.translate("off"))
        return ui.Section(text, accessory=self._button("off" if on else "on", spec.name, label))

    def _edit(self, heading: Group | SettingSpec) -> ui.Item[Any]:
        return self._button("form", heading.name, self.translate("Edit"))

    def _value(self, spec: SettingSpec) -> Any:
        return getattr(self.state.settings, spec.name)

    def _shown(self, spec: SettingSpec) -> str:
        """Return the value of a setting that is changed in a form."""
        value = self._value(spec)
        match spec.kind:
            case Scores():
                return formatting.threshold(self.state.threshold)
            case TagList():
                return summary(value) or self.translate("none")
            case Days():
                days = self.state.days
                if days == 1:
                    return self.translate("1 day")
                return self.translate("{days} days", days=days)
            case OptionalNumber(none=none) if value is None:
                return self.translate(none)
        return str(value)

    def _more_chosen(self, spec: SettingSpec) -> str:
        """Say how many are chosen if a menu can't show them all."""
        count = 0 if isinstance(spec.kind, Choice) else len(self._value(spec))
        return self.translate("{count} selected", count=count) if count > _MAX_CHOSEN else ""

    def _select(self, spec: SettingSpec) -> ui.Item[Any]:
        value, custom_id = self._value(spec), _id("choose", spec.name)
        match spec.kind:
            case ChannelList(none=none):
                return self._channel_select(value, none, custom_id)
            case RoleList(none=none):
                return self._role_select(value, none, custom_id)
            case ModelList(none=none):
                return self._model_select(value, none, custom_id)
            case Choice(options=options):
                return self._option_select(value, options, custom_id)
        raise TypeError(spec.kind)

    def _option_select(
        self, current: str, labels: Mapping[str, str], custom_id: str
    ) -> ui.Item[Any]:
        options = [
            discord.SelectOption(label=self.translate(label), value=value, default=value == current)
            for value, label in labels.items()
        ]
        return ui.Select(options=options, custom_id=custom_id)

    def _model_select(
        self, chosen: Collection[str], none: Sentence, custom_id: str
    ) -> ui.Item[Any]:
        names = self.state.server.models
        options = [discord.SelectOption(label=name, default=name in chosen) for name in names]
        return ui.Select(
            options=options,
            placeholder=self.translate(none),
            min_values=0,
            max_values=len(options),
            custom_id=custom_id,
        )

    def _channel_select(
        self, chosen: Collection[int], none: Sentence, custom_id: str
    ) -> ui.Item[Any]:
        guild = self.state.guild
        found = [guild.get_channel_or_thread(each) for each in sorted(chosen)]
        return ui.ChannelSelect(
            default_values=[each for each in found if each][:_MAX_CHOSEN],
            channel_types=_CHANNEL_TYPES,
            placeholder=self.translate(none),
            min_values=0,
            max_values=_MAX_CHOSEN,
            custom_id=custom_id,
        )

    def _role_select(self, chosen: Collection[int], none: Sentence, custom_id: str) -> ui.Item[Any]:
        found = [self.state.guild.get_role(each) for each in sorted(chosen)]
        return ui.RoleSelect(
            default_values=[each for each in found if each][:_MAX_CHOSEN],
            placeholder=self.translate(none),
            min_values=0,
            max_values=_MAX_CHOSEN,
            custom_id=custom_id,
        )

    def _file(self) -> Iterator[ui.Item[Any]]:
        yield ui.Separator()
        yield ui.ActionRow(
            self._button("file", "export", self.translate("Export settings")),
            self._button("file", "import", self.translate("Import settings")),
        )

    def _missing(self) -> Iterator[ui.Item[Any]]:
        """Name the permissions that are missing, and the channels."""
        missing = self.state.missing
        if not missing:
            return
        lines = [
            f"{_WARNING} "
            + self.translate(
                "I'm missing permissions in {channel}: {permissions}.",
                channel=f"<#{channel_id}>",
                permissions=", ".join(map(self.translate, permissions)),
            )
            for channel_id, permissions in missing[:_MAX_NAMED]
        ]
        more = len(missing) - _MAX_NAMED
        if more > 0:
            lines.append(self.translate("… and {count} more", count=more))
        yield ui.Separator()
        yield ui.TextDisplay("\n".join(lines))

    def _text(self, heading: Group | SettingSpec, value: str) -> str:
        shown = f" · {value}" if value else ""
        help_text = self.translate(heading.help, prefix=self.state.prefix)
        wrong = self.wrong.get(heading.name)
        lines = [f"**{self.translate(heading.title)}**{shown}", f"-# {help_text}"]
        return "\n".join([*lines, f"{_WARNING} {wrong}"] if wrong else lines)

    def _button(
        self,
        action: str,
        name: str,
        label: str,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
    ) -> ui.Item[Any]:
        return self.wrap(ui.Button(label=label, style=style, custom_id=_id(action, name)))


def _id(action: str, name: str) -> str:
    """Return a custom id that a later process understands."""
    return f"settings:{action}:{name}"
