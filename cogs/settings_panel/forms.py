"""The forms of the settings panel: their fields, and how what people type is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
from discord import ui

from bot.domain.setting_kinds import InvalidValue, TypedKind, read_score
from bot.domain.settings import SETTINGS, parse_threshold
from bot.i18n import Sentence
from bot.render import formatting, sanitize
from cogs.settings_panel.layout import settings_under

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from bot.domain.setting_kinds import ServerContext
    from bot.domain.setting_spec import SettingSpec
    from bot.i18n import Translator
    from cogs.settings_panel.layout import PanelState

    OnSubmit = Callable[[discord.Interaction[Any], Mapping[str, str]], Awaitable[None]]
    OnFile = Callable[[discord.Interaction[Any], discord.Attachment], Awaitable[None]]
    OnError = Callable[[discord.Interaction[Any], Exception], Awaitable[None]]

# Seconds; as long as Discord lets an interaction be answered.
_TIMEOUT = 900.0
_MAX_NUMBER_LENGTH = 20
# https://discord.com/developers/docs/components/reference#text-input
_MAX_TEXT_LENGTH = 4000

_TOO_MANY = Sentence(
    "These tags don't fit into a form. Export the settings, edit the file, and import it again."
)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form: what it is called, what it holds, and whether it has several lines."""

    name: str
    title: str
    hint: str
    value: str
    long: bool = False


class WrongInput(Exception):
    """Somebody typed a value into a form that the setting cannot have."""

    def __init__(self, typed: str, reason: InvalidValue) -> None:
        self._typed, self._reason = typed, reason
        super().__init__(f"{typed}: {reason}")

    def localized(self, translate: Translator) -> str:
        """Return a sentence with what was typed and what it must be."""
        shown = sanitize.for_discord(self._typed, limit=_MAX_NUMBER_LENGTH) or "–"
        mistake = translate("**{value}** doesn't work here.", value=shown)
        return f"{mistake} {self._reason.localized(translate)}"


class Form(ui.Modal):
    """Asks for some fields; ``on_fields`` gets what was typed, by field."""

    def __init__(
        self, title: str, fields: list[Field], on_fields: OnSubmit, on_failure: OnError
    ) -> None:
        super().__init__(title=title, timeout=_TIMEOUT)
        self._on_fields, self._on_failure = on_fields, on_failure
        self._inputs = {field.name: _input(field) for field in fields}
        for field in fields:
            component = self._inputs[field.name]
            label = ui.Label(text=field.title, description=field.hint, component=component)
            self.add_item(label)

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Pass on what was typed."""
        typed = {name: each.value for name, each in self._inputs.items()}
        await self._on_fields(interaction, typed)

    async def on_error(  # type: ignore[override]  # as discord.py's own Modal has it
        self, interaction: discord.Interaction[Any], error: Exception
    ) -> None:
        """Pass on what went wrong."""
        await self._on_failure(interaction, error)


class FileForm(ui.Modal):
    """Asks for a file; ``on_file`` gets it."""

    def __init__(self, title: str, hint: str, on_file: OnFile, on_failure: OnError) -> None:
        super().__init__(title=title, timeout=_TIMEOUT)
        self._on_file, self._on_failure = on_file, on_failure
        self._file: ui.FileUpload[FileForm] = ui.FileUpload(custom_id="file", max_values=1)
        self.add_item(ui.Label(text=title, description=hint, component=self._file))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Pass on the file."""
        await self._on_file(interaction, self._file.values[0])

    async def on_error(  # type: ignore[override]  # as discord.py's own Modal has it
        self, interaction: discord.Interaction[Any], error: Exception
    ) -> None:
        """Pass on what went wrong."""
        await self._on_failure(interaction, error)


def form_fields(
    heading: str, state: PanelState, typed: Mapping[str, str], translate: Translator
) -> list[Field]:
    """Return the fields of the form behind a heading of the panel.

    They hold what was ``typed`` before, by field, or else the values set. Raises ``InvalidValue``
    if these don't fit into a form.
    """
    fields = [_field(spec, state, typed, translate) for spec in settings_under(heading)]
    if any(len(field.value) > _MAX_TEXT_LENGTH for field in fields):
        raise InvalidValue(_TOO_MANY)
    return fields


def read_typed(
    typed: Mapping[str, str], server: ServerContext, taggers: Iterable[str]
) -> dict[str, Any]:
    """Return what was typed into a form as ``GuildSettingsStore.update`` takes it.

    A threshold is that of all ``taggers``, ``name:model``. Raises ``WrongInput``.
    """
    values = {}
    for name, text in typed.items():
        kind = SETTINGS[name].kind
        try:
            if isinstance(kind, TypedKind):
                values[name] = kind.read(kind.parse(text), server)
            else:  # Scores
                values[name] = dict.fromkeys(taggers, _score(text))
        except InvalidValue as reason:
            raise WrongInput(text, reason) from None
    return values


def _field(
    spec: SettingSpec, state: PanelState, typed: Mapping[str, str], translate: Translator
) -> Field:
    kind = spec.kind
    if isinstance(kind, TypedKind):
        facts = kind.limits(state.server)
        text, long = kind.text(getattr(state.settings, spec.name)), kind.long
    else:  # Scores
        facts = {"own": formatting.threshold(state.own_threshold)}
        text, long = formatting.threshold(state.threshold), False
    hint = translate(spec.hint or spec.help, prefix=state.prefix, **facts)
    return Field(spec.name, translate(spec.title), hint, typed.get(spec.name, text), long)


def _score(text: str) -> float | None:
    """Return the score typed, None if nothing was."""
    return read_score(parse_threshold(text)) if text.strip() else None


def _input(field: Field) -> ui.TextInput[Any]:
    return ui.TextInput(
        custom_id=field.name,
        style=discord.TextStyle.long if field.long else discord.TextStyle.short,
        default=field.value,
        required=False,
        max_length=_MAX_TEXT_LENGTH if field.long else _MAX_NUMBER_LENGTH,
    )
