"""Background: which of the known pixels around a hole may fill it.

A hole opens because something near moved across something far, so what it uncovers goes on from the far side. Which side that
is shows across the hole, along its row or column: holes at the border of the view have no other side, and everything beside
them goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SKY_DISPARITY = 0.005
_APART = 1.2  # ratio of the disparities on both sides of a hole from which the nearer one is in front
_FRONT = 0.8  # of its disparity there, beyond which the land around belongs to what is in front
# pixels at 256 a view: widths of holes from, to, and the square around their rim in which the front is kept out, as a crack
# in the skyline must not keep a whole mountain out of other holes
_REACHES = ((0.0, 4.0, 11), (4.0, 1e6, 49))
_NARROW = 0.1  # of the width of the view: a hole that is open along one axis lies within it if it is narrower along the other
_QUIET = 1e-4  # weight of what is in front, where there is nothing else
_THIN = np.ones((3, 3), np.uint8)


def background(disparity: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weights (h, w) in [0, 1] of known pixels when holes are filled; ``disparity`` (h, w) is 0 on sky."""
    depth = np.maximum(disparity, np.float32(_SKY_DISPARITY))
    across, down = _Gaps.of(known), _Gaps.of(known.T)
    inner = _inner(across, down)
    front = np.zeros(known.shape, bool)
    for narrow, wide, reach in _REACHES:
        limit = np.full(known.shape, np.inf, np.float32)  # disparity from which land belongs to what is in front
        for d, k, holes, gaps, least in ((depth, known, inner, across, limit), (depth.T, known.T, inner.T, down, limit.T)):
            _look_across(d, k, holes & (gaps.width > narrow) & (gaps.width <= wide), gaps.after, least)
        front |= depth > cv2.erode(limit, np.ones((reach, reach), np.uint8))
    return np.where(front, np.float32(_QUIET), np.float32(1.0)) * known


def enclosed(known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much pixels (h, w) lie between known ones, rather than at the border of the view, [0, 1]."""
    inner = _inner(_Gaps.of(known), _Gaps.of(known.T))
    smooth = cv2.blur(np.dstack([inner, ~known]).astype(np.float32), (5, 5))
    return np.where(known, np.float32(1.0), smooth[..., 0] / np.maximum(smooth[..., 1], 0.01)).astype(np.float32)


class _Gaps(NamedTuple):
    """The holes along rows, both (h, w)."""

    width: NDArray[np.float32]  # of the hole at each pixel, infinite where it is open or there is none
    after: NDArray[np.int32]  # the next known column to the right

    @classmethod
    def of(cls, known: NDArray[np.bool_]) -> _Gaps:
        width = known.shape[1]
        place = np.broadcast_to(np.arange(width, dtype=np.int32), known.shape)
        before = np.maximum.accumulate(np.where(known, place, -1), axis=1)
        after = np.minimum.accumulate(np.where(known, place, width)[:, ::-1], axis=1)[:, ::-1]
        closed = ~known & (before >= 0) & (after < width)
        return cls(np.where(closed, after - before - 1, np.inf).astype(np.float32), after)


def _inner(across: _Gaps, down: _Gaps) -> NDArray[np.bool_]:
    """Unknown pixels between known ones, along row and column, or closely along one of them.

    The border of what is known is slanted once the camera has moved, and has known land above and below it too.
    """
    rows, columns = across.width, down.width.T
    narrow = np.minimum(rows, columns) <= _NARROW * rows.shape[1]
    return np.asarray(narrow | (np.maximum(rows, columns) < np.inf))


def _look_across(
    depth: NDArray[np.float32],
    known: NDArray[np.bool_],
    holes: NDArray[np.bool_],
    after: NDArray[np.int32],
    limit: NDArray[np.float32],
) -> None:
    """Look across ``holes`` in every row, and lower ``limit`` at the side that is in front."""
    row, column = np.nonzero(holes[:, 1:] & known[:, :-1])  # the last known pixel before each hole
    other = after[row, column + 1]
    left, right = depth[row, column], depth[row, other]
    for here, own, across in ((column, left, right), (other, right, left)):
        front = own > _APART * across
        least = np.maximum(_FRONT * own, np.sqrt(own * across))
        np.minimum.at(limit, (row[front], here[front]), least[front])


def without_specks(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Forget what is thinner than three pixels between holes (h, w): torn off its surface, it would stand in the background."""
    padded = cv2.copyMakeBorder(known.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    opened = np.asarray(cv2.morphologyEx(padded, cv2.MORPH_OPEN, _THIN))[1:-1, 1:-1]
    return known & (opened > 0)
