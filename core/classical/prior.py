"""Prior: what may lie where nothing is known, the start photo itself, folded around the sky's full circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from core.classical.pushpull import push_pull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe

_FARTHEST = 0.02  # disparity
_LONG_SIDE = 224  # of the stored picture: the density of a 256 pixel wide refined view, which sees a little more than the photo


class PriorView(NamedTuple):
    """The prior seen by a camera, arrays (h, w[, 3]) float32."""

    image: NDArray[np.float32]
    disparity: NDArray[np.float32]
    sky: NDArray[np.float32]


class Prior:
    """The start photo by direction: seen as at infinity, mirrored beyond its borders.

    In azimuth the whole photo is mirrored; in elevation its outer quarter alone, so that up stays sky and down stays ground.
    It keeps horizon, share of sky and palette of an invented view near those of the photo. Land behind sky pixels is
    continued from the land beside them, so that ``image`` is land everywhere and ``sky`` alone says where sky is.
    """

    def __init__(self, photo: Keyframe) -> None:
        lens = photo.camera.intrinsics
        height, width = photo.image.shape[:2]
        scale = min(1.0, _LONG_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(photo.image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
        self.sky = np.clip(cv2.resize(photo.sky, size, interpolation=cv2.INTER_AREA), 0.0, 1.0).astype(np.float32)
        disparity = np.asarray(cv2.resize(photo.disparity, size, interpolation=cv2.INTER_AREA), np.float32)
        land = (self.sky < 0.05).astype(np.float32)
        spread = push_pull(np.dstack([image, disparity]), land)
        self.image = np.ascontiguousarray(spread[..., :3])
        self.disparity = _opened(spread[..., 3], land)
        self._lens = lens
        self._half = 0.5 * lens.fov[0], 0.5 * lens.fov[1]

    def view(self, camera: Camera, width: int, height: int) -> PriorView:
        """Return what ``camera`` would see of the prior; only its rotation counts."""
        rays = camera.rays(width, height).astype(np.float32)  # half the time of float64, and 1e-7 is far below a pixel
        x, y, z = np.moveaxis(rays @ camera.rotation.T.astype(np.float32), -1, 0)
        azimuth = _mirrored(np.arctan2(x, z), 0.98 * self._half[0])
        elevation = _bounded(np.arctan2(-y, np.hypot(x, z)), 0.98 * self._half[1])
        u = self._lens.fx * np.tan(azimuth) + self._lens.cx
        v = self._lens.cy - self._lens.fy * np.tan(elevation) / np.cos(azimuth)
        rows, columns = self.sky.shape
        grid = (u * columns - 0.5).astype(np.float32), (v * rows - 0.5).astype(np.float32)
        pictures = (self.image, self.disparity, self.sky)
        image, disparity, sky = (
            np.asarray(cv2.remap(p, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32) for p in pictures
        )
        return PriorView(image, disparity, sky)


def _opened(disparity: NDArray[np.float32], land: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shift disparity so that the farthest land lies at depth 50, and scale it so that near land stays.

    Monocular depth is compact, with mountains 5 units away. A shift keeps planes planes and gives invented land room.
    """
    if not land.any():
        return np.full_like(disparity, _FARTHEST)
    far, near = np.percentile(disparity[land > 0.0], (1.0, 97.0))
    scale = (near - _FARTHEST) / max(near - far, 0.05)
    return np.asarray(np.clip(near + (disparity - near) * scale, _FARTHEST, 1.0), np.float32)


def _mirrored(angle: NDArray[np.float32], half: float) -> NDArray[np.float32]:
    """Fold angles into [-half, half] by reflection at its ends."""
    return np.asarray(np.abs((angle + 3.0 * half) % (4.0 * half) - 2.0 * half) - half, np.float32)


def _bounded(angle: NDArray[np.float32], half: float) -> NDArray[np.float32]:
    """Keep angles within [-half, half]; those beyond are reflected to and fro in the outer quarter of their side."""
    size = np.abs(angle)
    beyond = 0.75 * half + _mirrored(np.asarray(size - 0.75 * half, np.float32), 0.25 * half)
    return np.asarray(np.copysign(np.where(size > half, beyond, size), angle), np.float32)
