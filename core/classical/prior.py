"""Prior: what may lie where nothing is known, the start photo itself, folded around the sky's full circle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from core.pushpull import push_pull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe

_FARTHEST = 0.02  # disparity
_RISE = 0.5  # of its height over the horizon at which the photo's land comes up behind known land
_WIDE = 0.25  # of the photo's width over which what comes up is averaged along rows, so that no silhouette is left of it
_SMOOTH_SKYLINE = 0.01  # of its width
_LARGE = 0.02  # of the photo: sky smaller than this is none
_BEHIND = 30.0  # per cent of a row that are taken for what is behind
_IN_FRONT, _NEAR = 1.6, 0.2  # times its disparity, and disparity, beyond which land is in front of that
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
    continued from the land beside them, so that ``image`` is land everywhere and ``sky`` alone says where sky is. What stands
    near in front of the rest is left out of the view, or its silhouette would be seen again wherever one looks.
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
        self.image, self.disparity = _continued(image, disparity, land)
        self.disparity = _opened(self.disparity, land)
        near = _occluders(disparity, self.sky)
        skyline = _skyline(self.sky, near)
        rows = np.arange(len(self.sky), dtype=np.float32)[:, None]
        far_sky = np.clip(skyline - rows, 0.0, 1.0)
        far = _along_rows(self.image, self.disparity, land * (1.0 - near))
        self._whole = np.dstack([self.image, self.disparity, self.sky])
        self._far = np.dstack([far, far_sky])
        # the horizon is that of the lowest skyline, but not above the middle of the photo
        lowest = float(np.percentile(skyline, 95.0)) / len(self.sky)
        self._horizon = np.float32(np.arctan(min((lens.cy - lowest) / lens.fy, 0.0)))
        self._open = np.float32(not photo.closed)
        self._lens = lens
        self._half = 0.5 * lens.fov[0], 0.5 * lens.fov[1]

    def positions(self, camera: Camera, width: int, height: int) -> NDArray[np.float32]:
        """Where in the photo ``camera`` sees the prior (h, w, 2), in uv, u from 1 to 2 being the mirror image."""
        rays = camera.rays(width, height).astype(np.float32)
        x, y, z = np.moveaxis(rays @ camera.rotation.T.astype(np.float32), -1, 0)
        azimuth, mirrored = around(np.arctan2(x, z), 0.98 * self._half[0])
        elevation = _bounded(np.arctan2(-y, np.hypot(x, z)), 0.98 * self._half[1])
        u = self._lens.fx * np.tan(azimuth) + self._lens.cx
        v = self._lens.cy - self._lens.fy * np.tan(elevation) / np.cos(azimuth)
        return np.stack([np.where(mirrored, 2.0 - u, u), v], axis=-1).astype(np.float32)

    def view(self, camera: Camera, width: int, height: int, outside: NDArray[np.float32]) -> PriorView:
        """Return what ``camera`` would see of the prior; only its rotation counts.

        Where ``outside`` (h, w) is 1, beyond the border of what is known, it is the whole photo. Where it is 0, between what is
        known, it is what comes up behind that: the near is left out, and land rises half as high over the horizon. So above half
        of what the photo shows there is sky, or slopes that leave it at its top would be towers that stay for ever.
        """
        rays = camera.rays(width, height).astype(np.float32)  # half the time of float64, and 1e-7 is far below a pixel
        x, y, z = np.moveaxis(rays @ camera.rotation.T.astype(np.float32), -1, 0)
        azimuth, _ = around(np.arctan2(x, z), 0.98 * self._half[0])
        level = np.arctan2(-y, np.hypot(x, z))
        raised = self._horizon + (level - self._horizon) / (_RISE + (1.0 - _RISE) * outside)
        top = 0.98 * self._half[1]
        over = (1.0 - outside) * (raised > top) * self._open
        raised = np.where(level > self._horizon, np.maximum(np.minimum(raised, top), level), level)
        elevation = _bounded(raised, top)
        u = self._lens.fx * np.tan(azimuth) + self._lens.cx
        v = self._lens.cy - self._lens.fy * np.tan(elevation) / np.cos(azimuth)
        rows, columns = self.sky.shape
        grid = (u * columns - 0.5).astype(np.float32), (v * rows - 0.5).astype(np.float32)
        whole, far = (
            np.asarray(cv2.remap(p, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32)
            for p in (self._whole, self._far)
        )
        seen = far + outside[..., None] * (whole - far)
        return PriorView(seen[..., :3], seen[..., 3], np.maximum(seen[..., 4], over).astype(np.float32))


def _continued(
    image: NDArray[np.float32], disparity: NDArray[np.float32], kept: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Image and disparity where ``kept`` (h, w) is 1, and smoothly continued elsewhere."""
    spread = push_pull(np.dstack([image, disparity]), kept)
    return np.ascontiguousarray(spread[..., :3]), np.ascontiguousarray(spread[..., 3])


def _along_rows(image: NDArray[np.float32], disparity: NDArray[np.float32], kept: NDArray[np.float32]) -> NDArray[np.float32]:
    """Image and disparity (h, w, 4) averaged along rows where ``kept``, the far before the near."""
    weight = kept / np.square(disparity + 0.02)
    own = np.dstack([image * weight[..., None], disparity * weight, weight]).astype(np.float32)
    wide = cv2.GaussianBlur(own, (0, 0), _WIDE * own.shape[1], sigmaY=1.0, borderType=cv2.BORDER_REFLECT_101)
    sums = np.asarray(wide, np.float32)
    seen = (sums[..., 4] > 1e-3).astype(np.float32)
    if not seen.any():
        return np.dstack([image, disparity])
    return push_pull(np.asarray(sums[..., :4] / np.maximum(sums[..., 4:], 1e-3), np.float32), seen)


def _occluders(disparity: NDArray[np.float32], sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 where something near stands in front of what most of its row shows, as a tree in front of mountains does; (h, w)."""
    seen = np.where(sky > 0.5, np.float32(0.0), disparity)
    behind = np.maximum.accumulate(np.percentile(seen, _BEHIND, axis=1))[:, None]
    near = ((sky < 0.5) & (disparity > np.maximum(_IN_FRONT * behind, _NEAR))).astype(np.uint8)
    return np.asarray(cv2.dilate(near, np.ones((3, 3), np.uint8)), np.float32)  # with its blurred rim


def _skyline(sky: NDArray[np.float32], near: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row (w,) at which land begins below the sky in each column, and where that is ``near`` land, what others suggest.

    An overhanging branch has sky below it; a cloud taken for sky within a mountain has none around it and does not count.
    """
    height, width = sky.shape
    _, labels, statistics, _ = cv2.connectedComponentsWithStats((sky >= 0.5).astype(np.uint8))
    large = np.asarray(statistics)[:, cv2.CC_STAT_AREA] > _LARGE * sky.size
    open_sky = (sky >= 0.5) & large[np.asarray(labels)]
    top = np.where(open_sky.any(axis=0), height - np.argmax(open_sky[::-1], axis=0), 0)
    columns = np.arange(width)
    far = (top == height) | (near[np.minimum(top, height - 1), columns] == 0.0)
    seen = np.asarray(np.interp(columns, columns[far], top[far]) if far.any() else top, np.float32)
    smooth = cv2.GaussianBlur(seen[None], (0, 0), _SMOOTH_SKYLINE * width, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(smooth, np.float32).reshape(width)


def _opened(disparity: NDArray[np.float32], land: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shift disparity so that the farthest land lies at depth 50, and scale it so that near land stays.

    Monocular depth is compact, with mountains 5 units away. A shift keeps planes planes and gives invented land room.
    """
    if not land.any():
        return np.full_like(disparity, _FARTHEST)
    far, near = np.percentile(disparity[land > 0.0], (1.0, 97.0))
    scale = (near - _FARTHEST) / max(near - far, 0.05)
    return np.asarray(np.clip(near + (disparity - near) * scale, _FARTHEST, 1.0), np.float32)


def around(azimuth: NDArray[np.float32], half: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Fold ``azimuth`` into [-half, half] by reflection at its ends, and say where it is seen in the mirror.

    Beyond the photo, angles are stretched a little, so that the circle closes after a whole number of photos and mirror images.
    """
    beyond = np.abs(azimuth) - half
    pairs = max(1, round(0.5 * math.pi / half))  # of a photo and a mirror image in the circle
    scale = (2 * pairs - 1) * half / (math.pi - half)
    angle = np.where(beyond > 0.0, np.copysign(half + scale * beyond, azimuth), azimuth)
    within = (angle + 3.0 * half) % (4.0 * half)
    return np.asarray(np.abs(within - 2.0 * half) - half, np.float32), np.asarray(within < 2.0 * half)


def _mirrored(angle: NDArray[np.float32], half: float) -> NDArray[np.float32]:
    """Fold angles into [-half, half] by reflection at its ends."""
    return np.asarray(np.abs((angle + 3.0 * half) % (4.0 * half) - 2.0 * half) - half, np.float32)


def _bounded(angle: NDArray[np.float32], half: float) -> NDArray[np.float32]:
    """Keep angles within [-half, half]; those beyond are reflected to and fro in the outer quarter of their side."""
    size = np.abs(angle)
    beyond = 0.75 * half + _mirrored(np.asarray(size - 0.75 * half, np.float32), 0.25 * half)
    return np.asarray(np.copysign(np.where(size > half, beyond, size), angle), np.float32)
