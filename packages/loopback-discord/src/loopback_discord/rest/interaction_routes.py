"""How a bot answers interactions: the callback, then the webhook its token opens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.stand_ins.discord import posting
from tests.stand_ins.discord.component_rules import check_modal
from tests.stand_ins.discord.interactions import Callback, Interaction
from tests.stand_ins.discord.limits import check_message
from tests.stand_ins.discord.messages import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    Message,
    message_json,
)
from tests.stand_ins.discord.refusals import Json, invalid_form, unknown
from tests.stand_ins.discord.rest import Call, Route

if TYPE_CHECKING:
    from tests.stand_ins.discord.posting import Draft
    from tests.stand_ins.discord.world import World

_CHOICES = 25


class InteractionRoutes:
    """Handlers of ``/interactions`` and of ``/webhooks/{application}/{token}``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        webhook = "/webhooks/{application}/{token}"
        message = f"{webhook}/messages/{{message}}"
        callback = "/interactions/{interaction}/{token}/callback"
        return [
            Route("POST", callback, self.callback, open=True),
            Route("POST", webhook, self.followup, open=True),
            Route("GET", message, self.get, open=True),
            Route("PATCH", message, self.edit, open=True),
            Route("DELETE", message, self.delete, open=True),
        ]

    def callback(self, call: Call) -> Json | None:
        interaction = self._world.interactions.get(call.names["token"])
        if interaction is None or interaction.id != call.id("interaction"):
            raise unknown("Interaction")
        callback, body = Callback(call.body["type"]), call.body.get("data") or {}
        if callback in {Callback.MESSAGE, Callback.UPDATE}:
            check_message(body, call.files.values(), new=callback is Callback.MESSAGE)
        if callback is Callback.MODAL:
            check_modal(body)
        if len(body.get("choices") or ()) > _CHOICES:
            raise invalid_form("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer.")
        interaction.acknowledge(callback)
        self._respond(interaction, body, call)
        self._world.changes.notify()
        return interaction.callback_json() if _flag(call, "with_response") else None

    def _respond(self, interaction: Interaction, body: Json, call: Call) -> None:
        match interaction.callback:
            case Callback.MESSAGE:
                interaction.original = interaction.response = self._post(interaction, body, call)
            case Callback.DEFERRED_MESSAGE:
                # A deferral may carry nothing but whether the answer will be ephemeral.
                flags = LOADING | ((body.get("flags") or 0) & EPHEMERAL)
                interaction.original = self._post(interaction, {"flags": flags}, call)
            case Callback.DEFERRED_UPDATE:
                interaction.original = interaction.source
            case Callback.UPDATE if interaction.source is not None:
                posting.edit(interaction.source, body, call.files)
                interaction.original = interaction.response = interaction.source
            case Callback.MODAL:
                interaction.modal = body
            case Callback.CHOICES:
                interaction.choices = body["choices"]
            case _:
                raise invalid_form("type", "BASE_TYPE_CHOICES", "Not for this interaction.")

    def followup(self, call: Call) -> Json:
        interaction = self._interaction(call)
        check_message(call.body, call.files.values(), new=True)
        if interaction.original is not None and interaction.original.loading:
            # The first followup of a deferral takes the place of "is thinking…".
            return _json(self._edit(interaction, interaction.original, call))
        message = self._post(interaction, call.body, call)
        interaction.followups.append(message)
        self._world.changes.notify()
        return _json(message)

    def get(self, call: Call) -> Json:
        return _json(self._message(self._interaction(call), call))

    def edit(self, call: Call) -> Json:
        interaction = self._interaction(call)
        message = self._message(interaction, call)
        v2 = bool(message.flags & COMPONENTS_V2)
        check_message(call.body, call.files.values(), new=False, v2=v2)
        return _json(self._edit(interaction, message, call))

    def delete(self, call: Call) -> None:
        posting.delete(self._message(self._interaction(call), call))

    def _edit(self, interaction: Interaction, message: Message, call: Call) -> Message:
        posting.edit(message, call.body, call.files)
        if message is interaction.original:
            interaction.response = message
            self._world.changes.notify()
        return message

    def _post(self, interaction: Interaction, body: Json, call: Call) -> Message:
        draft: Draft = posting.draft_from(self._world.bot, body, call.files)
        return posting.create(interaction.channel, replace(draft, interaction=interaction))

    def _interaction(self, call: Call) -> Interaction:
        interaction = self._world.interactions.get(call.names["token"])
        if interaction is None or call.id("application") != self._world.bot.id:
            raise unknown("Webhook")
        interaction.check_token()
        return interaction

    def _message(self, interaction: Interaction, call: Call) -> Message:
        own = [interaction.original, *interaction.followups]
        named = call.names["message"]
        for message in own:
            if message and not message.deleted and named in {"@original", str(message.id)}:
                return message
        raise unknown("Message")


def _json(message: Message) -> Json:
    return message_json(message, readable=True)


def _flag(call: Call, name: str) -> bool:
    return call.request.query.get(name, "0").lower() in {"1", "true"}
