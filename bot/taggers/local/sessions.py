"""Opening a model. Imports onnxruntime: for code that runs in a sandboxed child alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime

if TYPE_CHECKING:
    from pathlib import Path


def open_session(model: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX file; raises what onnxruntime raises."""
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    # Whole batches are looked at side by side: the same work with less waiting for each other.
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors; warnings are about what we can't change
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
