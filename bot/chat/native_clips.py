"""The game in which a native clip was recorded, which discord.py leaves out of attachments."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_GAME_LENGTH = 60  # characters that are kept; Discord allows an application 32


def game_of(message: Mapping[str, Any], location: str) -> str | None:
    """Return the game of the attachment with a link, in a message as Discord's API gives it.

    Anybody can register an application with any name, so it is shown like other strangers' text.

    https://docs.discord.com/developers/resources/message#attachment-object
    """
    path = URL(location, encoded=True).path
    for attachment in _attachments(message):
        if URL(attachment.get("url", ""), encoded=True).path == path:
            name = (attachment.get("application") or {}).get("name") or ""
            return " ".join(name.split())[:_MAX_GAME_LENGTH] or None
    return None


def _attachments(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the attachments of a message and of the messages it forwards."""
    forwarded = (part.get("message") or {} for part in message.get("message_snapshots", ()))
    return chain.from_iterable(part.get("attachments", ()) for part in (message, *forwarded))
