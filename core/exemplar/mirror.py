"""Mirror: calm water, which shows what lies in its direction, as the sky does: a reflection does not come nearer.

Carried along and renewed piece by piece a lake at dusk became a floor of panes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.edges import nearest_filled
from core.exemplar.reflection import WATER
from core.exemplar.tone import LARGEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.exemplar.atlas import Atlas

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]

_CALM = 0.5  # smoothness from which water is a mirror
_MOSTLY = 0.3  # share of the photo's water that must be calm
_RIM, _SHADE = 7, 0.06  # pixels, square, around what is not smooth, where none is; most that differs from the colour of its row
_NEAR, _ODD = 6.0, 0.12  # pixels, sigma, over which a mirrored sky is averaged, and how far from that it is something else
_EVEN = 20.0, 1.0  # pixels, sigma across and down, over which that colour is averaged
_LOW, _ALIKE = 3.0, 0.18  # pixels, sigma, over which other things are as alike to it as that if they take on its colour


class Mirror:
    """The calm water of the start photo; ``is_there`` says whether it shows enough of it."""

    def __init__(self, atlas: Atlas, smooth: Floats, sky: Flags | None = None) -> None:
        """``smooth`` (h, w) is how smooth the photos of ``atlas`` are, unfolded, [0, 1].

        Where the photo's water mirrors land, ``sky`` (h, w) is where it mirrors sky, and all else is known to be mirrored.
        """
        width, height = atlas.size
        water = atlas.above[:, :width] < WATER
        colours = atlas.colours[:, :width] * np.float32(1.0 / 255.0)
        self._smooth = smooth if sky is None else np.ones_like(smooth)
        calm = _calm(colours, water, smooth[:, :width]) if sky is None else _clear(colours, sky)
        self.is_there = bool(calm.sum() > max(_MOSTLY * water.sum(), 1))
        # where the photo shows something else, calm water beside it; in rows without any, that of the next row that has some
        row, column = (np.broadcast_to(side, calm.shape).astype(np.float32) for side in np.ogrid[:height, :width])
        rows = nearest_filled(row[:, :1], np.asarray(calm.any(axis=1, keepdims=True))).astype(np.intp)
        columns = np.vstack([nearest_filled(*pair) for pair in zip(column[:, None], calm[:, None], strict=True)]).astype(np.intp)
        self._rows, self._columns = np.broadcast_to(rows, calm.shape), columns[rows[:, 0]]
        self._colours = cv2.GaussianBlur(colours[self._rows, self._columns], (0, 0), _LOW)
        low = cv2.GaussianBlur(colours, (0, 0), _LOW)
        self._alike = np.clip(2.0 - np.abs(low - self._colours).max(axis=2) / _ALIKE, 0.0, 1.0)

    def shown(self, source: Floats, direction: Floats, over_water: Floats) -> tuple[Floats, Floats, Floats]:
        """Return positions, a tone and its weight: of ``source`` (h, w, 2), with calm water as it is in its ``direction``.

        ``over_water`` (h, w) is 0 on water. What else is on it, reeds and ripples, takes on its colour there, by a tone (h, w, 3)
        that weighs (h, w, 1).
        """
        x, y = (np.clip(source[..., k], 0, side - 1).astype(np.int32) for k, side in enumerate(self._smooth.shape[::-1]))
        calm = (over_water < WATER) & (self._smooth[y, x] > _CALM)
        there = self._pixels(direction)
        rows, columns = self._rows[there], self._columns[there]
        own = (rows == there[0]) & (columns == there[1])
        beside = np.stack([columns, rows], axis=-1).astype(np.float32) + np.float32(0.5)
        shown = np.where(calm[..., None], np.where(own[..., None], direction, beside), source)
        here = self._pixels(shown)
        weight = (self._alike[here] * np.clip(2.0 - over_water / WATER, 0.0, 1.0)).astype(np.float32)[..., None]
        return shown, np.clip(self._colours[there] - self._colours[here], -LARGEST, LARGEST), weight

    def _pixels(self, place: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the first photo at ``place`` (h, w, 2), unfolded."""
        height, width = self._columns.shape
        folded = width - np.abs(width - place[..., 0])
        return np.clip(place[..., 1], 0, height - 1).astype(np.intp), np.clip(folded, 0, width - 1).astype(np.intp)


def _calm(colours: Floats, water: Flags, smooth: Floats) -> Flags:
    """Where ``water`` (h, w) is the mirror's own: ``smooth``, neither beside what is not nor shadow of what stands in it."""
    calm = water & (smooth > _CALM) & ~_around(water & (smooth <= _CALM))
    for _ in range(2):
        calm &= np.abs(colours - _row_means(colours, calm)).max(axis=2) < _SHADE
    return calm


def _clear(colours: Floats, sky: Flags) -> Flags:
    """Where mirrored ``sky`` (h, w) is only that: no rocks and birds, and not beside mirrored land."""
    weight = sky.astype(np.float32)[..., None]
    low, some = (cv2.GaussianBlur(part, (0, 0), _NEAR) for part in (colours * weight, weight))
    odd = np.abs(colours - low / (some[..., None] + 1e-6)).max(axis=2) > _ODD
    return sky & ~_around(~sky) & ~_around(odd & sky)


def _around(where: Flags) -> Flags:
    return np.asarray(cv2.dilate(where.astype(np.uint8), np.ones((_RIM, _RIM), np.uint8)) > 0)


def _row_means(colours: Floats, where: Flags) -> Floats:
    """Mean along rows of the ``colours`` (h, w, 3) that are ``where`` (h, w), also beside them."""
    weight = where.astype(np.float32)[..., None]
    across, down = _EVEN
    sums, weights = (cv2.GaussianBlur(part, (0, 0), across, sigmaY=down) for part in (colours * weight, weight))
    row_sums, row_weights = (part.sum(axis=1, keepdims=True) for part in (colours * weight, weight))
    return np.asarray((sums + 1e-3 * row_sums) / (weights[..., None] + 1e-3 * row_weights + 1e-9), np.float32)
