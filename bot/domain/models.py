"""The models of a tagger that sends clips to several, and the choice a server has among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bot.domain.settings import parse_threshold

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.domain.concepts import TaggerIdentity

_MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model of the operator's configuration, and its threshold if that is set there."""

    model_id: str
    threshold: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``general-image-recognition`` or ``food-item-recognition:0.9``."""
        model_id, colon, written = (part.strip() for part in text.partition(":"))
        threshold = parse_threshold(written) if colon else None
        if not _MODEL_ID.fullmatch(model_id) or (colon and threshold is None):
            raise ValueError("not a model")
        return cls(model_id, threshold)


@dataclass(frozen=True, slots=True)
class Models:
    """The models that clips are sent to, the main one first.

    If they are ``choosable``, a server can choose some of them by name.
    """

    identities: tuple[TaggerIdentity, ...]
    choosable: bool = False

    @property
    def main(self) -> TaggerIdentity:
        """The model whose threshold is shown and changed where only one is."""
        return self.identities[0]

    @property
    def options(self) -> tuple[str, ...]:
        """The names that a server can choose among; none if it has no choice."""
        has_choice = self.choosable and len(self.identities) > 1
        return tuple(each.model for each in self.identities) if has_choice else ()

    def chosen(self, names: Collection[str]) -> tuple[TaggerIdentity, ...]:
        """Return the models with these names; all of them if a server chose none that exists."""
        options = self.options
        wanted = [each for each in self.identities if each.model in names and each.model in options]
        return tuple(wanted) or self.identities
