"""Whose the local tagger's scores are: which files and rules they come from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain import model_card
from bot.domain.concepts import TaggerIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable

# Probabilities: above a half, a name is likelier right than wrong.
_DEFAULT_THRESHOLD = 0.5
# What decides which concepts a clip gets: of any model, and of those that come with the program.
RULES = ("smoothing.py", "image_stats.py", "custom_model.py", "recognizer.py")
STANDARD = (
    *("detector.py", "label_mapping.py", "classifier_model.py", "checkpoint.py", "quantization.py"),
    *("data/detected.tsv", "data/everyday.tsv", "data/nanodet.onnx"),
)


def identify(own: Path | None) -> TaggerIdentity:
    """Say whose scores these are; other files, or other rules to read them by, are another's.

    ``own`` is the folder of the operator's own model. Reads every file that decides.
    """
    here = Path(__file__).parent
    rules = [here / name for name in RULES]
    if own is None:
        revision = _hash([*rules, *(here / name for name in STANDARD)])
        return TaggerIdentity("local", "efficientnet-lite0", _DEFAULT_THRESHOLD, revision)
    card = model_card.parse((own / model_card.CARD).read_text("utf-8"), own.name)
    files = sorted(path for path in own.iterdir() if path.is_file())
    return TaggerIdentity("local", card.name, card.threshold, _hash([*rules, *files]))


def _hash(files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:12]
