"""Lookup: what a warp returns. For every target pixel, where its colour is to be found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOLE = -1
THIN = 64, 40  # columns, rows that pilots see; a GPU thins its lookups out to these as it makes them


@dataclass(frozen=True, eq=False)
class Lookup:
    """The visibility of keyframes in a target camera, all arrays (height, width[, 2]).

    ``slot`` indexes the sequence of keyframes that was warped, ``HOLE`` (-1) where none is seen. Where ``slot`` is ``HOLE`` the
    other arrays are 0. Sky is seen by rotation alone and has disparity 0.
    """

    uv: NDArray[np.float32]  # where to sample the keyframe, [0, 1]
    disparity: NDArray[np.float32]  # in the target camera; 0 for sky
    stretch: NDArray[np.float32]  # magnification: target pixels per geometry pixel of the keyframe, linear
    slot: NDArray[np.int8]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.slot.shape[1], self.slot.shape[0]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Where any keyframe is seen."""
        return np.not_equal(self.slot, HOLE)

    @property
    def covered_share(self) -> float:
        """The share of pixels where any keyframe is seen, [0, 1]."""
        return float(self.covered.mean())

    def thin(self, columns: int, rows: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Return (disparity, slot), each (rows, columns), of the pixels in the middle of as many equal parts: what pilots see."""
        width, height = self.size
        pick = np.ix_(
            ((np.arange(rows) + 0.5) * height / rows).astype(int), ((np.arange(columns) + 0.5) * width / columns).astype(int)
        )
        return self.disparity[pick], self.slot[pick]
