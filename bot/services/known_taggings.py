"""Reading stored taggings: no download, no sandbox and no tagger is needed for that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.domain.tagging import combine

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.domain.concepts import TaggerIdentity
    from bot.domain.models import Models
    from bot.domain.tagging import Tagging
    from bot.storage.senses import SenseStores
    from bot.storage.taggings import TaggingStore


@dataclass(frozen=True, slots=True)
class KnownTaggings:
    """The stored taggings of the main tagger's models, and of the fallback if there is one.

    With stores of ``senses``, they have what those observed in the clip.
    """

    store: TaggingStore
    models: Models
    fallback: TaggerIdentity | None = None
    senses: SenseStores | None = None

    async def find(
        self, fingerprint: str, language: str = "en", names: Collection[str] = ()
    ) -> Tagging | None:
        """Return what is stored about a clip, by the models with these names.

        Each in another language if not in this one. The fallback's tagging is returned only if
        there is no other.
        """
        tagging = await self._find_any(fingerprint, language, names)
        if tagging is None or self.senses is None:
            return tagging
        found = await self.senses.find(fingerprint)
        return replace(tagging, text=found.text, nudity=found.nudity)

    async def _find_any(
        self, fingerprint: str, language: str, names: Collection[str]
    ) -> Tagging | None:
        chosen = [
            await self._find(fingerprint, each, language) for each in self.models.chosen(names)
        ]
        if found := [each for each in chosen if each]:
            return combine(found)
        return await self.store.find(fingerprint, self.fallback) if self.fallback else None

    async def _find(self, fingerprint: str, model: TaggerIdentity, language: str) -> Tagging | None:
        others = sorted({"en", *model.languages} - {language})
        for each in (language, *others):
            if tagging := await self.store.find(fingerprint, model.speaking(each)):
                return tagging
        return None
