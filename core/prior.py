"""Prior: what may lie where nothing is known, the start photo itself, folded around the sky's full circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from core.pushpull import push_pull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe

_LONG_SIDE = 384  # of the stored picture: about the density of a 256 pixel wide refined view


class PriorView(NamedTuple):
    """The prior seen by a camera, arrays (h, w[, 3]) float32."""

    image: NDArray[np.float32]
    disparity: NDArray[np.float32]
    sky: NDArray[np.float32]


class Prior:
    """The start photo by direction: seen as at infinity, mirrored in azimuth and elevation beyond its borders.

    It keeps horizon, share of sky and palette of an invented view near those of the photo. Land behind sky pixels is
    continued from the land beside them, so that ``image`` is land everywhere and ``sky`` alone says where sky is.
    """

    def __init__(self, photo: Keyframe) -> None:
        lens = photo.camera.intrinsics
        height, width = photo.image.shape[:2]
        scale = min(1.0, _LONG_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(photo.image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
        self.sky = np.asarray(cv2.resize(photo.sky, size, interpolation=cv2.INTER_AREA), np.float32)
        disparity = np.asarray(cv2.resize(photo.disparity, size, interpolation=cv2.INTER_AREA), np.float32)
        land = (self.sky < 0.05).astype(np.float32)
        spread = push_pull(np.dstack([image, disparity]), land)
        self.image = np.ascontiguousarray(spread[..., :3])
        self.disparity = np.clip(spread[..., 3], 0.01, 1.0) if land.any() else np.full_like(self.sky, 0.01)
        self._lens = lens
        self._half = 0.5 * lens.fov[0], 0.5 * lens.fov[1]

    def view(self, camera: Camera, width: int, height: int) -> PriorView:
        """Return what ``camera`` would see of the prior; only its rotation counts."""
        x, y, z = np.moveaxis(camera.rays(width, height) @ camera.rotation.T, -1, 0)
        azimuth = _mirrored(np.arctan2(x, z), 0.98 * self._half[0])
        elevation = _mirrored(np.arctan2(-y, np.hypot(x, z)), 0.98 * self._half[1])
        u = self._lens.fx * np.tan(azimuth) + self._lens.cx
        v = self._lens.cy - self._lens.fy * np.tan(elevation) / np.cos(azimuth)
        rows, columns = self.sky.shape
        grid = (u * columns - 0.5).astype(np.float32), (v * rows - 0.5).astype(np.float32)
        pictures = (self.image, self.disparity, self.sky)
        return PriorView(*(cv2.remap(p, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101) for p in pictures))


def _mirrored(angle: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    """Fold angles into [-half, half] by reflection at its ends."""
    return np.abs((angle + 3.0 * half) % (4.0 * half) - 2.0 * half) - half
