"""The forms of the settings' panel: what each asks, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
from discord import ui

from bot.domain.choices import (
    LONGEST_GAP,
    MOST_TAGS_A_LINE,
    Unsound,
    read_number,
    read_tags,
)
from bot.domain.settings import parse_threshold
from bot.i18n import Sentence
from bot.render import formatting, sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from bot.i18n import Speech
    from cogs.settings_panel.layout import Standing

    Take = Callable[[discord.Interaction[Any], Mapping[str, str]], Awaitable[None]]
    TakeFile = Callable[[discord.Interaction[Any], discord.Attachment], Awaitable[None]]
    Refuse = Callable[[discord.Interaction[Any], Exception], Awaitable[None]]

# Seconds; Discord takes what is typed for as long as an interaction can be answered.
_PATIENCE = 900.0
_LONGEST_NUMBER = 20
# https://discord.com/developers/docs/components/reference#text-input
_LONGEST_TEXT = 4000

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

    def __init__(self, written: str, reason: Unsound) -> None:
        self._written, self._reason = written, reason
        super().__init__(f"{written}: {reason}")

    def told(self, say: Speech) -> str:
        """Return a sentence of what was typed and what it must be."""
        shown = sanitize.for_discord(self._written, limit=_LONGEST_NUMBER) or "–"
        return f"**{shown}** {self._reason.told(say)}."


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


def fields_of(name: str, standing: Standing, typed: Mapping[str, str], say: Speech) -> list[Field]:
    """Return a form's fields, with what was ``typed`` before in place of what is set.

    Raises ``Unsound`` where what is set doesn't fit into a form.
    """
    fields = [
        Field(field.name, field.title, field.word, typed.get(field.name, field.value), field.long)
        for field in _fields(name, standing, say)
    ]
    if any(len(field.value) > _LONGEST_TEXT for field in fields):
        raise Unsound(_TOO_MANY)
    return fields


def read_typed(typed: Mapping[str, str], most_days: int) -> dict[str, Any]:
    """Return what a form's answers set, by setting, None for none; raises ``WrongInput``."""
    readers = {
        "threshold": _threshold,
        "hidden_tags": read_tags,
        "tags_a_line": _number(1, MOST_TAGS_A_LINE),
        "retention": _number(1, most_days),
        "gap": _number(0, LONGEST_GAP),
        "shortest": _number(1, LONGEST_GAP),
    }
    read = {}
    for name, text in typed.items():
        try:
            read[name] = readers[name](text) if text.strip() or name in _NEEDED else None
        except Unsound as reason:
            raise WrongInput(text, reason) from None
    return read


def _fields(name: str, standing: Standing, say: Speech) -> Iterator[Field]:
    settings = standing.settings
    match name:
        case "threshold":
            own = formatting.threshold(standing.own_threshold)
            word = say("Such as 0.9 or 90%. Empty: the tagger's own, {own}.", own=own)
            yield Field(name, say("Threshold"), word, formatting.threshold(standing.threshold))
        case "hidden_tags":
            word = say("One a line, or with commas between them.")
            tags = "\n".join(sorted(settings.hidden_tags))
            yield Field(name, say("Hidden tags"), word, tags, long=True)
        case "tags_a_line":
            word = say("From 1 to {most}. Empty: as many as fit.", most=MOST_TAGS_A_LINE)
            yield Field(name, say("Tags a line"), word, str(settings.tags_a_line or ""))
        case "retention":
            word = say("Days, from 1 to {most}. Empty: as long as that.", most=standing.most_days)
            yield Field(name, say("Retention"), word, str(settings.retention_days or ""))
        case _:
            word = say("Seconds a tag may be missing, from 0 to {most}.", most=LONGEST_GAP)
            yield Field("gap", say("Gap"), word, str(settings.gap))
            word = say("Seconds a tag must be seen, from 1 to {most}.", most=LONGEST_GAP)
            yield Field("shortest", say("Shortest time"), word, str(settings.shortest))


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    return lambda text: read_number(text, lowest, highest)


def _threshold(text: str) -> float:
    threshold = parse_threshold(text)
    if threshold is None:
        raise Unsound(_NO_THRESHOLD)
    return threshold


def _input(field: Field) -> ui.TextInput[Any]:
    return ui.TextInput(
        custom_id=field.name,
        style=discord.TextStyle.long if field.long else discord.TextStyle.short,
        default=field.value,
        required=False,
        max_length=_LONGEST_TEXT if field.long else _LONGEST_NUMBER,
    )
