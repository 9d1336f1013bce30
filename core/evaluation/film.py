"""Films as they are delivered: when they are looked at, and their pictures in figures, at their own size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.evaluation.appearance import Appearance, appearance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.warp.lookup import Lookup

SIZE = 960, 540  # width, height
TIMES = (0, 5, 10, 15, 20, 25, 30)  # seconds of flight
SHARP = (0.6, 1.5)  # variance of land's Laplacian that is as good as the first picture's, its multiples


def of_picture(picture: NDArray[np.uint8], lookup: Lookup) -> Appearance:
    """Measure a picture (h, w, 3) sRGB of a film, whose land is where its ``lookup``, of the same size, shows some."""
    sky = lookup.covered & (lookup.disparity == 0.0)
    return appearance(picture, lookup.disparity, sky.astype(np.float32))
