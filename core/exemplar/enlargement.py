"""Enlargement: a small photo made sharp at twice its size, by its own example, so that land flown at does not blur.

Freedman and Fattal 2011, "Image and video upscaling from local self-examples". The photo, enlarged smoothly, lacks its finest
octave as the photo's own smooth version lacks the photo's. So each piece of the one takes the fine detail that goes with the
piece of the other which looks most like it, looked for nearby, as edges and textures there are alike at both sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes: TypeAlias = NDArray[np.uint8]
    Floats: TypeAlias = NDArray[np.float32]
    Numbers: TypeAlias = NDArray[np.int32]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BAND = 3.0  # pixels, sigma: what is coarser than that is not compared
_PATCH, _BEFORE = 6, 2  # pixels of a side that are compared, and how many of them lie before the piece of 2x2 that is made
_BEHIND = _PATCH - _BEFORE
_COHERENT = 0.8  # times the difference that a piece may have which goes on where the one beside it left off


def enlarged(picture: Bytes) -> Bytes:
    """Return ``picture`` (h, w, 4), colours of land and sky alpha, at twice its size, (2 h, 2 w, 4); its means are the picture.

    130 ms for 512x341, of that 100 ms looking for pieces. Among all 49 places within three pixels that takes 220 ms and looks
    the same; among the nearest nine 70 ms, and trees look like scales where they were enlarged twice.
    """
    height, width = picture.shape[:2]
    if min(height, width) < 2 * _PATCH:  # nothing to learn from
        return np.asarray(cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC), np.uint8)
    own = picture.astype(np.float32)
    half = cv2.resize(own, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    smooth = np.asarray(cv2.resize(half, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    large = np.asarray(cv2.resize(own, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC), np.float32)
    wanted, offered = _band(large), _band(smooth)
    pieces = np.empty((height, width, 2), np.int32)
    _find(wanted, offered, pieces)
    detail = np.zeros((*large.shape[:2], 5), np.float32)
    _add(pieces, own - smooth, wanted, offered, detail)
    large += detail[..., :4] / detail[..., 4:]
    missing = own - np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    large += cv2.resize(missing, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.clip(np.rint(large), 0.0, 255.0), np.uint8)


def _band(picture: Floats) -> Floats:
    """Return what is compared of a ``picture`` (h, w, 4): its luma before a white sky, without coarse differences."""
    share = picture[..., 3] * np.float32(1.0 / 255.0)
    luma = (picture[..., :3] @ _LUMA) * (1.0 - share) + picture[..., 3]
    return np.asarray(luma - cv2.GaussianBlur(luma, (0, 0), _BAND), np.float32)


@njit(nogil=True, cache=True, inline="always", fastmath={"contract"})
def _apart(wanted: Floats, y: int, x: int, offered: Floats, v: int, u: int) -> np.float32:
    """Sum of squared differences of the patches around two pixels."""
    total = np.float32(0.0)
    for j in range(_PATCH):
        here = wanted[y - _BEFORE + j, x - _BEFORE : x - _BEFORE + _PATCH]
        there = offered[v - _BEFORE + j, u - _BEFORE : u - _BEFORE + _PATCH]
        for i in range(_PATCH):
            difference = here[i] - there[i]
            total += difference * difference
    return total


@njit(nogil=True, cache=True, inline="always")
def _around(wanted: Floats, y: int, x: int, offered: Floats, v: int, u: int) -> tuple[np.float32, int, int]:
    """Return how little what lies at (v, u), or among eight places around it, or around the best of these, differs, and where."""
    height, width = offered.shape
    least, best_v, best_u = _apart(wanted, y, x, offered, v, u), v, u
    for step in (2, 1):
        middle_v, middle_u = best_v, best_u
        for k in range(9):
            j, i = middle_v + (k // 3 - 1) * step, middle_u + (k % 3 - 1) * step
            if k != 4 and _BEFORE <= j <= height - _BEHIND and _BEFORE <= i <= width - _BEHIND:
                apart = _apart(wanted, y, x, offered, j, i)
                if apart < least:
                    least, best_v, best_u = apart, j, i
    return least, best_v, best_u


@njit(nogil=True, cache=True)
def _find(wanted: Floats, offered: Floats, pieces: Numbers) -> None:
    """Find for each 2x2 pixels of ``wanted`` (2 h, 2 w) a place (y, x) in ``offered`` (h, w) that looks like them.

    Looked at is what lies near there when both are laid over each other, and where the pieces to the left and above go on.
    """
    height, width = offered.shape
    for row in range(height):
        for column in range(width):
            y = min(max(2 * row, _BEFORE), 2 * height - _BEHIND)
            x = min(max(2 * column, _BEFORE), 2 * width - _BEHIND)
            v, u = min(max(row, _BEFORE), height - _BEHIND), min(max(column, _BEFORE), width - _BEHIND)
            least, v, u = _around(wanted, y, x, offered, v, u)
            for up in range(2):
                if (row if up else column) == 0:
                    continue
                j = pieces[row - up, column - 1 + up, 0] + 2 * up + y - 2 * row
                i = pieces[row - up, column - 1 + up, 1] + 2 - 2 * up + x - 2 * column
                if _BEFORE <= j <= height - _BEHIND and _BEFORE <= i <= width - _BEHIND:
                    apart = np.float32(_COHERENT) * _apart(wanted, y, x, offered, j, i)
                    if apart < least:
                        least, v, u = apart, j, i
            # at the photo's edge the patch does not lie around the piece
            pieces[row, column, 0], pieces[row, column, 1] = v - (y - 2 * row), u - (x - 2 * column)


@njit(nogil=True, cache=True)
def _add(pieces: Numbers, fine: Floats, wanted: Floats, offered: Floats, detail: Floats) -> None:
    """Add up the ``fine`` detail (h, w, 4) of the ``pieces`` (h, w, 2) and, in the last channel, its weights: (2 h, 2 w, 5).

    Pieces overlap by a pixel all round, so that none has an edge. Where what is ``wanted`` is weaker than what is ``offered``,
    so is its detail.
    """
    height, width = offered.shape
    for row in range(height):
        for column in range(width):
            v, u = pieces[row, column]
            here, there = np.float32(1e-6), np.float32(1e-6)
            for k in range(16):
                y, x = 2 * row + (k >> 2) - 1, 2 * column + (k & 3) - 1
                if 0 <= y < 2 * height and 0 <= x < 2 * width:
                    here += abs(wanted[y, x])
                    there += abs(offered[v + (k >> 2) - 1, u + (k & 3) - 1])
            strength = min(here / there, np.float32(1.0))
            for k in range(16):
                j, i = k >> 2, k & 3
                y, x = 2 * row + j - 1, 2 * column + i - 1
                if 0 <= y < 2 * height and 0 <= x < 2 * width:
                    weight = np.float32(0.75 if 1 <= j <= 2 else 0.25) * np.float32(0.75 if 1 <= i <= 2 else 0.25)
                    for c in range(4):
                        detail[y, x, c] += weight * strength * fine[v + j - 1, u + i - 1, c]
                    detail[y, x, 4] += weight
