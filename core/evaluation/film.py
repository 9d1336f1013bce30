"""Films as they are delivered: what their pictures show of land, at their own size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.evaluation.land import inland, luma, streaks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.warp.lookup import Lookup

SIZE = 960, 540  # width, height of the films
TIMES = (0, 5, 10, 15, 20, 25, 30)  # seconds of flight at which they are looked at
BAND = (0.6, 1.5)  # sharpness of land that is as good as the first picture's, its multiples
_LEAST_LAND = 0.01  # of the picture: with less there is nothing to measure


@dataclass(frozen=True)
class Look:
    """Land of one picture, away from the skyline; nan where there is hardly any."""

    sharpness: float  # variance of the Laplacian of its luma
    contrast: float  # standard deviation of its luma
    streaks: float  # coherence of its structure tensor, [0, 1]
    red: float  # mean colour, [0, 1] sRGB
    green: float
    blue: float


def look(picture: NDArray[np.uint8], lookup: Lookup) -> Look:
    """Measure a picture (h, w, 3) sRGB of a film, whose land is where ``lookup``, of the same size, shows some."""
    land = inland(lookup.covered & (lookup.disparity == 0.0)) & (lookup.disparity > 0.0)
    if land.mean() < _LEAST_LAND:
        return Look(*[math.nan] * 6)
    grey = luma(picture)
    red, green, blue = (float(value) / 255.0 for value in picture[land].mean(axis=0))
    laplacian = np.asarray(cv2.Laplacian(grey, cv2.CV_32F))
    return Look(float(laplacian[land].var()), float(grey[land].std()), streaks(grey, land), red, green, blue)
