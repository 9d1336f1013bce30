"""The skyline: where far land may grow into the sky, and what it would look like.

Sky that was seen once would stay sky for ever, and as near mountains pass by, every flight would end on a plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.classical.fill import SKY
from core.classical.first_sight import sky_behind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.generator import Completion

    Floats = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_FAR = 0.15  # disparity up to which a skyline may grow
_GROWTH = 6.0 / 160.0  # of the view's height by which it may in one step


@dataclass(frozen=True, eq=False)
class Skyline:
    """A band above the far skyline, with the land below mirrored into it; arrays (h, w[, 3])."""

    band: Mask
    land: Floats
    disparity: Floats

    @classmethod
    def of(cls, done: Completion) -> Skyline:
        """Find the band of ``done``; none where land would stand before the photo's sky.

        Without that, LPIPS over five steps and back rose from 0.093 to 0.119 as the generator learnt to raise mountains.
        """
        sky = done.sky >= SKY
        height, width = sky.shape
        top = np.argmax(~sky, axis=0)
        columns = np.arange(width)
        far = (done.disparity[top, columns] < _FAR) & ~sky[top, columns] & (top > 0)
        above = top[None, :] - np.arange(height)[:, None]  # rows above the skyline
        band = (above > 0) & (above <= max(1, round(_GROWTH * height))) & far[None, :]
        disparity = np.broadcast_to(done.disparity[top, columns], (height, width))
        band &= sky_behind(done.photo, done.view.camera, disparity, band) < SKY
        mirrored = np.where(band, np.minimum(top[None, :] + above, height - 1), 0)
        return cls(band, done.land[mirrored, columns[None, :]], disparity)
