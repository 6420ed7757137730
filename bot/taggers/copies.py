"""Recognizing copies of tagged clips before a tagger is paid for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot.domain.perceptual_hash import MAX_SECONDS
from bot.domain.timeline import count_seconds
from bot.errors import ClipError, TaggerError
from bot.storage.database import retry_storage
from bot.taggers.local.response import read_hash

if TYPE_CHECKING:
    from bot.domain.clip import ClipFile
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.perceptual_hash import PerceptualHash
    from bot.domain.tagging import Tagging
    from bot.media.sandbox.pool import Sandbox
    from bot.storage.copies import CopyStore
    from bot.storage.taggings import TaggingStore

TASK = "bot.media.decode.hash_child:hash_clip"
# Time limit in seconds: so many, or a part of the clip's length. A tagger is asked all the same.
_MIN_LIMIT, _LIMIT_PER_SECOND = 15.0, 0.1


class CopyFinder:
    """Hashes clips, and finds the taggings of clips that they are copies of."""

    def __init__(self, sandbox: Sandbox, copies: CopyStore, taggings: TaggingStore) -> None:
        self._sandbox = sandbox
        self._copies = copies
        self._taggings = taggings
        self._log = structlog.get_logger("framehound.copies")

    async def hash(self, clip: ClipFile) -> PerceptualHash | None:
        """Return the hash of a clip; None if it is too long or can't be decoded here."""
        seconds = count_seconds(clip.info.duration)
        if seconds > MAX_SECONDS:
            return None
        request = {"format": clip.info.format.value, "seconds": seconds}
        try:
            answer = await self._sandbox.run(
                TASK,
                request,
                files=[clip.path],
                seconds=max(_MIN_LIMIT, seconds * _LIMIT_PER_SECOND),
                stage="decode",
                owner=clip.owner,
            )
            return read_hash(answer, seconds)
        except (ClipError, TaggerError) as error:
            # A tagger may read what our decoder can't.
            self._log.info("clip not hashed", reason=str(error), detail=error.detail)
            return None

    async def tagging_of(
        self, clip: ClipFile, found: PerceptualHash, tagger: TaggerIdentity
    ) -> Tagging | None:
        """Return the tagging of a clip that this one is a copy of, as this one's own.

        Only observations are taken over: thumbnails would show another clip's pictures.
        """
        originals = await retry_storage(
            lambda: self._copies.originals_of(found, clip.info.duration, tagger, clip.owner)
        )
        for fingerprint in originals:
            tagging = await retry_storage(lambda: self._taggings.find(fingerprint, tagger))  # noqa: B023 - awaited at once
            if tagging and not tagging.unreadable:
                return replace(
                    tagging,
                    info=clip.info,
                    thumbnails=(),
                    proxied=False,
                    perceptual_hash=found,
                    original=False,
                )
        return None
