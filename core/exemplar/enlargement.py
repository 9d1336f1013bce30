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
_FLAT = 36.0  # sum of squared differences in a patch: with less, a grey level each, it is not looked for
_COHERENT = 0.8  # times the difference that a piece may have which goes on where the one beside it left off


def enlarged(picture: Bytes) -> Bytes:
    """Return ``picture`` (h, w, 4), colours of land and sky alpha, at twice its size, (2 h, 2 w, 4); its means are the picture.

    Looking for pieces takes most of the time. Among all 49 places within three pixels that takes twice as long and looks
    the same; among the nearest nine .7 times, and trees look like scales where they were enlarged twice.
    """
    height, width = picture.shape[:2]
    large = np.asarray(cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if min(height, width) < 2 * _PATCH:  # nothing to learn from
        return large
    half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    smooth = np.asarray(cv2.resize(half, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    wanted, offered = _band(large), _band(smooth)
    pieces = np.empty((height, width, 2), np.int32)
    _find(wanted, offered, pieces)
    strengths = np.empty((height, width), np.float32)
    _strengthen(pieces, wanted, offered, strengths)
    _add(pieces, strengths, picture, smooth, large)
    return large


def _band(picture: Bytes) -> Floats:
    """Return what is compared of a ``picture`` (h, w, 4): its luma before a white sky, without coarse differences."""
    luma = np.empty(picture.shape[:2], np.float32)
    _before_white(picture, luma)
    return np.asarray(luma - cv2.GaussianBlur(luma, (0, 0), _BAND), np.float32)


@njit(nogil=True, cache=True)
def _before_white(picture: Bytes, luma: Floats) -> None:
    for y in range(luma.shape[0]):
        for x in range(luma.shape[1]):
            share, land = np.float32(picture[y, x, 3]) * np.float32(1.0 / 255.0), np.float32(0.0)
            for c in range(3):
                land += _LUMA[c] * np.float32(picture[y, x, c])
            luma[y, x] = land * (np.float32(1.0) - share) + np.float32(255.0) * share


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
            own = wanted[y - _BEFORE : y + _BEHIND, x - _BEFORE : x + _BEHIND]
            if (own * own).sum() < _FLAT:
                pieces[row, column, 0], pieces[row, column, 1] = v - (y - 2 * row), u - (x - 2 * column)
                continue
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
def _strengthen(pieces: Numbers, wanted: Floats, offered: Floats, strengths: Floats) -> None:
    """Write how strong the detail of each piece is to be, (h, w) in [0, 1]: as much weaker as what is ``wanted`` is."""
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
            strengths[row, column] = min(here / there, np.float32(1.0))


@njit(nogil=True, cache=True)
def _add(pieces: Numbers, strengths: Floats, picture: Bytes, smooth: Bytes, large: Bytes) -> None:
    """Add to ``large`` (2 h, 2 w, 4) what ``picture`` (h, w, 4) has beyond ``smooth`` at the ``pieces``, and keep its means.

    Pieces overlap by a pixel all round, so that none has an edge: each pixel is of four, and most of its own.
    """
    height, width = strengths.shape
    made = np.empty((4, 4), np.float32)  # the pixels of a piece
    for row in range(height):
        for column in range(width):
            for k in range(4):
                y, x = k >> 1, k & 1
                for c in range(4):
                    made[k, c] = large[2 * row + y, 2 * column + x, c]
                for other in range(4):  # the piece itself, and those beside this pixel of it
                    j, i = (other >> 1) * (2 * y - 1), (other & 1) * (2 * x - 1)
                    j, i = (j if 0 <= row + j < height else 0), (i if 0 <= column + i < width else 0)
                    weight = strengths[row + j, column + i]
                    weight *= np.float32(0.25 if other >> 1 else 0.75) * np.float32(0.25 if other & 1 else 0.75)
                    v, u = pieces[row + j, column + i, 0] + y - 2 * j, pieces[row + j, column + i, 1] + x - 2 * i
                    for c in range(4):
                        made[k, c] += weight * (np.float32(picture[v, u, c]) - np.float32(smooth[v, u, c]))
            for c in range(4):
                missing = np.float32(picture[row, column, c])
                for k in range(4):
                    missing -= np.float32(0.25) * made[k, c]
                for k in range(4):
                    value = np.rint(made[k, c] + missing)
                    large[2 * row + (k >> 1), 2 * column + (k & 1), c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
