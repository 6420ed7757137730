"""Tagging a clip with the local model; runs in a sandboxed child alone."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from bot.domain.clip import ClipFormat
from bot.media.pictures import View
from bot.media.sample import sample
from bot.taggers.everyday import Everyday, load_everyday
from bot.taggers.local_model import SIDE, ensure_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from bot.media.sample import SampledFrame

_VIEW = View(SIDE + 32)  # the model was trained on the middle s/(s+32) of a picture
_BATCH = 8
# A frame of one colour, or nearly (a fade, a blank slide), shows nothing to name.
_FLATTEST = 6.0


def tag(request: dict[str, Any], report: Callable[[Any], None]) -> list[dict[str, Any]]:
    """Tag the clip at ``path``; report how many frames are done after each batch.

    Returns frames as ``{"time": milliseconds, "concepts": [[name, score], …]}``.
    """
    session, everyday = _load(request["models"])
    frames: list[dict[str, Any]] = []
    pictures = sample(
        Path(request["path"]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=[_VIEW],
    )
    while batch := list(islice(pictures, _BATCH)):
        frames.extend(_tag_batch(session, everyday, batch))
        report(len(frames))
    return frames


def check(request: dict[str, Any], _report: Callable[[Any], None]) -> int:
    """Build and load the model; return how many names it knows."""
    _session, everyday = _load(request["models"])
    return len(everyday.names)


@lru_cache(maxsize=1)
def _load(models: str) -> tuple[onnxruntime.InferenceSession, Everyday]:
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    # Threads that wait by spinning take the cores from decoding and from other children.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        str(ensure_model(Path(models))), options, providers=["CPUExecutionProvider"]
    )
    return session, load_everyday()


def _tag_batch(
    session: onnxruntime.InferenceSession,
    everyday: Everyday,
    batch: list[SampledFrame],
) -> Iterator[dict[str, Any]]:
    (probabilities,) = session.run(None, {"pictures": np.stack([_middle(f) for f in batch])})
    for frame, row in zip(batch, probabilities, strict=True):
        flat = float(frame.pictures[0].std()) < _FLATTEST
        # A second's picture may have gone on screen before it; it is told at its own second.
        time = max(frame.time, frame.second * 1000)
        concepts = () if flat else everyday.concepts(row)
        yield {"time": time, "concepts": [[each.name, each.score] for each in concepts]}


def _middle(frame: SampledFrame) -> npt.NDArray[np.uint8]:
    """Cut out the middle of a picture, (224, 224, 3)."""
    (picture,) = frame.pictures
    height, width, _ = picture.shape
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    return picture[top : top + SIDE, left : left + SIDE]
