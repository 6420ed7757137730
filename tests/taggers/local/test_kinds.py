from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from bot.domain.clip import ClipFormat
from bot.domain.concepts import Concept, Frame
from bot.domain.kind import Kind
from bot.media.decode.sampling import sample
from bot.media.decode.source import SampledFrame
from bot.taggers.local.kinds import KINDS, settle
from bot.taggers.local.recognizer import Recognizer, load_recognizer
from tests.conftest import CLIPS

if TYPE_CHECKING:
    from bot.taggers.local.label_mapping import Numbers

VOLCANO, CAT = Concept("volcano", 0.8), Concept("cat", 0.99)


def sure(kind: Kind, probability: float = 0.95) -> Numbers:
    rest = (1 - probability) / (len(KINDS) - 1)
    return np.array([probability if each is kind else rest for each in KINDS])


def settled(*kinds: Numbers | None) -> tuple[list[dict[str, float]], Kind | None]:
    """Return the scores in frames that each show a volcano and a cat, and the clip's kind."""
    frames = [Frame(second * 1000, (CAT, VOLCANO)) for second in range(len(kinds))]
    found, kind = settle(frames, kinds)
    return [{each.name: each.score for each in frame.concepts} for frame in found], kind


def test_only_nearly_certain_concepts_are_kept_in_a_game() -> None:
    (scores,), kind = settled(sure(Kind.GAME))
    assert kind is Kind.GAME
    assert scores["video game"] > 0.9
    assert "cat" in scores
    assert "volcano" not in scores


@pytest.mark.parametrize("kind", [Kind.PHOTO, Kind.MEME])
def test_all_concepts_of_photographs_are_kept(kind: Kind) -> None:
    (scores,), found = settled(sure(kind))
    assert found is kind
    assert scores["volcano"] == VOLCANO.score
    assert ("meme" in scores) == (kind is Kind.MEME)
    assert "photo" not in scores


def test_the_captions_of_a_meme_are_no_book() -> None:
    frames = [Frame(0, (Concept("monkey", 0.6), Concept("book", 0.9)))]
    (found,), _ = settle(frames, [sure(Kind.MEME)])
    names = [each.name for each in found.concepts if each.score > 0.5]
    assert names == ["meme", "monkey"]


def test_a_frame_is_judged_together_with_those_around_it() -> None:
    scores, kind = settled(*[sure(Kind.GAME)] * 5, sure(Kind.PHOTO, 0.6), *[sure(Kind.GAME)] * 5)
    assert kind is Kind.GAME
    assert scores[5]["video game"] > 0.5


def test_a_clip_of_two_kinds_has_both() -> None:
    scores, _ = settled(*[sure(Kind.PHOTO, 0.99)] * 20, *[sure(Kind.SCREEN, 0.99)] * 20)
    assert [frame.get("screen", 0) > 0.5 for frame in scores] == [False] * 20 + [True] * 20


def test_a_clip_without_a_clear_kind_has_none() -> None:
    assert settled(np.full(len(KINDS), 1 / len(KINDS)))[1] is None
    assert settled(None, None)[1] is None


def test_a_picture_of_a_single_colour_has_no_kind() -> None:
    frames = [Frame(0, (CAT,)), Frame(1000, ())]
    found, kind = settle(frames, [sure(Kind.GAME), None])
    assert kind is Kind.GAME
    assert found[1] == frames[1]


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return load_recognizer(None)


def kinds_of(recognizer: Recognizer, frames: list[SampledFrame]) -> list[Kind]:
    """Return the most probable kind of each frame, judged alone."""
    found = (seen.kinds for seen in recognizer.recognize(frames))
    return [KINDS[int(each.argmax())] for each in found if each is not None]


def shown(picture: Image.Image) -> SampledFrame:
    small, whole = picture.resize((398, 224)), picture.resize((320, 180))
    return SampledFrame(0, 0, (np.asarray(small), np.asarray(whole)))


def test_photographs_are_told_from_other_kinds(recognizer: Recognizer) -> None:
    frames = list(sample(CLIPS / "montage.mp4", ClipFormat.MP4, seconds=12, views=recognizer.views))
    assert set(kinds_of(recognizer, frames)) == {Kind.PHOTO}


@pytest.mark.parametrize(("paper", "ink"), [("white", "black"), ("#1e1e1e", "#d4d4d4")])
def test_a_terminal_is_a_screen(recognizer: Recognizer, paper: str, ink: str) -> None:
    terminal = Image.new("RGB", (1280, 720), paper)
    pencil = ImageDraw.Draw(terminal)
    font = ImageFont.truetype("bot/render/fonts/DejaVuSans.ttf", 18)
    for line in range(33):
        said = f"{line:4} -rw-r--r-- 1 root root {line * 977} Nov 27 lib{line * 31}.so"
        pencil.text((8, 8 + 21 * line), said, ink, font)
    assert kinds_of(recognizer, [shown(terminal)]) == [Kind.SCREEN]
