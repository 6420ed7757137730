"""The forms of the settings' panel: what each asks, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
from discord import ui

from bot.domain.choices import (
    MAX_GAP,
    MAX_TAGS_A_LINE,
    InvalidValue,
    read_number,
    read_tags,
)
from bot.domain.settings import parse_threshold
from bot.i18n import Sentence
from bot.render import formatting, sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from bot.i18n import Translator
    from cogs.settings_panel.layout import PanelState

    Take = Callable[[discord.Interaction[Any], Mapping[str, str]], Awaitable[None]]
    TakeFile = Callable[[discord.Interaction[Any], discord.Attachment], Awaitable[None]]
    Refuse = Callable[[discord.Interaction[Any], Exception], Awaitable[None]]

# Seconds; Discord takes what is typed for as long as an interaction can be answered.
_PATIENCE = 900.0
_MAX_NUMBER_LENGTH = 20
# https://discord.com/developers/docs/components/reference#text-input
_MAX_TEXT_LENGTH = 4000

# Those that are something even where nothing is typed.
_NEEDED = {"hidden_tags", "gap", "shortest"}
_NO_THRESHOLD = Sentence("must be a score from 0 to below 1, such as 0.9")
_TOO_MANY = Sentence("are more than fit into a form; export the settings and import them changed")


@dataclass(frozen=True, slots=True)
class Field:
    """One question: its name, title and a word about it; what stands in it; long for many lines."""

    name: str
    title: str
    word: str
    value: str
    long: bool = False


class WrongInput(Exception):
    """What somebody typed into a form can't be what it asks for."""

    def __init__(self, written: str, reason: InvalidValue) -> None:
        self._written, self._reason = written, reason
        super().__init__(f"{written}: {reason}")

    def localized(self, translate: Translator) -> str:
        """Return a sentence of what was typed and what it must be."""
        shown = sanitize.for_discord(self._written, limit=_MAX_NUMBER_LENGTH) or "–"
        return f"**{shown}** {self._reason.localized(translate)}."


class Form(ui.Modal):
    """Asks for some fields and hands over what was typed."""

    def __init__(self, title: str, fields: list[Field], take: Take, refuse: Refuse) -> None:
        super().__init__(title=title, timeout=_PATIENCE)
        self._take, self._refuse = take, refuse
        self._inputs = {field.name: _input(field) for field in fields}
        for field in fields:
            self.add_item(
                ui.Label(
                    text=field.title,
                    description=field.word,
                    component=self._inputs[field.name],
                )
            )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Hand over what was typed, by field."""
        await self._take(interaction, {name: each.value for name, each in self._inputs.items()})

    async def on_error(  # type: ignore[override]  # as discord.py's own Modal has it
        self, interaction: discord.Interaction[Any], error: Exception
    ) -> None:
        """Answer what went wrong in a sentence."""
        await self._refuse(interaction, error)


class FileForm(ui.Modal):
    """Asks for a file and hands it over."""

    def __init__(self, title: str, word: str, take: TakeFile, refuse: Refuse) -> None:
        super().__init__(title=title, timeout=_PATIENCE)
        self._take, self._refuse = take, refuse
        self._file: ui.FileUpload[FileForm] = ui.FileUpload(custom_id="file", max_values=1)
        self.add_item(ui.Label(text=title, description=word, component=self._file))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Hand over the file."""
        await self._take(interaction, self._file.values[0])

    async def on_error(  # type: ignore[override]  # as discord.py's own Modal has it
        self, interaction: discord.Interaction[Any], error: Exception
    ) -> None:
        """Answer what went wrong in a sentence."""
        await self._refuse(interaction, error)


def fields_of(
    name: str, state: PanelState, typed: Mapping[str, str], translate: Translator
) -> list[Field]:
    """Return a form's fields, with what was ``typed`` before in place of what is set.

    Raises ``InvalidValue`` where what is set doesn't fit into a form.
    """
    fields = [
        Field(field.name, field.title, field.word, typed.get(field.name, field.value), field.long)
        for field in _fields(name, state, translate)
    ]
    if any(len(field.value) > _MAX_TEXT_LENGTH for field in fields):
        raise InvalidValue(_TOO_MANY)
    return fields


def read_typed(typed: Mapping[str, str], max_days: int) -> dict[str, Any]:
    """Return what a form's answers set, by setting, None for none; raises ``WrongInput``."""
    readers = {
        "threshold": _threshold,
        "hidden_tags": read_tags,
        "tags_a_line": _number(1, MAX_TAGS_A_LINE),
        "retention": _number(1, max_days),
        "gap": _number(0, MAX_GAP),
        "shortest": _number(1, MAX_GAP),
    }
    read = {}
    for name, text in typed.items():
        try:
            read[name] = readers[name](text) if text.strip() or name in _NEEDED else None
        except InvalidValue as reason:
            raise WrongInput(text, reason) from None
    return read


def _fields(name: str, state: PanelState, translate: Translator) -> Iterator[Field]:
    settings = state.settings
    match name:
        case "threshold":
            own = formatting.threshold(state.own_threshold)
            word = translate("Such as 0.9 or 90%. Empty: the tagger's own, {own}.", own=own)
            yield Field(name, translate("Threshold"), word, formatting.threshold(state.threshold))
        case "hidden_tags":
            word = translate("One a line, or with commas between them.")
            tags = "\n".join(sorted(settings.hidden_tags))
            yield Field(name, translate("Hidden tags"), word, tags, long=True)
        case "tags_a_line":
            word = translate("From 1 to {most}. Empty: as many as fit.", most=MAX_TAGS_A_LINE)
            yield Field(name, translate("Tags a line"), word, str(settings.tags_a_line or ""))
        case "retention":
            word = translate("Days, from 1 to {most}. Empty: as long as that.", most=state.max_days)
            yield Field(name, translate("Retention"), word, str(settings.retention_days or ""))
        case _:
            word = translate("Seconds a tag may be missing, from 0 to {most}.", most=MAX_GAP)
            yield Field("gap", translate("Gap"), word, str(settings.gap))
            word = translate("Seconds a tag must be seen, from 1 to {most}.", most=MAX_GAP)
            yield Field("shortest", translate("Shortest time"), word, str(settings.shortest))


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    return lambda text: read_number(text, lowest, highest)


def _threshold(text: str) -> float:
    threshold = parse_threshold(text)
    if threshold is None:
        raise InvalidValue(_NO_THRESHOLD)
    return threshold


def _input(field: Field) -> ui.TextInput[Any]:
    return ui.TextInput(
        custom_id=field.name,
        style=discord.TextStyle.long if field.long else discord.TextStyle.short,
        default=field.value,
        required=False,
        max_length=_MAX_TEXT_LENGTH if field.long else _MAX_NUMBER_LENGTH,
    )
