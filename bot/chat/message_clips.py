"""Finding the clips in a Discord message, and making a job of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import discord

from bot.chat.posters import person_behind
from bot.chat.visibility import is_age_checked
from bot.domain.clip import Clip
from bot.domain.job import MAX_CLIPS, Job, message_job_id
from bot.domain.links import (
    PREVIEWED,
    find_links,
    hidden_links,
    is_media,
    is_page,
    is_same_clip,
    name_of,
    promises_clip,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

# Discord's apps mark a spoiler by this prefix of the file name, and don't show it.
_SPOILER = "SPOILER_"
# Types of embeds for links that lead to a single picture.
_PICTURES = {"gifv", "image"}
_OPAQUE = {"", "application/octet-stream", "application/ogg"}


def posted_clips_of(
    message: discord.Message, sites: Collection[str] = frozenset()
) -> tuple[Clip, ...]:
    """Return the likely clips in a posted message, including pages of ``sites``."""
    found = (clip for part in _parts(message) for clip in _looks_like_clips(part, sites))
    return _bounded(message, found)


def requested_clips(
    message: discord.Message, sites: Collection[str] = frozenset()
) -> tuple[Clip, ...]:
    """Return the clips of a message that a command refers to: else every file and every link."""
    found = (clip for part in _parts(message) for clip in _everything(part))
    return posted_clips_of(message, sites) or _bounded(message, found)


def awaits_previews(message: discord.Message) -> bool:
    """Return whether Discord may still add previews of links in this message."""
    pages = [link for link in find_links(message.content) if is_page(link, PREVIEWED)]
    shown = [embed for embed in message.embeds if embed.url and is_page(embed.url, PREVIEWED)]
    return len(shown) < len(pages) and not message.flags.suppress_embeds


def linked_clip(link: str, *, spoiler: bool = False) -> Clip:
    """Return the clip behind a link, whether or not it looks like one."""
    return Clip(name_of(link), link, spoiler=spoiler)


def clips_in_argument(text: str) -> list[Clip]:
    """Return the clips in a command's argument: its links, or else the text as it is."""
    return list(_every_link(text)) or [linked_clip(text.strip())]


def attached_clip(attachment: discord.Attachment) -> Clip:
    """Return the clip of an attachment, with its size, type and duration as Discord states them."""
    return Clip(
        name=attachment.filename.removeprefix(_SPOILER),
        location=attachment.url,
        size=attachment.size,
        # An animated PNG has the type of a still one.
        content_type=None if attachment.flags.animated else attachment.content_type,
        duration=round(attachment.duration * 1000) if attachment.duration else None,
        spoiler=attachment.is_spoiler(),
        native=attachment.flags.clip,
    )


def job_for_message(message: discord.Message, clips: tuple[Clip, ...], *, requested: bool) -> Job:
    """Return the one job of a message, whether its clips were requested or only posted."""
    return Job(
        id=message_job_id(message.id),
        channel_id=message.channel.id,
        guild_id=message.guild.id if message.guild else None,
        message_id=message.id,
        author_id=person_behind(message),
        clips=clips,
        requested=requested,
        **channel_facts(message.guild, message.channel),
    )


def channel_facts(guild: discord.Guild | None, channel: object) -> dict[str, Any]:
    """Return the fields of a job that describe its channel, and its thread if it is in one."""
    facts: dict[str, Any] = {"age_restricted": guild is not None and is_age_checked(guild, channel)}
    if isinstance(channel, discord.Thread):
        facts |= {"parent_id": channel.parent_id, "private": channel.is_private()}
    return facts


def _parts(
    message: discord.Message,
) -> Iterator[discord.Message | discord.MessageSnapshot]:
    """Yield the message, then the messages it forwards."""
    yield message
    yield from message.message_snapshots


def _looks_like_clips(
    part: discord.Message | discord.MessageSnapshot, sites: Collection[str]
) -> Iterator[Clip]:
    for attachment in part.attachments:
        if _looks_like_clip(attachment):
            yield attached_clip(attachment)
    found = find_links(part.content)
    if found or part.embeds:
        yield from _behind_links(part, found, sites)


def _behind_links(
    part: discord.Message | discord.MessageSnapshot, found: list[str], sites: Collection[str]
) -> Iterator[Clip]:
    """Yield the clips of links: of links to media, and of previews of the other links.

    If a preview may belong to a link hidden as a spoiler, its clip is a spoiler.
    """
    hidden = hidden_links(part.content)
    links = [
        link for link in found if (promises_clip(link) and is_media(link)) or is_page(link, sites)
    ]
    yield from (linked_clip(link, spoiler=link in hidden) for link in links)
    for embed in part.embeds:
        media = _media_of(embed)
        if media and not any(link == embed.url or is_same_clip(link, media) for link in links):
            is_open = embed.url in found and embed.url not in hidden
            yield linked_clip(media, spoiler=bool(hidden) and not is_open)


def _media_of(embed: discord.Embed) -> str | None:
    """Return a link to the media file of an embed; None if there is only a player's page."""
    video = embed.video
    found = [video.url, video.proxy_url]
    animated = []
    if embed.type in _PICTURES:
        pictures = (embed.image, embed.thumbnail)
        found += [each.url for each in pictures]
        animated = [each.url for each in pictures if each.flags.animated]
    return next((link for link in found if link and is_media(link)), next(iter(animated), None))


def _looks_like_clip(attachment: discord.Attachment) -> bool:
    """Return whether the content type, or else the file name, suggests a clip."""
    kind = (attachment.content_type or "").partition(";")[0].strip().lower()
    if kind in _OPAQUE:
        return promises_clip(f"x:/{attachment.filename}")
    return kind.startswith("video/") or kind == "image/gif" or attachment.flags.animated


def _everything(part: discord.Message | discord.MessageSnapshot) -> Iterator[Clip]:
    attached = (attached_clip(attachment) for attachment in part.attachments)
    return chain(attached, _every_link(part.content))


def _every_link(text: str) -> Iterator[Clip]:
    hidden = hidden_links(text)
    links = find_links(text, left_alone=True)
    return (linked_clip(link, spoiler=link in hidden) for link in links)


def _bounded(message: discord.Message, clips: Iterable[Clip]) -> tuple[Clip, ...]:
    """Return each clip once, at most ``MAX_CLIPS``, with its message and the person behind it."""
    person = person_behind(message)
    by_location = {clip.location: clip for clip in clips}
    return tuple(
        replace(clip, message_id=message.id, author_id=person)
        for clip in islice(by_location.values(), MAX_CLIPS)
    )
