"""Palette: the colours that land has in the start photo, near and far, and a gentle pull back to them.

Land that comes nearer is magnified and gets new detail; its colours, left alone, would stay those of the distance it came from,
and a long flight would end in haze. For each octave of magnification made up for, colours move part of the way to those that the
photo has at that distance, and a contrast that faded is restored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical.detail import blurred

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NODES = np.log(np.array([0.02, 0.06, 0.2, 0.45, 0.8]))  # of log disparity
_WIDTH = 0.5  # of a class, in log disparity
_SMOOTH = 12.0  # pixels: below this scale, colour is texture and not the palette's matter
_PULL = 0.7  # of the way per octave, as an exponential rate


class Palette:
    """Mean colour of a photo's land by disparity."""

    def __init__(self, image: NDArray[np.float32], disparity: NDArray[np.float32], land: NDArray[np.bool_]) -> None:
        """Learn from image (h, w, 3), disparity and land (h, w)."""
        overall = image[land].mean(axis=0) if land.any() else image.reshape(-1, 3).mean(axis=0)
        level = np.log(np.maximum(disparity, 0.01))
        self._colours = np.empty((len(_NODES), 3), np.float32)
        for index, node in enumerate(_NODES):
            weight = land * np.exp(-np.square((level - node) / _WIDTH))
            count = float(weight.sum())
            mean = np.tensordot(weight, image, 2) / max(count, 1e-6)
            self._colours[index] = (count * mean + 300.0 * overall) / (count + 300.0)

    def colour(self, disparity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean colour (h, w, 3) of land at ``disparity`` (h, w)."""
        height, width = disparity.shape
        size = max(1, width // 4), max(1, height // 4)  # as coarse as what it is compared with
        level = np.log(np.maximum(cv2.resize(disparity, size, interpolation=cv2.INTER_AREA), 0.01))
        coarse = np.dstack([np.interp(level, _NODES, channel) for channel in self._colours.T]).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def pulled(
        self, image: NDArray[np.float32], disparity: NDArray[np.float32], octaves: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Move the coarse colours of ``image`` (h, w, 3) to the palette's, by how many ``octaves`` (h, w) were made up for."""
        share = 1.0 - np.exp(-_PULL * octaves)
        drift = self.colour(disparity) - blurred(image, _SMOOTH)
        return np.asarray(image + share[..., None] * drift, np.float32)
