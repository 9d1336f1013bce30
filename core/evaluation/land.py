"""Land: what can be measured of it in a picture of any size, away from the skyline, whose edge is not its texture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Mask = NDArray[np.bool_]

FAINT_SKY = 0.1  # alpha above which a pixel is no land
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709
_WIDTH = 256  # of the view that lengths are given for, in pixels
_SKYLINE = 3.0  # pixels from any sky within which land is not measured
_TENSOR = 4.0  # pixels, sigma: structure is looked at over patches of this size
_RAY = 2.8, 0.1, 20.0  # times as much energy across as along; least energy, of the mean; pixels from the middle of the view


def luma(image: NDArray[np.uint8]) -> Floats:
    """Luma (h, w) in [0, 1] of ``image`` (h, w, 3) sRGB."""
    return np.asarray(image @ _LUMA / 255.0, np.float32)


def inland(sky: Mask) -> Mask:
    """Tell what lies farther from ``sky`` (h, w) than the skyline's edge reaches."""
    margin = round(_SKYLINE * max(1.0, sky.shape[1] / _WIDTH))
    beside = cv2.dilate(sky.astype(np.uint8), np.ones((2 * margin + 1,) * 2, np.uint8))
    return np.equal(beside, 0)


def streaks(grey: Floats, land: Mask) -> float:
    """Coherence of the structure tensor of luma ``grey`` (h, w) over ``land``, weighted by energy (Bigun and Granlund 1987).

    The sum of l1 - l2 over that of l1 + l2, its eigenvalues: 1 where all lines are parallel, 0 where they have no direction; nan
    where nothing has any structure.
    """
    xx, yy, xy = (product[land] for product in _tensor(grey, land))
    energy = float((xx + yy).sum(dtype=np.float64))
    return float(np.hypot(xx - yy, 2.0 * xy).sum(dtype=np.float64)) / energy if energy > 0.0 else float("nan")


def rays(grey: Floats, land: Mask) -> float:
    """Share of textured ``land`` (h, w) that is drawn out along rays from the middle of the view: what flying forward streaks.

    There the structure tensor of luma ``grey`` (h, w) has 2.8 times as much energy across the ray as along it, by eye the least
    that is seen as a streak. Nan where nothing has any structure.
    """
    height, width = grey.shape
    xx, yy, xy = _tensor(grey, land)
    energy = xx + yy
    x, y = (
        np.arange(width, dtype=np.float32) - 0.5 * (width - 1),
        np.arange(height, dtype=np.float32)[:, None] - 0.5 * (height - 1),
    )
    away = np.maximum(np.hypot(x, y), 1e-3)
    along = (xx * x * x + 2.0 * xy * x * y + yy * y * y) / np.square(away)
    counts = land & (away > _RAY[2] * width / _WIDTH)
    counts &= energy > _RAY[1] * float(energy[land].mean(dtype=np.float64)) if land.any() else False
    return float((energy - along > _RAY[0] * along)[counts].mean()) if counts.any() else float("nan")


def _tensor(grey: Floats, land: Mask) -> tuple[Floats, Floats, Floats]:
    """Structure tensor of luma ``grey`` (h, w) over ``land``: xx, yy and xy, each (h, w)."""
    x, y = (np.where(land, cv2.Scharr(grey, cv2.CV_32F, *way), np.float32(0.0)) for way in ((1, 0), (0, 1)))
    sigma = _TENSOR * grey.shape[1] / _WIDTH
    xx, yy, xy = (np.asarray(cv2.GaussianBlur(product, (0, 0), sigma), np.float32) for product in (x * x, y * y, x * y))
    return xx, yy, xy
