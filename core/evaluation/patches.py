"""Patches: bidirectional similarity of a frame's land to the start photo's.

Simakov et al. 2008, "Summarizing Visual Data Using Bidirectional Similarity": a picture is coherent with another if all its
patches are found there, and complete if all patches of the other are found in it. Only land in the lower part of the view counts,
and no patch that touches sky.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from core.evaluation.land import FAINT_SKY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]
    Picture = NDArray[np.uint8]

_SIDE = 7  # pixels of a patch
_STRIDES = {256: 4, 128: 2, 64: 1}  # by the width of the view in pixels: steps between the patches that are looked up
_LOWER = 0.6  # of the view's height
_COMPONENTS = 32  # principal components that the nearest is found by; distances are those of whole patches
_BLOCK = 64  # patches looked up at a time: their products stay in the cache
_TOO_OFTEN = 3.0  # times the mean usage, or one


@dataclass(frozen=True)
class Similarity:
    """Figures of one frame, nan where frame or photo has no land.

    ``coherence`` is the mean distance of the frame's patches to their nearest in the photo, ``completeness`` that of the photo's
    patches to their nearest in the frame, both in units of what the photo's left half finds in its right half: 0 for the photo
    itself. ``repetition`` is the share of the frame's patches whose nearest is used more than three times too often, [0, 1].
    """

    coherence: float
    completeness: float
    repetition: float


class PhotoPatches:
    """The patches of a start photo, with which the frames of a flight are compared."""

    def __init__(self, image: Picture, sky: Floats) -> None:
        """Take the photo as the flight first sees it: ``image`` (h, w, 3) sRGB, ``sky`` (h, w) soft alpha in [0, 1]."""
        land = _ground(sky)
        self._levels = [_Level.of(_Patches.of(image, land, width)) for width in _STRIDES]
        left = np.arange(sky.shape[1]) < sky.shape[1] // 2
        halves = [[_Patches.of(image, land & side, width) for side in (left, ~left)] for width in _STRIDES]
        found = [level.nearest(*pair)[1] for level, pair in zip(self._levels, halves, strict=True)]
        self._unit = max(_mean(found), 1e-6)

    def similarity(self, image: Picture, sky: Floats) -> Similarity:
        """Compare a frame with the photo: ``image`` (h, w, 3) sRGB, ``sky`` (h, w) in [0, 1]."""
        land = _ground(sky)
        coherent, complete, repeated = [], [], []
        for level, width in zip(self._levels, _STRIDES, strict=True):
            frame = _Patches.of(image, land, width)
            found, distances = level.nearest(frame, level.photo)
            coherent.append(distances)
            repeated.append(level.photo.overused(found))
            complete.append(level.nearest(level.photo, frame)[1])
        return Similarity(_mean(coherent) / self._unit, _mean(complete) / self._unit, _mean(repeated))


@dataclass(frozen=True, eq=False)
class _Patches:
    """All n patches of a picture's land at one width."""

    vectors: Floats  # (n, 147), colours in [-0.5, 0.5]
    asked: Indices  # those that are looked up elsewhere
    cells: Indices  # (n,) squares of the picture that the patches lie in, one for each that is looked up, numbered from 0

    @classmethod
    def of(cls, image: Picture, land: Mask, width: int) -> _Patches:
        size = width, round(image.shape[0] * width / image.shape[1])
        colours = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255.0)
        clear = cv2.resize(land.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 1.0 - FAINT_SKY
        windows = sliding_window_view(colours - np.float32(0.5), (_SIDE, _SIDE), axis=(0, 1))
        rows, columns = np.nonzero(sliding_window_view(clear, (_SIDE, _SIDE)).all(axis=(2, 3)))
        stride = _STRIDES[width]
        cells = np.unique(rows // stride * width + columns // stride, return_inverse=True)[1]
        asked = np.flatnonzero((rows % stride == 0) & (columns % stride == 0))
        return cls(windows[rows, columns].reshape(len(rows), 3 * _SIDE * _SIDE), asked, cells)

    def overused(self, found: Indices) -> Mask:
        """Tell which of the ``found`` patches lie in a cell that was found too often; once is never too often."""
        usage = np.bincount(self.cells[found], minlength=int(self.cells.max(initial=-1)) + 1)
        mean = len(found) / max(len(usage), 1)
        return np.greater(usage[self.cells[found]], _TOO_OFTEN * max(mean, 1.0))


@dataclass(frozen=True, eq=False)
class _Level:
    """The photo's patches at one width, and the principal components of them."""

    photo: _Patches
    basis: Floats  # (147, components)

    @classmethod
    def of(cls, photo: _Patches) -> _Level:
        sample = photo.vectors[photo.asked]
        return cls(photo, np.asarray(np.linalg.eigh(sample.T @ sample)[1][:, -_COMPONENTS:], np.float32))

    def nearest(self, patches: _Patches, others: _Patches) -> tuple[Indices, Floats]:
        """Find for each looked-up patch its nearest of the ``others``: indices and root-mean-square differences, [0, 1]."""
        asked = patches.vectors[patches.asked]
        if not len(asked) or not len(others.vectors):
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        known = others.vectors @ self.basis
        # the nearest has the largest a.b - |b|^2 / 2: one product, with a constant appended to a
        known = np.column_stack([known, -0.5 * np.square(known).sum(axis=1)])
        sought = np.column_stack([asked @ self.basis, np.ones(len(asked), np.float32)])
        found = np.concatenate(
            [(block @ known.T).argmax(axis=1) for block in np.split(sought, range(_BLOCK, len(sought), _BLOCK))]
        )
        return found, np.sqrt(np.square(asked - others.vectors[found]).mean(axis=1))


def _ground(sky: Floats) -> Mask:
    """Land of the lower part of the view."""
    lower = np.arange(len(sky)) >= round((1.0 - _LOWER) * len(sky))
    return np.asarray((sky <= FAINT_SKY) & lower[:, None], np.bool_)


def _mean(levels: Sequence[Floats | Mask]) -> float:
    """Mean over the levels of the patches' means; nan where a level has no patches."""
    return float(np.mean([level.mean() if len(level) else math.nan for level in levels]))
