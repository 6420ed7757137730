"""The two models that come with Framehound: an image classifier and an object detector.

EfficientNet-Lite0 scores ImageNet's 1000 classes (``scripts/make_classifier.py``). NanoDet-g finds
COCO's 80 kinds of objects (``scripts/make_detector.py``): people, whom ImageNet lacks, and several
things in one picture. Only an object's kind is used, not its position, so a kind's score is its
highest score anywhere in the picture.

Import this only in a sandboxed child (it uses NumPy and onnxruntime).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from bot.media.decode.scaling import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.media.decode.scaling import Picture
    from bot.taggers.local.label_mapping import Numbers

_DATA = Path(__file__).parent / "data"
CLASSIFIER = _DATA / "efficientnet-lite0.onnx"
CLASSIFIER_SIDE = 224
DETECTOR = _DATA / "nanodet.onnx"
DETECTOR_VIEW = View(320, whole=True)
_DETECTOR_STRIDE = 32  # both sides of its input must be multiples of this


def open_session(model: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX file; raises what onnxruntime raises."""
    _share_memory()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = False  # they are for inputs of one size, and take memory
    # Batches run in parallel, one thread each: less waiting than sharing one batch among threads.
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors; warnings are about things we can't change
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


@cache
def _share_memory() -> None:
    """Let all models of this process share one arena, instead of one for each."""
    onnxruntime.disable_telemetry_events()
    kinds = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    as_requested = onnxruntime.OrtArenaCfg({"arena_extend_strategy": 1})
    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo("Cpu", *kinds), as_requested
    )


def classify(
    session: onnxruntime.InferenceSession, pictures: Sequence[Picture]
) -> tuple[Numbers, Numbers]:
    """Return the classes' probabilities, float32 (n, 1000), and the features (n, 1728).

    Each picture is uint8 RGB of shape (224, 224, 3).
    """
    scores, features = session.run(None, {"pictures": np.stack(pictures)})
    return np.asarray(scores, np.float32), np.asarray(features, np.float32)


def detect(session: onnxruntime.InferenceSession, pictures: Sequence[Picture]) -> Numbers:
    """Return the kinds' scores, float32 (n, 80), of pictures that all have the same size."""
    (scores,) = session.run(None, {"pictures": np.stack([_letterboxed(p) for p in pictures])})
    return np.asarray(scores, np.float32)


def _letterboxed(picture: Picture) -> Picture:
    """Pad a picture with black until both sides are multiples of the detector's stride."""
    spare = [-side % _DETECTOR_STRIDE for side in picture.shape[:2]]
    around = [(each // 2, each - each // 2) for each in spare]
    return np.pad(picture, [*around, (0, 0)])
