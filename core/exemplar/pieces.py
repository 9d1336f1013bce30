"""Pieces: what is new is cut along the edges of what is wanted, into parts of about a quarter of the view's width.

These are superpixels (Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods"). Cut into equal
rectangles, pieces were seen as panes wherever they differed a little from what lies around them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Indices = NDArray[np.int64]

_LARGEST = 16  # pixels, about the longest side of a piece
_EDGES = 6.0  # what a unit of a look counts, in sides of a piece: a step of 0.17 moves a border by one
_BLURRED = 3, 3  # pixels over which looks are averaged, for smooth borders
_ROUNDS = 3  # in which pixels go to the nearest piece


def pieces(new: Flags, looks: Floats) -> Iterator[Flags]:
    """Cut what is ``new`` (h, w) into connected pieces, (h, w) each, large parts where their ``looks`` (h, w, n) change."""
    smooth = cv2.blur(looks, _BLURRED)
    for part in _connected(new):
        numbers = _superpixels(np.argwhere(part), smooth[part])
        for number in np.unique(numbers):
            cell = np.zeros_like(part)
            cell[part] = numbers == number
            yield from _connected(cell)


def _connected(where: Flags) -> Iterator[Flags]:
    count, parts = cv2.connectedComponents(where.astype(np.uint8), connectivity=8)
    for number in range(1, count):
        yield np.asarray(parts) == number


def _superpixels(at: Indices, looks: NDArray[Any]) -> Indices:
    """Return which piece each of the pixels ``at`` (k, 2) belongs to, by k-means of their places and their ``looks`` (k, n)."""
    first, extent = at.min(axis=0), np.ptp(at, axis=0) + 1
    grid = -(-extent // _LARGEST)
    row, column = ((at - first) * grid // extent).T
    numbers, count = row * grid[1] + column, int(grid.prod())
    if count == 1:
        return np.asarray(numbers)
    what = np.concatenate([at * (grid / extent), _EDGES * looks], axis=1)
    for _ in range(_ROUNDS):
        sizes = np.bincount(numbers, minlength=count)
        means = np.stack([np.bincount(numbers, line, count) for line in what.T], axis=1) / np.maximum(sizes, 1)[:, None]
        apart = np.square(what[:, None] - means).sum(axis=2)
        numbers = np.where(sizes > 0, apart, np.inf).argmin(axis=1)
    return np.asarray(numbers)
