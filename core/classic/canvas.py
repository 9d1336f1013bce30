"""Preparation of the start photo: the view in the middle, and a wider canvas for the sky to come (paper section 3.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from core.classic.network import SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

CANVAS = 192  # pixels a side
SOURCE = 384  # pixels a side of what is prepared
_CROP = 256  # of them make the view
_FOV = math.radians(55.0)
_FAR_SKY = 0.08  # disparity that sky has less than


@dataclass(frozen=True, eq=False)
class Prepared:
    """A start photo as the released loop takes it."""

    view: Tensor  # (1, 4, 128, 128) RGB and disparity in [0, 1]
    canvas: Tensor  # (1, 4, 192, 192), the view in its middle
    lens: Tensor  # (3, 3), pixels
    canvas_lens: Tensor  # (3, 3), pixels
    sky_threshold: float  # disparity below which is sky
    sky_share: float  # of the canvas


def prepared(image: NDArray[np.uint8], disparity: NDArray[np.float32], sky: NDArray[np.bool_]) -> Prepared:
    """Prepare ``image`` (384, 384, 3) with ``disparity`` and ``sky`` (384, 384); disparity may have any scale and offset."""
    height = len(image)
    margin = (height - _CROP) // 2
    crop = np.s_[margin : margin + _CROP, margin : margin + _CROP]
    low, high = np.percentile(disparity[crop], (1, 97))
    near = np.clip(0.8 * (disparity - low) / (high - low + 1e-6), 0.01, 1.0).astype(np.float32)
    rgbd = np.dstack([image.astype(np.float32) / np.float32(255.0), near])
    side = SIDE * height // _CROP
    canvas = cv2.resize(rgbd, (side, side), interpolation=cv2.INTER_AREA)
    label = cv2.resize(sky.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    far = (canvas[..., 3] < _FAR_SKY) & (np.asarray(label) > 0)
    threshold = float(np.percentile(canvas[..., 3][far], 95)) if far.any() else 0.0
    view = cv2.resize(np.ascontiguousarray(rgbd[crop]), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return Prepared(
        _tensor(np.asarray(view, np.float32)),
        _tensor(np.asarray(canvas, np.float32)),
        lens(SIDE),
        lens(side),
        threshold,
        float(far.mean()),
    )


def lens(side: int) -> Tensor:
    """Return the intrinsics (3, 3) of a square view of ``side`` pixels: 128 of them span 55 degrees."""
    focal, centre = 0.5 * SIDE / math.tan(0.5 * _FOV), 0.5 * (side - 1)
    return torch.tensor([[focal, 0.0, centre], [0.0, focal, centre], [0.0, 0.0, 1.0]])


def _tensor(rgbd: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgbd.transpose(2, 0, 1)))[None]
