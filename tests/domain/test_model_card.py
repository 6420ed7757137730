from __future__ import annotations

import json
from typing import Any

import pytest

from bot.domain.model_card import ModelCard, parse
from bot.errors import ConfigError
from tests.taggers.local.custom_models import CARD


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "folder")
    return caught.value.mistakes


def test_a_card_is_read_and_called_like_its_folder() -> None:
    card = parse(json.dumps(CARD), "colours")
    assert card == ModelCard(
        name="colours",
        labels=("red", "green", "blue"),
        size=32,
        mean=(0.5, 0.5, 0.5),
        std=(0.1, 0.1, 0.1),
        scores="softmax",
        threshold=0.6,
    )
    assert card.side == 37


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            {"labels": "red"},
            "model.json: 'labels' must be a list of names, a line each, not",
        ),
        ({"labels": ["", ""]}, "model.json: 'labels' must be a list of names, a line each"),
        ({"labels": ["a\nb"]}, "model.json: 'labels' must be a list of names, a line each"),
        ({"size": 8}, "model.json: 'size' must be a whole number of pixels from 16 to 1024"),
        ({"size": 32.5}, "model.json: 'size' must be a whole number of pixels from 16 to 1024"),
        ({"mean": [1, 2]}, "model.json: 'mean' must be three numbers: red, green, blue"),
        ({"std": [0, 1, 1]}, "model.json: 'std' must be three numbers above 0: red, green, blue"),
        ({"std": ["a", 1, 1]}, "model.json: 'std' must be three numbers above 0"),
        ({"scores": "max"}, 'model.json: \'scores\' must be "softmax" or "sigmoid" or "probab'),
        ({"threshold": 1}, "model.json: 'threshold' must be a number from 0 to below 1"),
        ({"layout": []}, 'model.json: \'layout\' must be "nchw" or "nhwc"'),
        ({"colours": "grey"}, 'model.json: \'colours\' must be "rgb" or "bgr"'),
        ({"crop": True}, "model.json: 'crop' must be a number from 0.1 to 1"),
        ({"name": ""}, "model.json: 'name' must be a name on one line"),
        ({"labls": []}, "model.json has 'labls', which nothing reads"),
    ],
)
def test_each_mistake_has_its_sentence(wrong: dict[str, Any], sentence: str) -> None:
    (found,) = mistakes(json.dumps({**CARD, **wrong}))
    assert found.startswith(sentence)


def test_all_mistakes_are_told_at_once() -> None:
    assert mistakes('{"size": 0, "labels": ["a"], "mean": [0, 0, 0], "std": [1, 1, 1]}') == (
        "model.json lacks 'scores'",
        "model.json lacks 'threshold'",
        "model.json: 'size' must be a whole number of pixels from 16 to 1024",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "model.json is not JSON: "), ("[]", "model.json must be an object in {braces}")],
)
def test_what_is_no_card_at_all_is_said(text: str, sentence: str) -> None:
    assert mistakes(text)[0].startswith(sentence)
