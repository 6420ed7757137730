"""Telling people, webhooks, other bots and ourselves apart as the posters of a message."""

from __future__ import annotations

from enum import Enum, auto

import discord


class Poster(Enum):
    """Who posted a message, as far as Discord tells.

    https://docs.discord.com/developers/resources/message#message-object
    """

    PERSON = auto()
    WEBHOOK = auto()
    """A webhook: mostly a proxy such as PluralKit, or a bot that repairs the previews of links."""
    BOT = auto()
    """Another bot, its answer to a command, or a channel that this channel follows."""
    OURSELVES = auto()
    """This bot, or a webhook of its own."""


def poster_of(message: discord.Message, our_id: int) -> Poster:
    """Return who posted a message; ``our_id`` is the ID of this bot and its application."""
    if our_id in {message.author.id, message.application_id}:
        return Poster.OURSELVES
    if message.webhook_id is None:
        return Poster.BOT if message.author.bot else Poster.PERSON
    is_answer = message.interaction_metadata or message.application_id == message.webhook_id
    return Poster.BOT if is_answer or message.flags.is_crossposted else Poster.WEBHOOK


def person_behind(message: discord.Message) -> int | None:
    """Return the ID of the person who posted a message; None if Discord doesn't tell.

    Discord names the person who used a command. It doesn't name whose message a webhook repeats.
    """
    if message.interaction_metadata is not None:
        return message.interaction_metadata.user.id
    return None if message.webhook_id or message.author.bot else message.author.id


async def forwarded_from(client: discord.Client, message: discord.Message) -> int | None:
    """Return the ID of the person who posted what a message forwards.

    None if it forwards nothing, or if the bot can't read the original.
    """
    original = message.reference
    if not message.message_snapshots or original is None or original.message_id is None:
        return None
    channel = client.get_partial_messageable(original.channel_id)
    try:
        return person_behind(await channel.fetch_message(original.message_id))
    except discord.HTTPException:
        return None
