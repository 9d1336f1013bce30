"""Water lies flat: what a lake mirrors must not become its depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_SHARE = 0.004  # of the picture: smaller pools stay as they are
_FIRM = (0.35, 0.65)  # probability of water from which, and at which fully, the level takes over


def levelled(disparity: NDArray[np.float32], water: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace the disparity (h, w) of each body of water by that of a level plane; ``water`` (h, w) is its probability.

    A level plane seen by an upright camera has disparity linear in the row and equal along it. The line is fitted to the
    medians of the rows, so that rocks, mirrored mountains and reeds do not tilt it, and never falls towards the viewer.
    """
    weight = np.clip((water - _FIRM[0]) / (_FIRM[1] - _FIRM[0]), 0.0, 1.0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((weight > 0.0).astype(np.uint8), connectivity=8)
    out = disparity.copy()
    for body in range(1, count):
        if stats[body, cv2.CC_STAT_AREA] < _LEAST_SHARE * disparity.size:
            continue
        inside = labels == body
        plane = _level(disparity, inside & (weight > 0.5))
        if plane is not None:
            out = np.where(inside, out + weight * (plane - out), out)
    return np.asarray(out, np.float32)


def _level(disparity: NDArray[np.float32], body: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Disparity of the water's plane at every row, (h, 1), or None if the body is too low to tell."""
    rows = np.flatnonzero(body.sum(axis=1) >= 4)
    if len(rows) < 4:
        return None
    medians = np.array([np.median(disparity[row, body[row]]) for row in rows])
    weights = np.sqrt(body[rows].sum(axis=1).astype(np.float64))
    for _ in range(3):
        slope, offset = np.polyfit(rows, medians, 1, w=weights)
        if slope < 0.0:
            slope, offset = 0.0, float(np.average(medians, weights=weights))
        error = np.abs(slope * rows + offset - medians)
        weights = np.sqrt(body[rows].sum(axis=1)) / (1.0 + error / 0.02)  # rows that a far shore or a rock spoils count less
    return np.asarray(np.maximum(slope * np.arange(disparity.shape[0]) + offset, 0.0)[:, None])
