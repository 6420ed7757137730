"""From a Discord message to its clips, and to a job."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import discord

from bot.domain.clip import Clip
from bot.domain.job import Job, message_job_id
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

MAX_CLIPS = 10
# How Discord's app marks a file, which it shows without the mark.
_SPOILER = "SPOILER_"
# What Discord calls the preview of a link that leads to one picture and nothing else.
_PICTURES = {"gifv", "image"}
_OPAQUE = {"", "application/octet-stream", "application/ogg"}


def posted_clips_of(
    message: discord.Message, sites: Collection[str] = frozenset()
) -> tuple[Clip, ...]:
    """Return what looks like a clip in a message nobody asked about, pages of ``sites`` too."""
    found = (clip for part in _parts(message) for clip in _looks_like_clips(part, sites))
    return _bounded(message, found)


def asked_clips(message: discord.Message, sites: Collection[str] = frozenset()) -> tuple[Clip, ...]:
    """Return what somebody who points at this message may mean: every file and every link."""
    found = (clip for part in _parts(message) for clip in _everything(part))
    return posted_clips_of(message, sites) or _bounded(message, found)


def awaits_previews(message: discord.Message) -> bool:
    """Tell whether Discord may still find media behind links to pages in this message."""
    pages = [link for link in find_links(message.content) if is_page(link, PREVIEWED)]
    shown = [embed for embed in message.embeds if embed.url and is_page(embed.url, PREVIEWED)]
    return len(shown) < len(pages) and not message.flags.suppress_embeds


def linked_clip(link: str, *, spoiler: bool = False) -> Clip:
    """Return the clip behind a link, whatever the link promises."""
    return Clip(name_of(link), link, spoiler=spoiler)


def handed_clips(text: str) -> list[Clip]:
    """Return the clips behind what somebody hands to a command: links, else the text as it is."""
    return list(_every_link(text)) or [linked_clip(text.strip())]


def attached_clip(attachment: discord.Attachment) -> Clip:
    """Return an attachment with everything Discord says of it."""
    return Clip(
        name=attachment.filename.removeprefix(_SPOILER),
        location=attachment.url,
        size=attachment.size,
        content_type=attachment.content_type,
        duration=round(attachment.duration * 1000) if attachment.duration else None,
        spoiler=attachment.is_spoiler(),
    )


def job_for_message(message: discord.Message, clips: tuple[Clip, ...], *, requested: bool) -> Job:
    """Return the one job of a message, whether its clips were requested or only posted."""
    return Job(
        id=message_job_id(message.id),
        channel_id=message.channel.id,
        guild_id=message.guild.id if message.guild else None,
        message_id=message.id,
        author_id=message.author.id,
        clips=clips,
        requested=requested,
        **thread_facts(message.channel),
    )


def thread_facts(channel: object) -> dict[str, Any]:
    """Return what a job is to know of the thread it is in."""
    if not isinstance(channel, discord.Thread):
        return {}
    return {"parent_id": channel.parent_id, "private": channel.is_private()}


def _parts(
    message: discord.Message,
) -> Iterator[discord.Message | discord.MessageSnapshot]:
    """Yield the message and what it forwards."""
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
    """Yield what links lead to: what they promise, and what Discord found behind the others.

    A preview that can't be told from that of a hidden link is taken for it.
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
    """Return a link to the media itself: a player's page, as YouTube's, is none."""
    video = embed.video
    found = [video.url, video.proxy_url]
    if embed.type in _PICTURES:
        found += [embed.image.url, embed.thumbnail.url]
    return next((link for link in found if link and is_media(link)), None)


def _looks_like_clip(attachment: discord.Attachment) -> bool:
    """Go by the content type where there is one that says anything, else by the name."""
    kind = (attachment.content_type or "").partition(";")[0].strip().lower()
    if kind in _OPAQUE:
        return promises_clip(f"x:/{attachment.filename}")
    return kind.startswith("video/") or kind == "image/gif"


def _everything(part: discord.Message | discord.MessageSnapshot) -> Iterator[Clip]:
    attached = (attached_clip(attachment) for attachment in part.attachments)
    return chain(attached, _every_link(part.content))


def _every_link(text: str) -> Iterator[Clip]:
    hidden = hidden_links(text)
    links = find_links(text, left_alone=True)
    return (linked_clip(link, spoiler=link in hidden) for link in links)


def _bounded(message: discord.Message, clips: Iterable[Clip]) -> tuple[Clip, ...]:
    """Return each clip once, not too many, with the message and the person they come from."""
    by_location = {clip.location: clip for clip in clips}
    return tuple(
        replace(clip, message_id=message.id, author_id=message.author.id)
        for clip in islice(by_location.values(), MAX_CLIPS)
    )
