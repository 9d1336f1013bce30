"""Visibility: what one keyframe shows of its land in a target camera, before keyframes are weighed against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.camera import inverse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera, Intrinsics
    from core.keyframe import Keyframe

NOTHING, VEILED, LAND = 0, 1, 2  # values of ``Visibility.surface``: uncovered, land that is mostly sky, land

MAGNIFICATION = 64.0  # quads that came this much closer, or grew this much, are dropped: flying through a surface must not flash
OUTSIDE = 1e6  # target pixels from the corner beyond which a vertex is no use, and float32 no longer holds the grid
STREAK = 0.75  # share of the longer axis that a surface counts as stretched, if that is more than its area tells: from aspect 1.8
AGREEMENT = 0.92  # two keyframes see the same surface where their disparities are within this ratio
FINER = 0.7  # of the stretch of what an earlier keyframe shows from which a later one is shown: what is close would be a mosaic
BEHIND = 2  # pixels of a keyframe from the rim of what is nearer, up to which it would know what is behind
CRACK = 320  # parts of the width that a crack may lie from land on both sides
SKY, CLEAR = 0.5, 0.95  # soft sky alpha from which a pixel is sky, and nothing else: no surface is drawn there
GRID = 4096.0  # target positions are rounded to this many parts of a pixel, so that edge tests are exact and nothing cracks


@dataclass(frozen=True, eq=False)
class Visibility:
    """One keyframe's nearest surface in every target pixel, arrays (height, width[, 2]), all 0 where ``surface`` is NOTHING."""

    keyframe: Keyframe
    camera: Camera
    surface: NDArray[np.uint8]
    uv: NDArray[np.float32]
    disparity: NDArray[np.float32]  # in the target camera
    stretch: NDArray[np.float32]  # as in Lookup

    @property
    def witness(self) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """What ``raster.seen_through`` asks: the way back from the camera to the keyframe, and its disparity and sky."""
        return back(self.camera, self.keyframe), self.keyframe.mesh.disparity, self.keyframe.sky


def coarseness(keyframe: Keyframe) -> float:
    """Geometry pixels per image pixel, linear: stretch times this is target pixels per image pixel."""
    return float(np.sqrt(keyframe.disparity.size / (keyframe.image.size / 3)) * keyframe.image.shape[1] / keyframe.columns)


def _uv_from_ray(lens: Intrinsics) -> NDArray[np.float64]:
    return np.array([[lens.fx, 0.0, lens.cx], [0.0, lens.fy, lens.cy], [0.0, 0.0, 1.0]])


def _ray_from_uv(lens: Intrinsics) -> NDArray[np.float64]:
    return np.array([[1.0 / lens.fx, 0.0, -lens.cx / lens.fx], [0.0, 1.0 / lens.fy, -lens.cy / lens.fy], [0.0, 0.0, 1.0]])


def projection(source: Camera, target: Camera, size: tuple[int, int]) -> NDArray[np.float64]:
    """Matrix (3, 4) from (u, v, 1, disparity) of ``source`` to homogeneous target pixels.

    Its third coordinate is z' / z, the ratio of the new depth to the old one: a point that came twice as close has 0.5.
    """
    target_from_source = inverse(target.world_from_camera) @ source.world_from_camera
    pixels = np.diag([size[0], size[1], 1.0]) @ _uv_from_ray(target.intrinsics)
    turned = pixels @ target_from_source[:3, :3] @ _ray_from_uv(source.intrinsics)
    return np.column_stack([turned, pixels @ target_from_source[:3, 3]])


def back(camera: Camera, keyframe: Keyframe) -> NDArray[np.float64]:
    """Matrix (3, 4) from (u, v, 1, disparity) of ``camera`` to homogeneous uv of ``keyframe``; rotation alone at 0."""
    return projection(camera, keyframe.camera, (1, 1))


def largest_quad(keyframe: Keyframe, camera: Camera, size: tuple[int, int]) -> tuple[float, float]:
    """Width and height in target pixels from which a quad is dropped: its size without motion times the limit."""
    (height, width), source, target = keyframe.disparity.shape, keyframe.camera.intrinsics, camera.intrinsics
    return (
        MAGNIFICATION * size[0] * target.fx / (width * source.fx),
        MAGNIFICATION * size[1] * target.fy / (height * source.fy),
    )
