"""Routes for responding to interactions: the callback, then the webhook of the token."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from loopback_discord.api import Json, invalid_form_body, unknown
from loopback_discord.model import message_actions
from loopback_discord.model.interactions import CallbackType
from loopback_discord.model.messages import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    Message,
    message_json,
)
from loopback_discord.rest.message_validation import check_message
from loopback_discord.rest.rest_api import Call, Route

if TYPE_CHECKING:
    from loopback_discord.model.interactions import Interaction
    from loopback_discord.model.state import State


class InteractionRoutes:
    """Handlers of ``/interactions`` and of ``/webhooks/{application}/{token}``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        webhook = "/webhooks/{application}/{token}"
        message = f"{webhook}/messages/{{message}}"
        callback = "/interactions/{interaction}/{token}/callback"
        return [
            Route("POST", callback, self.callback, needs_token=False),
            Route("POST", webhook, self.follow_up, needs_token=False),
            Route("GET", message, self.get, needs_token=False),
            Route("PATCH", message, self.edit, needs_token=False),
            Route("DELETE", message, self.delete, needs_token=False),
        ]

    def callback(self, call: Call) -> Json | None:
        interaction = self._state.interactions.get(call.path_values["token"])
        if interaction is None or interaction.id != call.id("interaction"):
            raise unknown("Interaction")
        callback, body = CallbackType(call.body["type"]), call.body.get("data") or {}
        if callback in {CallbackType.CHANNEL_MESSAGE, CallbackType.UPDATE_MESSAGE}:
            is_new = callback is CallbackType.CHANNEL_MESSAGE
            check_message(body, call.files.values(), new=is_new)
        interaction.acknowledge(callback)
        self._respond(interaction, body, call)
        self._state.changes.notify()
        return interaction.callback_json() if _wants_response(call) else None

    def _respond(self, interaction: Interaction, body: Json, call: Call) -> None:
        match interaction.callback:
            case CallbackType.CHANNEL_MESSAGE:
                interaction.original = interaction.response = self._create(interaction, body, call)
            case CallbackType.DEFERRED_CHANNEL_MESSAGE:
                # The only flag that a deferred response may have is EPHEMERAL.
                flags = LOADING | ((body.get("flags") or 0) & EPHEMERAL)
                interaction.original = self._create(interaction, {"flags": flags}, call)
            case CallbackType.DEFERRED_UPDATE_MESSAGE:
                interaction.original = interaction.message
            case CallbackType.UPDATE_MESSAGE if interaction.message is not None:
                message_actions.edit(interaction.message, body, call.files)
                interaction.original = interaction.response = interaction.message
            case CallbackType.MODAL:
                interaction.modal = body
            case _:
                message = "Not for this type of interaction."
                raise invalid_form_body("type", "BASE_TYPE_CHOICES", message)

    def follow_up(self, call: Call) -> Json:
        interaction = self._interaction(call)
        check_message(call.body, call.files.values(), new=True)
        original = interaction.original
        if original is not None and original.loading and not original.deleted:
            # The first followup to a deferred response replaces "is thinking…".
            return _json(self._edit(interaction, original, call))
        message = self._create(interaction, call.body, call)
        interaction.followups.append(message)
        self._state.changes.notify()
        return _json(message)

    def get(self, call: Call) -> Json:
        return _json(self._message(self._interaction(call), call))

    def edit(self, call: Call) -> Json:
        interaction = self._interaction(call)
        message = self._message(interaction, call)
        was_v2 = bool(message.flags & COMPONENTS_V2)
        check_message(call.body, call.files.values(), new=False, was_v2=was_v2)
        return _json(self._edit(interaction, message, call))

    def delete(self, call: Call) -> None:
        message_actions.delete(self._message(self._interaction(call), call))

    def _edit(self, interaction: Interaction, message: Message, call: Call) -> Message:
        message_actions.edit(message, call.body, call.files)
        if message is interaction.original:
            interaction.response = message
            self._state.changes.notify()
        return message

    def _create(self, interaction: Interaction, body: Json, call: Call) -> Message:
        draft = message_actions.draft_from(self._state.bot, body, call.files)
        draft = replace(draft, interaction=interaction)
        return message_actions.create(interaction.channel, draft)

    def _interaction(self, call: Call) -> Interaction:
        interaction = self._state.interactions.get(call.path_values["token"])
        if interaction is None or call.id("application") != self._state.bot.id:
            raise unknown("Webhook")
        interaction.check_token()
        return interaction

    def _message(self, interaction: Interaction, call: Call) -> Message:
        wanted = call.path_values["message"]
        for message in (interaction.original, *interaction.followups):
            if message and not message.deleted and wanted in {"@original", str(message.id)}:
                return message
        raise unknown("Message")


def _json(message: Message) -> Json:
    return message_json(message, content_allowed=True)


def _wants_response(call: Call) -> bool:
    return call.request.query.get("with_response", "0").lower() in {"1", "true"}
