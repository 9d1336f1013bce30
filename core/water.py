"""Water lies flat: what a lake mirrors must not become its depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_SHARE = 0.004  # of the picture: smaller pools stay as they are
_LAKE_SHARE = 0.06  # of the picture: only a lake this large pushes back its far shore
_SURE = 0.6  # median probability of a body of water; sand and snow that pass for water reach less
_FIRM = (0.35, 0.65)  # probability of water from which, and at which fully, the level takes over
_SHORE = 0.02  # disparity by which what stands on the far shore may be nearer than the water at its foot


def levelled(disparity: NDArray[np.float32], water: NDArray[np.float32], sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace the disparity of each body of water by that of a level plane, and keep what stands beyond it from being nearer.

    All arrays (h, w); ``water`` and ``sky`` are probabilities. A level plane seen by an upright camera has disparity linear
    in the row, equal along it, and none at the horizon, which lies no higher than the lowest sky.
    """
    weight = np.clip((water - _FIRM[0]) / (_FIRM[1] - _FIRM[0]), 0.0, 1.0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((weight > 0.0).astype(np.uint8), connectivity=8)
    out = disparity.copy()
    for body in range(1, count):
        if stats[body, cv2.CC_STAT_AREA] < _LEAST_SHARE * disparity.size:
            continue
        inside = labels == body
        firm = inside & (weight > 0.5)
        plane = _level(disparity, firm, _lowest_sky(sky))
        if plane is None or float(np.median(water[inside])) < _SURE:
            continue
        out = np.where(inside, out + weight * (plane - out), out)
        if firm.sum() > _LAKE_SHARE * disparity.size:
            out = np.minimum(out, _shore_limit(firm, plane, sky))
    return np.asarray(out, np.float32)


def _lowest_sky(sky: NDArray[np.float32]) -> float:
    """Row of the lowest sky (95th percentile of the columns), -inf without any."""
    rows = np.where(sky > 0.5, np.arange(sky.shape[0])[:, None], -1).max(axis=0)
    lowest = float(np.percentile(rows, 95.0))
    return lowest if lowest >= 0.0 else -np.inf


def _level(disparity: NDArray[np.float32], body: NDArray[np.bool_], lowest_sky: float) -> NDArray[np.float64] | None:
    """Disparity of the water's plane at every row, (h, 1), or None if the body is too low to tell.

    The line is fitted to the medians of the rows, so that rocks, mirrored mountains and reeds do not tilt it.
    """
    rows = np.flatnonzero(body.sum(axis=1) >= 4)
    if len(rows) < 4:
        return None
    medians = np.array([np.median(disparity[row, body[row]]) for row in rows], np.float64)
    share = np.sqrt(body[rows].sum(axis=1).astype(np.float64))
    weights = share
    horizon = min(lowest_sky, float(rows[0]))
    for _ in range(3):
        slope, offset = (float(value) for value in np.polyfit(rows, medians, 1, w=weights))
        if slope < 0.0:
            slope, offset = 0.0, float(np.average(medians, weights=weights))
        if np.isfinite(horizon) and slope * horizon + offset > 0.0:
            reach = rows - horizon
            slope = float((weights * reach * medians).sum() / max((weights * reach * reach).sum(), 1e-9))
            offset = -slope * horizon
        error = np.abs(slope * rows + offset - medians)
        weights = share / (1.0 + error / 0.02)  # rows that a far shore or a rock spoils count less
    return np.asarray(np.maximum(slope * np.arange(disparity.shape[0]) + offset, 0.0)[:, None])


def _shore_limit(body: NDArray[np.bool_], plane: NDArray[np.float64], sky: NDArray[np.float32]) -> NDArray[np.float64]:
    """Greatest disparity (h, w) of what rises from the far shore: its foot's, up the column to the first sky; else infinite."""
    h, w = body.shape
    rows = np.arange(h)[:, None]
    top = np.where(body.any(axis=0), body.argmax(axis=0), 0)
    above = rows < top
    ceiling = np.where(above & (sky > 0.5), rows, -1).max(axis=0)  # overhanging branches, above the sky, may be near
    foot = plane[top, 0] + _SHORE
    return np.where(above & (rows > ceiling), np.broadcast_to(foot, (h, w)), np.inf)
