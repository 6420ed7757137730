"""Reading stored taggings: no download, no sandbox and no tagger is needed for that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.tagging import Tagging
    from bot.storage.taggings import TaggingStore
    from bot.storage.text import TextStore


@dataclass(frozen=True, slots=True)
class KnownTaggings:
    """The stored taggings of the main tagger, and of the fallback if there is one.

    With a ``text`` store, they have the text that was read in the clip.
    """

    store: TaggingStore
    main: TaggerIdentity
    fallback: TaggerIdentity | None = None
    text: TextStore | None = None

    async def find(self, fingerprint: str, language: str = "en") -> Tagging | None:
        """Return what is stored about a clip, in another language if not in this one.

        The fallback's tagging is returned only if the main tagger has none.
        """
        others = sorted({"en", *self.main.languages} - {language})
        identities = [self.main.speaking(each) for each in (language, *others)]
        if self.fallback:
            identities.append(self.fallback)
        for identity in identities:
            if tagging := await self.store.find(fingerprint, identity):
                text = await self.text.find(fingerprint) if self.text else None
                return replace(tagging, text=text)
        return None
