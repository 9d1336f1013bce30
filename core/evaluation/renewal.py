"""Renewal: how much of known land a generator draws anew, and whether it then still looks as it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.evaluation.land import FAINT_SKY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.generator import RefinedView, WarpedView

    Floats = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_SIGMA = 4.0 / 256.0  # of the view's width: finer change is new detail, which is wanted
_EVENLY = 0.5  # octaves between the larger and the smaller magnification: what is stretched more has to change
_LOWERED = 0.25  # octaves


@dataclass(frozen=True)
class Change:
    """What a generator did to the land it was shown; nan where it was shown none."""

    boiling: float  # of what was evenly magnified
    renewed: float  # share

    @classmethod
    def of(cls, view: WarpedView, refined: RefinedView) -> Change:
        """Compare a view as it was warped and as it was ``refined``, of one size."""
        land = view.mask & (view.disparity > 0.0) & (view.sky < FAINT_SKY)
        (larger, smaller), (left, _) = _extremes(view.debt), _extremes(refined.debt)
        even = land & (larger - smaller < _EVENLY)
        return cls(boiling(view.image, refined.image, even), renewed(larger, left, land))


def boiling(before: Floats, after: Floats, mask: Mask) -> float:
    """Mean absolute difference of two pictures (h, w, 3) in [0, 1] over ``mask`` (h, w), once their detail is blurred away.

    Gaussian, sigma 4 pixels at a width of 256, of what lies in the mask alone; nan where nothing does.
    """
    if not mask.any():
        return float("nan")
    sigma = _SIGMA * mask.shape[1]
    change = cv2.GaussianBlur(np.where(mask[..., None], after - before, np.float32(0.0)), (0, 0), sigma)
    weight = np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma))
    return float((np.abs(change[mask]) / weight[mask, None]).mean())


def renewed(before: Floats, after: Floats, mask: Mask) -> float:
    """Share of ``mask`` where the detail debt (h, w), log2, fell by more than 0.25 octaves, [0, 1]; nan where there is none."""
    return float((before[mask] - after[mask] > _LOWERED).mean()) if mask.any() else float("nan")


def _extremes(debt: Floats) -> tuple[Floats, Floats]:
    """Larger and smaller debt (h, w) of both, (h, w, 2), or of the one there is."""
    return (debt[..., 0], debt[..., 1]) if debt.ndim == 3 else (debt, debt)
