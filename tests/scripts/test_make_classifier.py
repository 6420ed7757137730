from __future__ import annotations

import onnx

from bot.taggers.local.bundled_models import CLASSIFIER
from scripts.make_classifier import OUTPUT, build_model, read_package_weights


def test_the_bundled_classifier_is_what_the_script_makes() -> None:
    assert OUTPUT.samefile(CLASSIFIER)
    assert onnx.load(CLASSIFIER).graph == build_model(read_package_weights()).graph
