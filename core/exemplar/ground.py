"""Ground: the plane that a flight is above, below which land is not made and does not sink."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.classical.fill import SKY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.generator import Completion
    from core.keyframe import Keyframe

    Floats = NDArray[np.float32]

_DOWN, _LOW = 0.12, 30.0  # tangent of rays that see the ground, and per cent of the photo's land that lie below it
_SEEN, _ROWS = 0.3, 8  # share of a row that is such land, and how many of these rows tell the horizon
_DEPTH = 0.7  # of its disparity: land that is new or recedes lies no lower


class Ground(NamedTuple):
    """Disparity of the ground along rays (x, y, z) in the world, z = 1 in the camera: ``slope`` y + ``offset`` hypot(x, z).

    So it is about the same ground wherever a flight has climbed to. The horizon is level with the camera or below it.
    """

    slope: float
    offset: float

    @classmethod
    def of(cls, photo: Keyframe) -> Ground:
        """Find the ground that ``photo`` shows; without any, all of it is far below."""
        height, width = photo.disparity.shape
        down = photo.camera.rays(width, height)[..., 1]
        seen = (photo.geometry_sky < SKY) & (down > _DOWN)
        if not seen.any():
            return cls(0.0, 0.0)
        rows, offset = np.flatnonzero(seen.mean(axis=1) > _SEEN), 0.0
        if len(rows) >= _ROWS:
            low = [np.percentile(photo.disparity[row][seen[row]], _LOW) for row in rows]
            offset = min(float(np.polyfit(down[rows, 0], low, 1)[1]), 0.0)  # hills before the camera raise no horizon
        return cls(float(np.percentile((photo.disparity[seen] - offset) / down[seen], _LOW)), offset)

    def floor(self, rays: Floats) -> Floats:
        """Least disparity (h, w) that land may have along ``rays`` (h, w, 3), [0.01, 0.8]."""
        x, y, z = np.moveaxis(rays, -1, 0)
        return np.asarray(np.clip(_DEPTH * (self.slope * y + self.offset * np.hypot(x, z)), 0.01, 0.8), np.float32)


def grounded(done: Completion, floor: Floats) -> Completion:
    """Let new land lie no lower than the ``floor`` (h, w), disparity: flights end in no pit."""
    return replace(done, disparity=np.where(done.view.mask, done.disparity, np.maximum(done.disparity, floor)))
