"""Trains the classifier of kinds on clips of the pictures in a folder, and says how good it is.

uv run --group models python -m scripts.kinds.train FOLDER
"""

from __future__ import annotations

import argparse
import random
import zlib
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bot.domain.clip import ClipFormat
from bot.domain.kind import Kind
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from bot.taggers.local.bundled_models import (
    CLASSIFIER,
    CLASSIFIER_SIDE,
    DETECTOR_VIEW,
    classify,
    open_session,
)
from bot.taggers.local.image_stats import center_crop
from bot.taggers.local.kinds import HEAD, KINDS, in_context, inputs_of, softmax
from scripts.kinds import clips
from scripts.kinds.sources import is_reported

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnxruntime

    from bot.taggers.local.label_mapping import Numbers

FONTS = tuple(Path("/usr/share/fonts").rglob("*-Bold.ttf"))  # for captions
VIEWS = View(CLASSIFIER_SIDE), DETECTOR_VIEW
FOLDS, CLIPS, LONGEST = 5, 2, 40
STEPS, RATE, DECAY = 150, 0.03, 0.04
# Added to the log-odds, so that no kind is named too often: chosen on sources not trained on.
PRIOR = {Kind.PHOTO: 0.3, Kind.GAME: 0.4, Kind.SCREEN: 0.3, Kind.MEME: 0.4}
PHOTO_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Examples:
    """What the classifier judges the frames of one source's clip by."""

    kind: Kind
    source: str
    inputs: Numbers


def clip_pictures(kind: Kind, folder: Path, chance: random.Random) -> list[Image.Image]:
    """Return the pictures of a clip of one source."""
    paths = sorted(folder.glob("*.png"))
    paths = paths if len(paths) <= LONGEST else chance.sample(paths, LONGEST)
    pictures = [Image.open(path).convert("RGB") for path in paths]
    if kind in {Kind.GAME, Kind.SCREEN, Kind.CARTOON}:
        return clips.fitted(pictures, chance) if pictures else []
    size, font = chance.choice(clips.SIZES), chance.choice(FONTS)
    moving = [shown for each in pictures for shown in clips.filmed(each, chance, size, 2)]
    return moving if kind is Kind.PHOTO else [clips.captioned(p, chance, font) for p in moving]


def folders(folder: Path) -> Iterator[tuple[Kind, Path]]:
    """Yield the kinds and the folders of all sources; captions are written on photographs."""
    for kind in KINDS:
        pictured = Kind.PHOTO if kind is Kind.MEME else kind
        for source in sorted((folder / pictured).iterdir()):
            yield kind, source


def examples(folder: Path) -> Iterator[Examples]:
    """Make clips of each source, and look at them as the local tagger does."""
    network = open_session(CLASSIFIER)
    for number, (kind, source) in product(range(CLIPS), folders(folder)):
        chance = random.Random(f"{number} {kind} {source.name}")  # noqa: S311 - sizes and qualities
        pictures = clip_pictures(kind, source, chance)
        if pictures:
            clip = folder / "clip.mp4"
            clips.write_clip(clip, pictures, chance.choice(clips.QUALITIES))
            yield Examples(kind, source.name, _inputs(network, clip, len(pictures)))


def _inputs(network: onnxruntime.InferenceSession, clip: Path, seconds: int) -> Numbers:
    rows = []
    for frame in sample(clip, ClipFormat.MP4, seconds=seconds, views=VIEWS):
        center = center_crop(frame.pictures[0], CLASSIFIER_SIDE)
        _, features = classify(network, [center])
        rows.append(inputs_of(features[0], center, frame.pictures[1]))
    return np.stack(rows)


def fit(found: list[Examples]) -> tuple[Numbers, Numbers]:
    """Return the weights and the bias of a multinomial logistic regression (with Adam)."""
    inputs = np.concatenate([each.inputs for each in found])
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    scaled = np.column_stack([(inputs - mean) / deviation, np.ones(len(inputs))])
    wanted = np.concatenate([np.tile(_one_hot(each.kind), (len(each.inputs), 1)) for each in found])
    importance = _importance(found)[:, None]
    weights = np.zeros((scaled.shape[1], len(KINDS)))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        errors = (softmax(scaled @ weights) - wanted) * importance
        slope = scaled.T @ errors + DECAY * weights
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        change = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        weights -= RATE * (1 - step / STEPS) * change
    unscaled = weights[:-1] / deviation[:, None]
    prior = np.array([PRIOR.get(kind, 0.0) for kind in KINDS])
    return unscaled, weights[-1] - mean @ unscaled + prior


def _one_hot(kind: Kind) -> Numbers:
    return np.asarray(np.eye(len(KINDS))[KINDS.index(kind)])


def _importance(found: list[Examples]) -> Numbers:
    """Weigh kinds equally, photographs more, and sources by the square root of their length."""
    totals = dict.fromkeys(KINDS, 0.0)
    for each in found:
        totals[each.kind] += len(each.inputs) ** 0.5
    weights = np.concatenate(
        [
            np.full(
                len(each.inputs),
                (PHOTO_WEIGHT if each.kind is Kind.PHOTO else 1.0)
                / totals[each.kind]
                / len(each.inputs) ** 0.5,
            )
            for each in found
        ]
    )
    return np.asarray(weights / weights.sum())


def report(found: list[Examples]) -> None:
    """Print how many frames of sources that were not trained on get which kind."""
    counts = {kind: Counter[Kind | None]() for kind in KINDS}
    for fold in range(FOLDS):
        others = [each for each in found if _fold(each) != fold]
        weights, bias = fit(others)
        for each in (each for each in found if _fold(each) == fold):
            alone = softmax(each.inputs @ weights + bias)
            for row in in_context(alone, range(len(alone))):
                named = KINDS[int(row.argmax())] if row.max() > 0.5 else None  # noqa: PLR2004 - the default threshold
                counts[each.kind][named] += 1
    for kind, judged in counts.items():
        total = judged.total()
        shares = (f"{other or 'none'} {count / total:.1%}" for other, count in judged.items())
        print(f"{kind}: {total} frames: {', '.join(shares)}")


def _fold(each: Examples) -> int:
    """Return the fold of a source; a captioned photograph is in the fold of its package."""
    kind = Kind.PHOTO if each.kind is Kind.MEME else each.kind
    return zlib.crc32(f"{kind} {each.source}".encode()) % FOLDS


def main() -> None:
    """Train, report and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    found = list(examples(parser.parse_args().folder))
    report(found)
    weights, bias = fit([each for each in found if not is_reported(each.kind, each.source)])
    np.savez(HEAD, weights=weights.astype(np.float32), bias=bias.astype(np.float32))


if __name__ == "__main__":
    main()
