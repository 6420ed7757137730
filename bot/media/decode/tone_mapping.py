"""Showing HDR pictures (PQ and HLG) as an ordinary screen does.

Import this only in a sandboxed child (it uses PyAV and NumPy).

libswscale can do this, but spends seconds on a table for each clip; pictures here are so small that
tables over single channels are quicker. Sources:
    PQ and HLG curves    ITU-R BT.2100-2, tables 4 and 5
    HLG's system gamma   ITU-R BT.2100-2, note 5f (1.2 for a screen of 1000 cd/m2, less for darker
                         ones); applied to each channel
    reference white      ITU-R BT.2408-7, section 2.2 (203 cd/m2)
    roll-off             ITU-R BT.2390-11, section 5.4 (a knee, then a Hermite spline)
    BT.2020 to BT.709    ITU-R BT.2087-0, section 4
    ordinary screens     ITU-R BT.1886
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import ColorTrc

if TYPE_CHECKING:
    import numpy.typing as npt
    from av.video.frame import VideoFrame

    from bot.media.decode.scaling import Picture

    Light = npt.NDArray[np.float32]

_REFERENCE_WHITE = 203.0  # cd/m2
_PEAK = 1000.0  # cd/m2; brighter light is shown as white
_HLG_GAMMA = 1.1
_SCREEN_GAMMA = 2.4
_LEVELS = 4096  # entries of each table
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def is_hdr(frame: VideoFrame) -> bool:
    """Return whether a frame's brightness is coded as PQ or HLG."""
    return frame.color_trc in {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}


def to_sdr(coded: npt.NDArray[np.uint16], transfer: int) -> Picture:
    """Return BT.2020 pixels of 16 bits as an ordinary screen shows them, in 8 bits.

    Both have the shape (height, width, 3).
    """
    light = _eotf(transfer)[coded >> 4]
    brightest = light.max(axis=-1, keepdims=True)
    light = light * (_rolled_off(brightest) / np.maximum(brightest, 1e-6))
    shown = np.clip(light @ _TO_BT709.T, 0, 1)
    picture: Picture = _screen()[(shown * (_LEVELS - 1)).astype(np.uint16)]
    return picture


@cache
def _eotf(transfer: int) -> Light:
    """Return the light of each code value; 1 is reference white."""
    code: Any = np.linspace(0, 1, _LEVELS)
    if transfer == ColorTrc.SMPTE2084:
        power = code ** (32 / 2523)
        ratio = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
        return np.asarray(ratio ** (8192 / 1305) * 10_000 / _REFERENCE_WHITE, np.float32)
    a, b, c, middle = 0.17883277, 0.28466892, 0.55991073, 0.5
    bright = (np.exp((code - c) / a) + b) / 12
    scene = np.where(code <= middle, code**2 / 3, bright)
    return np.asarray(scene**_HLG_GAMMA * _PEAK / _REFERENCE_WHITE, np.float32)


def _rolled_off(light: Light) -> Light:
    """Return light as a screen with a peak of 1 shows it: unchanged, but for the highlights."""
    peak, knee = _PEAK / _REFERENCE_WHITE, 0.75
    above = np.clip((light - knee) / (peak - knee), 0, 1)
    # A Hermite spline from the knee, where it goes on at the same slope, to white at the peak.
    slope = peak - knee
    curved = (
        (2 * above**3 - 3 * above**2 + 1) * knee
        + (above**3 - 2 * above**2 + above) * slope
        + (3 * above**2 - 2 * above**3)
    )
    return np.where(light <= knee, light, np.minimum(curved, 1)).astype(np.float32)


@cache
def _screen() -> Picture:
    light: Any = np.linspace(0, 1, _LEVELS)
    return np.asarray(np.rint(light ** (1 / _SCREEN_GAMMA) * 255), np.uint8)
