"""Mesh: the surface of one keyframe, torn where its depth is discontinuous. What the warp rasterises.

Disparity is linear on screen for every plane (it is an affine function of uv), so a plane seen at any angle is a linear ramp, and
what is not a ramp is a candidate for a tear. A torn quad is not thrown away: each of its corners keeps its piece at its own
depth. Seen from the keyframe itself the pieces still tile the image exactly; seen from elsewhere they part and a hole opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.warp.visibility import CLEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

GRAZING = 25.0  # tangent of the incidence beyond which a step in depth is taken for a tear (87.7 degrees from the normal)
FAR = 0.04  # disparity below which parallax is too small to tear at finer steps than there
REACH = 4  # pixels on one side over which a slope must go on to count as a ramp; edges of depth maps are blurrier than one pixel
SMOOTH = 3  # pixels around a vertex over which its slope is averaged, or noise in the depth speckles the choice of keyframe
BEND = 2.0  # how much steeper than its neighbourhood a ramp may be
SHORTEST = 8  # quads: a shorter tear is noise in the depth, and would only speckle the surface with holes
VEIL = 0.2  # a quad with more sky than this is a veil: it never hides land


@dataclass(frozen=True, eq=False)
class Mesh:
    """Quads over a keyframe's image.

    The pixel centres of the geometry and one ring on the image's border are vertices, so that quads cover uv [0, 1]^2 wholly
    but for the sky.
    """

    vertices: NDArray[np.float32]  # (n, 5): u, v, disparity in the keyframe's camera, slope of disparity along u and along v
    quads: NDArray[np.int32]  # (m, 4): vertices top-left, top-right, bottom-left, bottom-right
    veiled: NDArray[np.bool_]  # (m,): mostly sky
    shape: tuple[int, int]  # (height, width) of the geometry

    @classmethod
    def of(cls, keyframe: Keyframe) -> Mesh:
        """Build the mesh of ``keyframe``; geometry pixels with non-finite disparity are left out by the warp."""
        height, width = keyframe.disparity.shape
        lens = keyframe.camera.intrinsics
        tolerance = GRAZING / np.array([lens.fx * width, lens.fy * height])
        with np.errstate(invalid="ignore"):
            disparity = _sharpened(keyframe.disparity, tolerance)
            across, down = _torn(disparity, 1, tolerance[0]), _torn(disparity, 0, tolerance[1])
            slopes = _slope(disparity, across, 1), _slope(disparity, down, 0)
        # the border ring repeats its neighbour's depth: torn along the border as that is, never across it
        across = np.pad(np.pad(across, ((1, 1), (0, 0)), mode="edge"), ((0, 0), (1, 1)))
        down = np.pad(np.pad(down, ((0, 0), (1, 1)), mode="edge"), ((1, 1), (0, 0)))

        grid = np.empty((height + 2, width + 2, 5), np.float32)
        grid[..., 0] = np.clip((np.arange(-1, width + 1) + 0.5) / width, 0.0, 1.0)
        grid[..., 1] = np.clip((np.arange(-1, height + 1) + 0.5) / height, 0.0, 1.0)[:, None]
        for channel, array in enumerate((disparity, *slopes), start=2):
            grid[..., channel] = np.pad(array, 1, mode="edge")
        sky = np.pad(_clearest(keyframe.sky, (height, width)), 1, mode="edge")
        index = np.arange((height + 2) * (width + 2), dtype=np.int32).reshape(height + 2, width + 2)
        corners = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]], axis=-1)

        quad_sky = (sky[:-1, :-1], sky[:-1, 1:], sky[1:, :-1], sky[1:, 1:])
        kept = np.minimum.reduce(quad_sky) < CLEAR
        veiled = np.add.reduce(quad_sky) >= 4.0 * VEIL
        # a tear runs through a quad where it enters by one edge and leaves by another
        sides = (across[:-1], across[1:], down[:, :-1], down[:, 1:])
        torn = _long((np.add.reduce(sides, dtype=np.uint8) >= 2) & kept)
        edges = np.stack([side[torn] for side in sides], axis=-1)
        whole = kept & ~torn
        flat = grid.reshape(-1, 5)
        pieces = _cut(flat[corners[torn]], edges)
        cut = np.arange(len(flat), len(flat) + 4 * pieces[..., 0, 0].size, dtype=np.int32).reshape(-1, 4)
        return cls(
            np.concatenate([flat, pieces.reshape(-1, 5)]),
            np.concatenate([corners[whole], cut]),
            np.concatenate([veiled[whole], np.repeat(veiled[torn], 4)]),
            (height, width),
        )

    @property
    def disparity(self) -> NDArray[np.float32]:
        """That of every pixel, (h, w), as it is drawn."""
        height, width = self.shape
        grid = self.vertices[: (height + 2) * (width + 2), 2].reshape(height + 2, width + 2)
        return grid[1:-1, 1:-1]

    @property
    def middles(self) -> NDArray[np.intp]:
        """For each vertex the one in the middle of the pixel it belongs to, (n,): of a piece its own corner, else itself."""
        index = np.arange(len(self.vertices))
        first = (self.shape[0] + 2) * (self.shape[1] + 2)
        piece = (index[first:] - first) // 4
        index[first:] = first + 4 * piece + piece % 4
        return index


def _torn(disparity: NDArray[np.float32], axis: int, tolerance: float) -> NDArray[np.bool_]:
    """Which edges between neighbours along ``axis`` are torn: a step too large for a surface and not part of a ramp."""
    import cv2

    step = np.diff(disparity, axis=axis)
    if not step.size:
        return np.zeros(step.shape, bool)
    size = (REACH + 1, 1) if axis == 1 else (1, REACH + 1)
    kernel = np.ones(size[::-1], np.uint8)
    ramp = np.zeros_like(step)
    for rising in (step, -step):
        for end in (0, REACH):
            anchor = (end, 0) if axis == 1 else (0, end)
            slope = cv2.erode(rising, kernel, anchor=anchor, borderType=cv2.BORDER_CONSTANT, borderValue=-1.0)
            np.maximum(ramp, slope, out=ramp)
    nearby = np.minimum(*((disparity[:, :-1], disparity[:, 1:]) if axis == 1 else (disparity[:-1], disparity[1:])))
    return np.abs(step) > tolerance * np.maximum(nearby, FAR) + BEND * ramp


def _long(torn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the tears, connected runs of torn quads, that are long enough to be depth edges."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(torn.astype(np.uint8), connectivity=8)
    return np.asarray(torn & (stats[labels, cv2.CC_STAT_AREA] >= SHORTEST), bool)


def _slope(disparity: NDArray[np.float32], torn: NDArray[np.bool_], axis: int) -> NDArray[np.float32]:
    """Slope of disparity along ``axis`` per unit of uv, averaged around each pixel over the edges that are not torn."""
    import cv2

    step = np.diff(disparity, axis=axis)
    usable = ~torn & np.isfinite(step)
    beside = ((0, 0), (1, 1)) if axis == 1 else ((1, 1), (0, 0))
    long, short = 2 * SMOOTH + 2, 2 * SMOOTH + 1  # there is one edge more than pixels
    size = (long, short) if axis == 1 else (short, long)
    anchor, beyond = (SMOOTH, SMOOTH), cv2.BORDER_CONSTANT
    total, count = (
        cv2.boxFilter(np.pad(array, beside), -1, size, anchor=anchor, normalize=False, borderType=beyond)
        for array in (np.where(usable, step, np.float32(0.0)), usable.astype(np.float32))
    )
    height, width = disparity.shape
    return np.asarray(disparity.shape[axis] * (total / np.maximum(count, 1.0))[:height, :width], np.float32)


def _sharpened(disparity: NDArray[np.float32], tolerance: NDArray[np.float64]) -> NDArray[np.float32]:
    """Let the pixels of a blurred depth edge join the side that they are closer to, so that the edge is one tear and not many."""
    out = disparity
    for axis in (1, 0):
        torn = np.moveaxis(_torn(out, axis, tolerance[1 - axis]), axis, 1)
        lines = np.moveaxis(out, axis, 1)
        between = np.zeros(lines.shape, bool)
        between[:, 1:-1] = torn[:, :-1] & torn[:, 1:]
        last = lines.shape[1] - 1
        place = np.arange(last + 1, dtype=np.int32)
        before = np.maximum.accumulate(np.where(between, 0, place), axis=1)
        after = np.minimum.accumulate(np.where(between, last, place)[:, ::-1], axis=1)[:, ::-1]
        row, column = np.nonzero(between)
        own, a, b = lines[row, column], lines[row, before[row, column]], lines[row, after[row, column]]
        joined = np.where(np.abs(own - a) < np.abs(own - b), a, b)
        sharp = lines.copy()
        # a thin thing in front of its surroundings stays
        sharp[row, column] = np.where((own - a) * (own - b) <= 0.0, joined, own)
        out = np.moveaxis(sharp, 1, axis)
    return out


def _clearest(sky: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize ``sky`` to ``shape``, keeping the least sky around each pixel, so that no land is lost to a coarser grid."""
    import cv2

    ratio = max(sky.shape[0] / shape[0], sky.shape[1] / shape[1])
    if ratio > 1.0:
        reach = 2 * int(np.ceil(ratio / 2.0)) + 1
        sky = np.asarray(cv2.erode(sky, np.ones((reach, reach), np.uint8)), np.float32)
    if sky.shape == shape:
        return sky
    return np.asarray(cv2.resize(sky, shape[::-1], interpolation=cv2.INTER_NEAREST), np.float32)


def _cut(corners: NDArray[np.float32], torn: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Cut quads into four, one a corner, each at the depth of the corners that are still joined to it.

    ``corners`` (n, 4, 5) as in ``Mesh.quads``, ``torn`` (n, 4) the edges top, bottom, left, right. Returns (n, 4, 4, 5): vertices
    of the piece of each corner.
    """
    out = np.empty((len(corners), 4, 4, 5), np.float32)
    out[..., 3:] = corners[:, :, None, 3:]
    centre = corners[..., :2].mean(1)
    depth = corners[..., 2]
    joined = ~torn
    cut_off = _cut_off(torn)
    alone = cut_off >= 0
    centre[alone] = 0.5 * (centre[alone] + corners[alone, cut_off[alone], :2])
    for corner in range(4):
        beside, below, opposite = corner ^ 1, corner ^ 2, corner ^ 3
        to_beside, to_below = joined[:, corner >> 1], joined[:, 2 + (corner & 1)]
        to_opposite = (to_beside & joined[:, 2 + (beside & 1)]) | (to_below & joined[:, below >> 1])
        own = depth[:, corner]
        total = own + to_beside * depth[:, beside] + to_below * depth[:, below] + to_opposite * depth[:, opposite]
        count = 1 + to_beside + to_below.astype(int) + to_opposite
        piece = out[:, corner]
        piece[:, corner, :3] = corners[:, corner, :3]
        piece[:, beside, :2] = 0.5 * (corners[:, corner, :2] + corners[:, beside, :2])
        piece[:, beside, 2] = np.where(to_beside, 0.5 * (own + depth[:, beside]), own)
        piece[:, below, :2] = 0.5 * (corners[:, corner, :2] + corners[:, below, :2])
        piece[:, below, 2] = np.where(to_below, 0.5 * (own + depth[:, below]), own)
        piece[:, opposite, :2] = centre
        piece[:, opposite, 2] = total / count
        # three that are joined are a plane
        rest = alone & (cut_off != corner)
        across, down, far = (depth[rest, cut_off[rest] ^ k] for k in (1, 2, 3))
        piece[rest, opposite, 2] = far + 0.75 * (across + down - 2.0 * far)
    return out


def _cut_off(torn: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the corner of each quad that alone is torn from the other three, or -1; ``torn`` (n, 4) as in ``_cut``.

    Between the middles of its edges a straight line cuts it off, so that silhouettes are no stairs.
    """
    corner = np.where(torn[:, 0], 0, 2) + np.where(torn[:, 2], 0, 1)
    return np.where((torn[:, 0] ^ torn[:, 1]) & (torn[:, 2] ^ torn[:, 3]), corner, -1)
