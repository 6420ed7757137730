"""Values the storage tests share."""

from __future__ import annotations

from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.tagging import Tagging

IDENTITY = TaggerIdentity("local", "efficientnet-lite0", 0.5, revision="names-2")
FINGERPRINT = "sha256:" + "0f" * 32
GUILD = 81384788765712384


def make_tagging(frames: tuple[Frame, ...], fingerprint: str = FINGERPRINT) -> Tagging:
    return Tagging(ClipInfo(ClipFormat.WEBM, 391_036, 16_000, fingerprint), frames, IDENTITY)


TAGGING = make_tagging(
    (
        Frame(0, (Concept("cat", 0.1 + 0.2), Concept("žirafa 🦒", 5e-324))),
        Frame(1000, ()),
        Frame(2000, (Concept("cat", 1.0), Concept('"; DROP TABLE taggings; --\0', 0.0))),
    )
)
