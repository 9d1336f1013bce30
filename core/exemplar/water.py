"""Water: the plane on which the water of a photo lies, so that water is copied to where water is, and shores stay level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.classical.fill import SKY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe

    Floats = NDArray[np.float32]

_LEAST = 0.03  # of the photo: less water has no plane
_LEVEL = 0.03  # slope of disparity along rows, as a share of that down columns, up to which land may be water
_OFF = 0.004  # tangent of the angle by which water is off the plane at most
_TILT = 0.2  # largest slope of the plane: no photo is less level than that
_TURNS = 5  # of fitting the plane to what is on it
_NEAR = 0.04  # tangent of the angle over the plane from which land is merely land: 2 pixels of 64x40


@dataclass(frozen=True)
class Water:
    """The plane y = height + slope |z| of the world, in which the photo's camera is at the origin and y points down."""

    height: float  # scene units
    slope: float  # photos are rarely taken quite level

    @classmethod
    def of(cls, photo: Keyframe) -> Water | None:
        """Find the plane of the water in ``photo``; None where it shows none to speak of.

        Water has been levelled (``core.water``): its disparity is the same along a row and linear down a column.
        """
        disparity = photo.disparity
        height, width = disparity.shape
        down = photo.camera.rays(width, height)[..., 1].astype(np.float32)
        along = np.abs(np.diff(disparity, axis=1, append=disparity[:, -1:]))
        downward = np.diff(disparity, axis=0, prepend=disparity[:1])
        on = (along < _LEVEL * downward) & (photo.geometry_sky < SKY)
        least = _LEAST * disparity.size
        for _ in range(_TURNS):
            if on.sum() < least:
                return None
            slope, inverse = np.polynomial.polynomial.polyfit(disparity[on], down[on], 1)
            on &= np.abs(down - slope - inverse * disparity) < _OFF
        return cls(float(inverse), float(slope)) if inverse > 0 and abs(slope) < _TILT and on.sum() >= least else None


def above(water: Water | None, camera: Camera, rays: Floats, disparity: Floats) -> Floats:
    """Whether what lies at ``disparity`` (h, w) along the ``rays`` (h, w, 3, world) of ``camera`` is above ``water``, [0, 1].

    0 is water; 1 is land, seen so far above the water at its distance that how far no longer matters, or where there is none.
    """
    if water is None:
        return np.ones_like(disparity)
    _, y, z = (float(side) for side in camera.position)
    under = rays[..., 1] + y * disparity - water.slope * np.abs(rays[..., 2] + z * disparity) - water.height * disparity
    return np.clip(under / np.float32(-_NEAR), 0.0, 1.0).astype(np.float32)


def above_water(photo: Keyframe) -> Floats:
    """Return ``above`` of what ``photo`` shows, (h, w)."""
    height, width = photo.disparity.shape
    return above(Water.of(photo), photo.camera, photo.camera.rays(width, height).astype(np.float32), photo.disparity)
