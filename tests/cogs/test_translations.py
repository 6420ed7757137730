"""Commands, panels and forms in other languages, within Discord's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from simcord.components import validate_components, validate_modal

from bot.domain.setting_kinds import Scores, ServerContext, TypedKind
from bot.domain.settings import PAGES, SETTINGS, GuildSettings
from bot.i18n import LANGUAGES, Translator
from cogs.settings_panel.forms import FileForm, Form, form_fields
from cogs.settings_panel.layout import PanelState, panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from bot.chat.client import FramehoundBot

_V2 = 1 << 15
_MAX_DESCRIPTION_LENGTH = 100
FORMS = [spec.heading for spec in SETTINGS.values() if isinstance(spec.kind, (TypedKind, Scores))]
TRANSLATED = {"de", "fr", "es-ES", "es-419"}


def parts(command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a command and everything below it that has a description."""
    yield command
    for option in command.get("options", []):
        yield from parts(option)


async def test_commands_are_described_in_every_language(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    tree = simcord_bot.tree
    translator = tree.translator
    assert simcord_env
    assert translator
    for command in tree.get_commands():
        for part in parts(await command.get_translated_payload(tree, translator)):
            if not part.get("description"):
                continue
            descriptions = part["description_localizations"]
            assert set(descriptions) == TRANSLATED, part["name"]
            assert all(
                0 < len(text) <= _MAX_DESCRIPTION_LENGTH for text in descriptions.values()
            ), descriptions
            assert not part.get("name_localizations")


async def test_panels_and_forms_fit_in_every_language(simcord_env: Any) -> None:
    guild = simcord_env.create_guild("S" * 100)
    ids = frozenset(range(1, 31))
    settings = GuildSettings(
        guild.id,
        channels_allowed=ids,
        channels_denied=ids,
        roles_allowed=ids,
        hidden_tags=frozenset({"x" * 100, "y" * 100}),
        tags_a_line=50,
    )
    needs = ["Send Messages in Threads", "Create Public Threads", "Read Message History"]
    missing = tuple((10**18 + number, needs) for number in range(10))
    server = ServerContext((), (), 365)
    state = PanelState(
        simcord_env.bot.get_guild(guild.id), settings, 0.5, 0.5, server, "!", missing
    )

    async def nothing(*_: Any) -> None:
        raise AssertionError

    for translate in map(Translator, LANGUAGES):
        for page in PAGES:
            heading = next(spec.heading for spec in SETTINGS.values() if spec.page == page)
            wrong = (heading.name, "w" * 150)
            view = panel(state, page, translate, lambda item: item, wrong)
            built = view.to_components()  # type: ignore[no-untyped-call]  # discord.py's own
            validate_components(built, flags=_V2)

        for heading in FORMS:
            fields = form_fields(heading.name, state, {}, translate)
            form = Form(translate(heading.title), fields, nothing, nothing)
            validate_modal(form.to_dict())
        hint = translate(
            "A file exported here or in another server. Settings it doesn't mention "
            "stay as they are."
        )
        validate_modal(FileForm(translate("Import settings"), hint, nothing, nothing).to_dict())


async def test_a_public_panel_is_in_the_language_of_the_server(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild("Katzen")
    channel = guild.create_text_channel("allgemein")
    manager = guild.create_role("m", permissions=discord.Permissions(manage_guild=True))
    alice = guild.add_member(simcord_env.create_user("alice"), roles=[manager])
    await simcord_bot.app.stores.settings.update(guild.id, language="de")
    await alice.send(channel, "!settings")
    pressed = await alice.click(channel.last_message, custom_id="settings:page:answers")
    assert "So lange weiß ich" in str(pressed.response.components)
    await alice.send(channel, "!threshold 2")
    assert channel.last_message.content.startswith("**2** ist kein gültiger Schwellenwert")
    answered = await alice.slash(channel, "settings show")
    assert "Settings for Katzen" in str(answered.response.components)


async def test_commands_are_synced_again_when_a_translation_changes(
    simcord_env: Any, simcord_bot: FramehoundBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def syncs() -> int:
        asked = simcord_env.http_requests
        return sum(each.method == "PUT" and each.path.endswith("/commands") for each in asked)

    await simcord_bot._sync_commands()
    assert syncs() == 1
    monkeypatch.setattr("bot.i18n._catalog", lambda _language: {"The tag": "X"})
    await simcord_bot._sync_commands()
    assert syncs() == 2
