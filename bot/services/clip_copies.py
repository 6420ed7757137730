"""Use case: where else a clip was posted, also if somebody encoded it again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.search import PAGE_SIZE
from bot.render.summary import TaggedClip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bot.domain.search import SameClip, Visibility
    from bot.domain.settings import GuildSettings
    from bot.render.summary import ReportedClip
    from bot.storage.copies import CopyStore
    from bot.storage.same_clips import SameClipStore

    ChooseLink = Callable[[Sequence[SameClip]], Awaitable[str | None]]

# Whether everybody may read a message takes several requests to find out.
_MAX_EARLIER = 3


class ClipCopies:
    """Finds messages with the same clips in a server."""

    def __init__(self, copies: CopyStore, same: SameClipStore) -> None:
        self._copies = copies
        self._same = same

    async def find(
        self, message_id: int, guild_id: int, visibility: Visibility
    ) -> tuple[list[SameClip], int]:
        """Return other visible messages with a clip of a message, and how many there are."""
        own = await self._same.fingerprints(message_id)
        alike = await self._copies.copies_of(own, guild_id)
        return await self._same.others(
            alike, message_id, guild_id=guild_id, visibility=visibility, limit=PAGE_SIZE
        )

    async def with_links(
        self,
        clips: Sequence[ReportedClip],
        settings: GuildSettings,
        message_id: int,
        choose: ChooseLink,
    ) -> list[ReportedClip]:
        """Add links to the first messages with the clips, if the server wants them.

        Those messages are from before ``message_id``; ``choose`` returns the link that may be
        shown, if there is one.
        """
        if not settings.seen_before or not settings.guild_id:
            return list(clips)
        return [await self._with_link(clip, settings, message_id, choose) for clip in clips]

    async def _with_link(
        self, clip: ReportedClip, settings: GuildSettings, message_id: int, choose: ChooseLink
    ) -> ReportedClip:
        if not isinstance(clip, TaggedClip):
            return clip
        guild_id = settings.guild_id
        alike = await self._copies.copies_of([clip.tagging.info.fingerprint], guild_id)
        earlier = await self._same.earlier(alike, message_id, guild_id=guild_id, limit=_MAX_EARLIER)
        return replace(clip, seen_before=await choose(earlier)) if earlier else clip
