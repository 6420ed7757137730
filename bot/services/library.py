"""Use case: the library of a server, a page of its newest clips that a person may see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bot.domain.search import moment_of
from bot.render.library import library_clip, library_file
from bot.render.summary import TaggedClip

if TYPE_CHECKING:
    from bot.domain.search import Visibility
    from bot.domain.settings import GuildSettings
    from bot.i18n import Translator
    from bot.render.library import LibraryClip, LibraryFile
    from bot.services.reports import ReportBuilder
    from bot.storage.library import LibraryStore, ShelvedClip
    from bot.storage.posted_clips import PostedClipStore

MAX_CLIPS = 500
# Discord is asked about each of them whether the person is a member.
_MAX_THREADS = 25


class PlaceNames(Protocol):
    """Knows the names of channels and threads."""

    def __call__(self, channel_id: int, parent_id: int | None) -> str:
        """Return the name of a channel or thread."""


class ServerLibrary:
    """Makes pages of what was posted in a server, without anything that the server hides."""

    def __init__(
        self, store: LibraryStore, posted: PostedClipStore, reports: ReportBuilder
    ) -> None:
        self._store = store
        self._posted = posted
        self._reports = reports

    async def private_threads(self, guild_id: int, visibility: Visibility) -> list[int]:
        """Return private threads with clips, the latest few; the caller checks who is in them."""
        return await self._store.private_threads(guild_id, visibility, _MAX_THREADS)

    async def file(
        self,
        guild_id: int,
        server: str,
        visibility: Visibility,
        count: int,
        place: PlaceNames,
        limit: int,
        translate: Translator,
    ) -> LibraryFile | None:
        """Return the page of the newest ``count`` clips as a file of at most ``limit`` bytes.

        None if there are no clips. What was erased meanwhile is not in it.
        """
        settings = await self._reports.settings(guild_id)
        clips: dict[int, list[LibraryClip]] = {}
        for shelved in await self._store.newest(guild_id, visibility, min(count, MAX_CLIPS)):
            name = place(shelved.channel_id, shelved.parent_id)
            if clip := await self._clip(shelved, settings, name, translate):
                clips.setdefault(shelved.message_id, []).append(clip)
        known = await self._posted.known_messages(clips)
        left = [each for message, some in clips.items() if message in known for each in some]
        if not left:
            return None
        return await self._reports.draw(settings, library_file, server, left, limit, translate)

    async def _clip(
        self, shelved: ShelvedClip, settings: GuildSettings, place: str, translate: Translator
    ) -> LibraryClip | None:
        (clip,) = await self._reports.clips([shelved.outcome], settings)
        if not isinstance(clip, TaggedClip):
            return None
        if clip.spoiler:
            clip = replace(clip, tagging=replace(clip.tagging, thumbnails=()))
        if not clip.name:
            clip = replace(clip, name=translate("Clip"))
        posted_at = moment_of(shelved.message_id)
        return await self._reports.draw(
            settings, library_clip, clip, shelved.link, posted_at, place, translate
        )
