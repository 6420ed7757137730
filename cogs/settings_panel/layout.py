"""How the panel of a server's settings looks: three pages, each setting with a word about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
from discord import ui

from bot.i18n import LANGUAGES
from bot.render import formatting, sanitize
from cogs.settings_panel.wording import PAGES, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bot.domain.settings import GuildSettings
    from bot.i18n import Translator

    Wrap = Callable[[ui.Item[Any]], ui.Item[Any]]

_COLOUR = discord.Colour.from_rgb(88, 101, 242)
# https://discord.com/developers/docs/components/reference#channel-select: as many defaults
MAX_CHOSEN = 25
_MAX_NAMED = 5
_WARNING = "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"
_PLACES = [
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
    """What the panel shows: a server's settings, what applies where it set nothing, what is amiss.

    ``missing`` has the channels in which a permission is missing, with the permissions' names.
    """

    guild: discord.Guild
    settings: GuildSettings
    threshold: float
    own_threshold: float
    max_days: int
    prefix: str
    missing: tuple[tuple[int, list[str]], ...] = ()

    @property
    def days(self) -> int:
        """The days that apply: the operator's are the most."""
        return min(self.settings.retention_days or self.max_days, self.max_days)


def panel(
    state: PanelState,
    page: str,
    translate: Translator,
    wrap: Wrap,
    wrong: tuple[str, str] | None = None,
) -> ui.LayoutView:
    """Return a page of the panel; ``wrap`` makes what can be pressed work after a restart too.

    ``wrong`` is a setting somebody wanted to change, and what was wrong with it.
    """
    builder = _Builder(state, translate, wrap, dict([wrong] if wrong else []))
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*builder.page(page), accent_colour=_COLOUR))
    return view


def summary(tags: Collection[str], most: int = _MAX_NAMED) -> str:
    """Name some tags, and how many more there are."""
    shown = [sanitize.for_discord(tag, limit=30) for tag in sorted(tags)[:most]]
    more = [f"+{len(tags) - most}"] if len(tags) > most else []
    return ", ".join([*shown, *more])


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the parts of a page."""

    state: PanelState
    translate: Translator
    wrap: Wrap
    wrong: Mapping[str, str]

    def page(self, page: str) -> Iterator[ui.Item[Any]]:
        server = sanitize.for_discord(self.state.guild.name)
        yield ui.TextDisplay(f"## {self.translate('Settings of {server}', server=server)}")
        yield ui.ActionRow(*(self._tab(name, page) for name in PAGES))
        yield ui.Separator()
        for name, setting in SETTINGS.items():
            if setting.page == page:
                yield from self._setting(name)
        if page == "answers":
            yield from self._file()
        yield from self._missing()

    def _tab(self, name: str, current: str) -> ui.Item[Any]:
        style = discord.ButtonStyle.primary if name == current else discord.ButtonStyle.secondary
        return self._button("page", name, self.translate(PAGES[name]), style)

    def _setting(self, name: str) -> Iterator[ui.Item[Any]]:
        value = getattr(self.state.settings, name, None)
        if isinstance(value, bool):
            yield self._flag(name, on=value)
        elif name in {"channels_allowed", "channels_denied", "roles_allowed", "language"}:
            yield ui.TextDisplay(self._text(name, self._more_chosen(name)))
            yield ui.ActionRow(self.wrap(self._select(name)))
        else:
            yield self._form(name)

    def _flag(self, name: str, *, on: bool) -> ui.Item[Any]:
        label = self.translate("Switch off") if on else self.translate("Switch on")
        text = self._text(name, self.translate("on") if on else self.translate("off"))
        return ui.Section(text, accessory=self._button("off" if on else "on", name, label))

    def _form(self, name: str) -> ui.Item[Any]:
        button = self._button("form", name, self.translate("Change"))
        return ui.Section(self._text(name, self._value(name)), accessory=button)

    def _value(self, name: str) -> str:
        settings = self.state.settings
        match name:
            case "threshold":
                return formatting.threshold(self.state.threshold)
            case "hidden_tags":
                return summary(settings.hidden_tags) or self.translate("none")
            case "tags_a_line":
                return str(settings.tags_a_line or self.translate("as many as fit"))
            case "flicker":
                gap, shortest = settings.gap, settings.shortest
                return self.translate(
                    "gap {gap} s, shortest {shortest} s", gap=gap, shortest=shortest
                )
            case _:
                return self.translate("{days} days", days=self.state.days)

    def _more_chosen(self, name: str) -> str:
        """Say how many are chosen where a menu can't show them all."""
        count = 0 if name == "language" else len(getattr(self.state.settings, name))
        return self.translate("{count} chosen", count=count) if count > MAX_CHOSEN else ""

    def _select(self, name: str) -> ui.Item[Any]:
        if name == "language":
            return self._language_select()
        guild, chosen = self.state.guild, sorted(getattr(self.state.settings, name))
        bounds: Any = {"min_values": 0, "max_values": MAX_CHOSEN, "custom_id": _id("choose", name)}
        if name == "roles_allowed":
            roles = [role for each in chosen if (role := guild.get_role(each))]
            bounds["placeholder"] = self.translate("Everybody")
            return ui.RoleSelect(default_values=roles[:MAX_CHOSEN], **bounds)
        channels = [found for each in chosen if (found := guild.get_channel_or_thread(each))]
        allows = name == "channels_allowed"
        bounds["placeholder"] = (
            self.translate("Everywhere") if allows else self.translate("Nowhere")
        )
        return ui.ChannelSelect(
            default_values=channels[:MAX_CHOSEN], channel_types=_PLACES, **bounds
        )

    def _language_select(self) -> ui.Item[Any]:
        current = self.state.settings.language
        options = [
            discord.SelectOption(label=label, value=code, default=code == current)
            for code, label in LANGUAGES.items()
        ]
        return ui.Select(options=options, custom_id=_id("choose", "language"))

    def _file(self) -> Iterator[ui.Item[Any]]:
        yield ui.Separator()
        yield ui.ActionRow(
            self._button("file", "export", self.translate("Export as a file")),
            self._button("file", "import", self.translate("Import a file")),
        )

    def _missing(self) -> Iterator[ui.Item[Any]]:
        """Name what is missing, and where."""
        missing = self.state.missing
        if not missing:
            return
        lines = [
            f"{_WARNING} "
            + self.translate(
                "In {channel} I need: {permissions}.",
                channel=f"<#{channel_id}>",
                permissions=", ".join(map(self.translate, permissions)),
            )
            for channel_id, permissions in missing[:_MAX_NAMED]
        ]
        more = len(missing) - _MAX_NAMED
        if more > 0:
            lines.append(self.translate("The same goes for {count} more.", count=more))
        yield ui.Separator()
        yield ui.TextDisplay("\n".join(lines))

    def _text(self, name: str, value: str) -> str:
        setting = SETTINGS[name]
        shown = f" · {value}" if value else ""
        word = self.translate(setting.word, prefix=self.state.prefix)
        wrong = self.wrong.get(name)
        lines = [f"**{self.translate(setting.title)}**{shown}", f"-# {word}"]
        return "\n".join([*lines, f"{_WARNING} {wrong}"] if wrong else lines)

    def _button(
        self,
        act: str,
        name: str,
        label: str,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
    ) -> ui.Item[Any]:
        return self.wrap(ui.Button(label=label, style=style, custom_id=_id(act, name)))


def _id(act: str, name: str) -> str:
    """Name what can be pressed so that a later process knows it."""
    return f"settings:{act}:{name}"
