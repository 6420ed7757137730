from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest

from bot.domain.clip import ClipFormat
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from bot.taggers.local.classifier_model import CLASSES, FILE_NAME, SIDE, ensure_model
from tests.conftest import CLIPS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# places in ImageNet's order of classes
CATS, ESPRESSO = range(281, 286), 967


@pytest.fixture(scope="module")
def session(models: Path) -> onnxruntime.InferenceSession:
    models.mkdir(exist_ok=True)
    path = ensure_model(models)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def scores(
    session: onnxruntime.InferenceSession, pictures: NDArray[np.uint8]
) -> NDArray[np.float32]:
    (found,) = session.run(None, {"pictures": pictures})
    return np.asarray(found, np.float32)


def montage() -> NDArray[np.uint8]:
    """Return the middle of each second's picture."""
    found = sample(CLIPS / "montage.mp4", ClipFormat.MP4, seconds=16, views=[View(SIDE)])
    return np.stack([frame.pictures[0][:, 37 : 37 + SIDE] for frame in found])


def test_scores_of_a_picture_add_up_to_one(session: onnxruntime.InferenceSession) -> None:
    found = scores(session, montage())
    assert found.shape == (16, CLASSES)
    assert found.min() >= 0
    assert found.sum(axis=1) == pytest.approx(np.ones(16), abs=1e-4)


def test_photographs_are_recognised(session: onnxruntime.InferenceSession) -> None:
    best = scores(session, montage()).argmax(axis=1)
    assert all(best[second] in CATS for second in (0, 1, 2, 3, 13, 14, 15))
    assert best[4:8].tolist() == [ESPRESSO] * 4


def test_a_picture_scores_the_same_alone_and_among_others(
    session: onnxruntime.InferenceSession,
) -> None:
    pictures = montage()[:4]
    alone = np.concatenate([scores(session, pictures[n : n + 1]) for n in range(4)])
    assert scores(session, pictures) == pytest.approx(alone, abs=1e-5)


def test_the_model_is_built_once(models: Path) -> None:
    models.mkdir(exist_ok=True)
    path = ensure_model(models)
    before = path.stat()
    assert ensure_model(models) == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        ensure_model(tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_half_written_model_of_another_run_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / f"{FILE_NAME}.abc").write_bytes(b"half")
    assert ensure_model(tmp_path).stat().st_size > 8_000_000
