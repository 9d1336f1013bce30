"""Walls: steep land at the sides is made of pieces that face the camera, as trees and crags do.

What is copied shows the photo from the front. Along a wall that one flies past it would be drawn out to streaks: as the wall
comes twice as near, its picture grows four times along the flight and twice across. Pieces that face the camera only grow, and
part where they meet. In a gorge of firs 0.13 of the picture was streaked along the flight, 0.09 is (12 seconds, 960x540).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical.fill import SKY
from core.exemplar.tone import Linked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.generator import Completion

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Labels = NDArray[np.int32]

_STEEP = 0.2, 0.45  # octaves that a piece is drawn out as it comes an octave nearer: up to which it stays, from which it faces
_NEAR = 0.15, 0.25  # likewise its disparity: what is farther does not come nearer soon
_PIECE = 64  # pixels of the smallest piece that is turned
_MIDDLE = 16.0  # pixels from the middle of the view, least distance that counts


def faced(done: Completion, labels: Labels, new: Flags) -> Completion:
    """Turn near, steep pieces of ``new`` land (h, w) until they face the camera sideways; their mean distance stays.

    A piece is connected, one surface, and copied with one shift, by ``labels`` (h, w, 2: x, y). The ground stays as it is: it
    slopes up and down only.
    """
    pieces = _pieces(new & (done.sky < SKY), labels, done.disparity)
    y, x = np.nonzero(pieces)
    if not len(y):
        return done
    piece, depth = pieces[y, x], np.log(done.disparity[y, x].astype(np.float64))
    count = np.maximum(np.bincount(piece), 1)

    def mean(part: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(piece, part) / count, np.float64)

    across, down, deep = (part - mean(part)[piece] for part in (x.astype(np.float64), y.astype(np.float64), depth))
    xx, yy, xy = mean(across * across), mean(down * down), mean(across * down)
    slope = (mean(across * deep) * yy - mean(down * deep) * xy) / np.maximum(xx * yy - xy * xy, 1e-3)
    drawn = np.abs(slope) * np.maximum(np.abs(mean(x.astype(np.float64)) - 0.5 * pieces.shape[1]), _MIDDLE)
    share = _risen(drawn, _STEEP) * _risen(np.exp(mean(depth)), _NEAR) * (count >= _PIECE)
    disparity = done.disparity.copy()
    disparity[y, x] = np.clip(np.exp(depth - (share * slope)[piece] * across), 0.01, 1.0)
    return replace(done, disparity=disparity)


def _risen(value: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.float64]:
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
