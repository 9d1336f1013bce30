"""Renewal: how much of known land a generator draws anew, and whether it then still looks as it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.evaluation.land import FAINT_SKY, inland

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.generator import RefinedView, WarpedView

    Floats = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_SIGMA = 4.0 / 256.0  # of the view's width: finer change is new detail, which is wanted
_LOWERED = 0.25  # octaves


@dataclass(frozen=True)
class Change:
    """What a generator did to the known land away from the skyline; nan where there was none."""

    boiling: float
    renewed: float  # share

    @classmethod
    def of(cls, view: WarpedView, refined: RefinedView) -> Change:
        """Compare a view as it was warped and as it was ``refined``, of one size."""
        land = view.mask & (view.disparity > 0.0) & inland(view.sky > FAINT_SKY)
        return cls(boiling(view.image, refined.image, land), renewed(view.debt, refined.debt, land))


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
