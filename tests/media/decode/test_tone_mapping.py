"""HDR pictures get the colours that an ordinary screen shows."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.reformatter import ColorTrc

from bot.media.decode.tone_mapping import to_sdr

# Codes of ITU-R BT.2408-7 table 1, in per cent of the signal: reference white and 18 % grey.
LEVELS = {ColorTrc.SMPTE2084: (58, 38), ColorTrc.ARIB_STD_B67: (75, 38)}


def shown(transfer: ColorTrc, *code: float) -> list[int]:
    coded = np.array([[code]], np.float64) / 100 * 65_535
    return [int(each) for each in to_sdr(coded.astype(np.uint16), transfer)[0, 0]]


@pytest.mark.parametrize("transfer", LEVELS)
def test_white_grey_and_black_look_as_on_an_ordinary_screen(transfer: ColorTrc) -> None:
    white, grey = LEVELS[transfer]
    assert min(shown(transfer, white, white, white)) > 225
    assert all(90 < each < 130 for each in shown(transfer, grey, grey, grey))
    assert shown(transfer, 0, 0, 0) == [0, 0, 0]
    assert max(shown(transfer, 100, 100, 100)) == 255


@pytest.mark.parametrize("transfer", LEVELS)
def test_highlights_stay_apart_and_colours_keep_their_hue(transfer: ColorTrc) -> None:
    white, grey = LEVELS[transfer]
    levels = [shown(transfer, each, each, each)[0] for each in range(0, 101, 5)]
    assert levels == sorted(levels)
    red, green, blue = shown(transfer, white, grey, grey)
    assert red > 200
    assert max(green, blue) < 120
