"""Reflection: a lake that mirrors shows the land of the view once more, upside down, as a camera below the water sees it.

Carried along and renewed piece by piece, mirrored mountains became cliffs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.camera import Camera
from core.classical.fill import nearest
from core.keyframe import Keyframe
from core.warp import warp
from core.warp.cpu import CpuWarper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.generator import Completion
    from core.exemplar.atlas import Atlas
    from core.exemplar.water import Water

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Indices = NDArray[np.intp]

WATER = 0.3  # of ``above``, up to which it is water
_LEAST, _ALIKE = 0.03, 0.6  # share of a photo in which land must be mirrored, and correlation of both from which it is
_FOOT = 0.1  # of the view's height, most that lies between a shore and what is mirrored of it
_TEETH = 7  # pixels: narrower teeth of what is mirrored are left out
_RIPPLE = 2.0  # pixels over which both are averaged


class Reflection:
    """What the water of the start photo mirrors; ``is_there`` says whether it mirrors land."""

    def __init__(self, photo: Keyframe, atlas: Atlas, water: Water | None) -> None:
        """``photo`` is the first of ``atlas``, and ``water`` its plane."""
        self._plane, self._warper = water, CpuWarper(threads=1)
        width, height = atlas.size
        self.water, self.sky = np.zeros((2, height, width), np.bool_)  # of the photo, and where it mirrors sky
        self.is_there = False
        if water is None:
            return
        disparity, sky, above = (part[:, :width] for part in (atlas.disparity, atlas.sky, atlas.above))
        rows, columns, land = self._of_land(photo.camera, disparity, sky, above)
        light = cv2.GaussianBlur(atlas.colours[:, :width].mean(axis=2, dtype=np.float32), (0, 0), _RIPPLE)
        if land.mean() > _LEAST:
            self.is_there = bool(np.corrcoef(light[land], light[rows[land], columns[land]])[0, 1] > _ALIKE)
        if self.is_there:
            self.water = above < WATER
            self.sky = self.water & ~land

    def shown(self, source: Floats, camera: Camera, done: Completion, over_water: Floats) -> tuple[Floats, Floats]:
        """Return ``source`` (h, w, 2) with that of the land where the water of the view ``done`` mirrors it, and ``over_water``.

        That (h, w) is 0 on water; what mirrors land counts as land.
        """
        rows, columns, land = self._of_land(camera, done.disparity, done.sky, over_water)
        return np.where(land[..., None], source[rows, columns], source), np.where(land, np.float32(1.0), over_water)

    def _of_land(self, camera: Camera, disparity: Floats, sky: Floats, above: Floats) -> tuple[Indices, Indices, Flags]:
        """Return rows and columns of the land that the water of a view (h, w) mirrors, and where it mirrors land."""
        height, width = disparity.shape
        water = above < WATER
        lidless = np.where(water, np.float32(1.0), sky)  # from below, water hides nothing
        debt, image = np.zeros_like(disparity), np.zeros((height, width, 3), np.uint8)
        shore = Keyframe(camera, image, disparity.astype(np.float32), lidless, debt)
        below = warp((shore,), self._below(camera), (width, height), self._warper)
        uv, hit = below.uv[::-1], (below.slot == 0)[::-1] & (below.disparity > 0.0)[::-1]
        seen = water & hit
        row, column = np.mgrid[:height, :width]
        if not seen.any():
            return row, column, seen
        # between the shore and what is mirrored of it lies more of it: what is seen of it, once more
        lowest = np.minimum.accumulate(np.where(seen, row, 2 * height)[::-1], axis=0)[::-1]
        land = water & (cv2.medianBlur((lowest < row + _FOOT * height).astype(np.uint8), _TEETH) > 0)
        y, x = nearest(seen)
        more = np.clip(2 * y - row, 0, height - 1), np.clip(2 * x - column, 0, width - 1)
        y, x = (np.where(seen[more], far, near) for far, near in zip(more, (y, x), strict=True))
        rows, columns = ((uv[y, x, k] * side).astype(np.intp).clip(0, side - 1) for k, side in ((1, height), (0, width)))
        return rows, columns, land

    def _below(self, camera: Camera) -> Camera:
        """Return the camera that sees, upside down, what ``camera`` sees in the water."""
        assert self._plane is not None  # noqa: S101 - else nothing is mirrored
        pose, lens = camera.world_from_camera, camera.intrinsics
        normal = np.array([0.0, 1.0, -self._plane.slope * np.sign(pose[2, 2])])
        length = float(np.linalg.norm(normal))
        normal /= length
        mirror = np.eye(4)
        mirror[:3, :3] -= 2.0 * np.outer(normal, normal)
        mirror[:3, 3] = 2.0 * (self._plane.height / length) * normal
        return Camera(replace(lens, cy=1.0 - lens.cy), mirror @ pose @ np.diag([1.0, -1.0, 1.0, 1.0]))
