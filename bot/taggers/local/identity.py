"""The local tagger's identity: stored taggings are reused while it stays the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bot.domain.concepts import SenseIdentity, TaggerIdentity
from bot.domain.senses import Sense
from bot.errors import TaggerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.domain.model_card import ModelFolder

# Raise this whenever clips get other concepts or scores than before: after a change to which frames
# are sampled, how they are scaled, the models, the label tables, or how scores are computed. Clips
# tagged under an earlier revision are then tagged again. tests/taggers/local/test_revision.py fails
# if results change without it; afterwards run ``python -m scripts.record_revision``.
REVISION = "4"

# The same for the text read in clips: after a change to which frames are read, how lines are found,
# read and joined. Clips are then read again when they are posted again; their tags stay.
TEXT_REVISION = "2"

# The same for nudity: after a change to which frames are looked at, the models, or their scores.
NUDITY_REVISION = "1"

_DEFAULT_THRESHOLD = 0.5  # scores are probabilities


def identify(custom: ModelFolder | None) -> TaggerIdentity:
    """Return the identity of the bundled models, or of an operator's model.

    Reads every file in the operator's folder: any change to them is another revision.
    """
    if custom is None:
        return TaggerIdentity("local", "efficientnet-lite0", _DEFAULT_THRESHOLD, REVISION)
    card = custom.card
    revision = f"{REVISION}-{hash_folder(custom.path)}"
    return TaggerIdentity("local", card.name, card.threshold, revision)


def text_identity(custom: Path | None) -> SenseIdentity:
    """Return the identity of the bundled reader of text, or of the operator's in a folder."""
    revision = f"{TEXT_REVISION}-{hash_folder(custom)}" if custom else TEXT_REVISION
    return SenseIdentity(Sense.TEXT, revision)


NUDITY_IDENTITY = SenseIdentity(Sense.NUDITY, NUDITY_REVISION)


def check_unchanged(folder: Path, revision_of: Callable[[], str], expected: str) -> None:
    """Raise ``TaggerUnavailable`` if the operator's folder changed since Framehound started."""
    try:
        found = revision_of()
    except OSError:
        found = "unreadable"
    if found != expected:
        raise TaggerUnavailable(detail=f"{folder} has changed since Framehound started; restart it")


def hash_folder(folder: Path) -> str:
    """Return a hash of all files directly in a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
