"""Walls: steep land is made of pieces that stand as they stood in the photo, as trees and crags do.

What is copied shows the photo from the front. On a wall that one flies past, or lying on the ground, it would be drawn out to
streaks: as land comes twice as near, its picture grows four times along its slope and twice across. So pieces face the camera
sideways, and up and down slope as in the photo; they part where they meet. In films of a gorge of firs 0.13 of the picture was
streaked along the flight, 0.08 is; above a wood 0.15 and 0.13; below a mountain range 0.17 and 0.13 (depth by one teacher).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from core.classical.fill import SKY
from core.exemplar.tone import Linked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.generator import Completion

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Labels = NDArray[np.int32]

_STEEP = 0.2, 0.45  # octaves drawn out as a piece comes an octave nearer: up to which it stays, from which it is turned
_NEAR = 0.15, 0.25  # likewise its disparity: what is farther does not come nearer soon
_PIECE = 64  # pixels of the smallest piece that is turned
_MIDDLE = 16.0  # pixels from the middle of the view, least distance that counts


def faced(done: Completion, labels: Labels, new: Flags, copied: Floats) -> Completion:
    """Turn near, steep pieces of ``new`` land (h, w) until they stand as in the photo; their mean distance stays.

    A piece is connected, one surface, and copied with one shift, by ``labels`` (h, w, 2: x, y); ``copied`` (h, w) is the
    disparity that it was copied with.
    """
    pieces = _pieces(new & (done.sky < SKY), labels, done.disparity)
    y, x = np.nonzero(pieces)
    if not len(y):
        return done
    piece, depth, other = pieces[y, x], np.log(done.disparity[y, x]), np.log(np.maximum(copied[y, x], 0.01))
    count = np.maximum(np.bincount(piece), 1)

    def mean(part: NDArray[Any]) -> Doubles:
        return np.asarray(np.bincount(piece, part) / count, np.float64)

    across, down = (part - mean(part)[piece] for part in (x, y))
    xx, yy, xy = mean(across * across), mean(down * down), mean(across * down)

    def slopes(part: NDArray[Any]) -> tuple[Doubles, Doubles]:
        """Sideways and down, of the plane through each piece."""
        apart = part - mean(part)[piece]
        along, below, whole = mean(across * apart), mean(down * apart), np.maximum(xx * yy - xy * xy, 1e-3)
        return (along * yy - below * xy) / whole, (below * xx - along * xy) / whole

    (side, fall), (_, other_fall) = slopes(depth), slopes(other)
    fall = np.where(np.abs(other_fall) < np.abs(fall), fall - other_fall, 0.0)
    turned = _risen(np.exp(mean(depth)), _NEAR) * (count >= _PIECE)
    height, width = pieces.shape
    side *= turned * _risen(np.abs(side) * np.maximum(np.abs(mean(x) - 0.5 * width), _MIDDLE), _STEEP)
    fall *= turned * _risen(np.abs(fall) * np.maximum(np.abs(mean(y) - 0.5 * height), _MIDDLE), _STEEP)
    disparity = done.disparity.copy()
    disparity[y, x] = np.clip(np.exp(depth - side[piece] * across - fall[piece] * down), 0.01, 1.0)
    return replace(done, disparity=disparity)


def _risen(value: Doubles, limits: tuple[float, float]) -> Doubles:
    """How far ``value`` has come from the first of ``limits`` to the second, [0, 1]."""
    return np.clip((value - limits[0]) / (limits[1] - limits[0]), 0.0, 1.0)


def _pieces(where: Flags, labels: Labels, disparity: Floats) -> NDArray[np.int32]:
    """Return numbers (h, w) from 1 of the connected pieces of ``where`` that are one surface with one shift; 0 elsewhere."""
    linked = Linked.of(where, disparity)
    right = (np.diff(labels, axis=1) == (1, 0)).all(axis=2)
    below = (np.diff(labels, axis=0) == (0, 1)).all(axis=2)
    height, width = where.shape
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)  # pixels, and between them their links
    grid[::2, ::2] = where
    grid[::2, 1::2] = linked.right[:, :-1] & right
    grid[1::2, ::2] = linked.below[:-1] & below
    return np.asarray(cv2.connectedComponents(grid, connectivity=4)[1], np.int32)[::2, ::2]
