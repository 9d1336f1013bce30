"""First sight: what the start photo has shown as sky stays free.

Invented land is held against it: what the photo would have seen before its sky cannot be there, as the world stands still.
New ridges come up from behind what hid them, and flying home one finds the view as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe


def sky_behind(photo: Keyframe, camera: Camera, disparity: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the alpha of the sky of ``photo`` before which land at ``disparity`` (h, w) of ``camera`` would stand, (h, w).

    It is 0 where the photo does not look, and wherever ``where`` (h, w) is not set.
    """
    height, width = disparity.shape
    found = np.nonzero(where)
    rays = camera.rays(width, height)[found] / disparity[found][:, None]
    uv, nearness = photo.camera.project(camera.position + rays @ camera.rotation.T)
    seen = (nearness > 0.0) & (uv >= 0.0).all(axis=1) & (uv < 1.0).all(axis=1)
    rows, columns = photo.sky.shape
    place = (np.where(seen[:, None], uv, 0.0) * (columns, rows)).astype(int)
    out = np.zeros((height, width), np.float32)
    out[found] = photo.sky[place[:, 1], place[:, 0]] * seen
    return out
