"""Likeness of a picture to a known one where it can be seen: PSNR, SSIM and LPIPS."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.features import Vgg16Features

    Floats = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_WINDOW, _SIGMA = 11, 1.5  # of SSIM (Wang et al. 2004)
_C1, _C2 = 0.01**2, 0.03**2
LEAST_SHARE = 0.02  # of the view: less is too little to be judged


@dataclass(frozen=True)
class Likeness:
    """``psnr`` in dB, ``ssim`` in [-1, 1], ``lpips`` >= 0 (VGG16), on the share ``seen`` of the picture."""

    psnr: float
    ssim: float
    lpips: float
    seen: float


def likeness(image: Floats, known: Floats, mask: Mask, vgg: Vgg16Features) -> Likeness | None:
    """Compare ``image`` with ``known``, both (h, w, 3) in [0, 1], where ``mask`` (h, w); None where hardly anything is seen.

    What is not seen is taken from ``known`` before windows and receptive fields reach over the mask's border.
    """
    seen = float(mask.mean())
    if seen < LEAST_SHARE:
        return None
    image = np.where(mask[..., None], image, known)
    return Likeness(psnr(image, known, mask), float(ssim_map(image, known)[mask].mean()), _lpips(image, known, mask, vgg), seen)


def psnr(image: Floats, known: Floats, mask: Mask) -> float:
    """Peak signal-to-noise ratio in dB over ``mask``, infinite for equal pictures in [0, 1]."""
    error = float(np.square(image[mask].astype(np.float64) - known[mask]).mean())
    return -10.0 * math.log10(error) if error > 0.0 else math.inf


def ssim_map(image: Floats, known: Floats) -> Floats:
    """Structural similarity by place (Wang et al. 2004, 11x11 Gaussian window, sigma 1.5), (h, w): the mean over the channels."""
    mean_a, mean_b = _blurred(image), _blurred(known)
    variances = _blurred(image * image) - mean_a**2 + _blurred(known * known) - mean_b**2
    covariance = _blurred(image * known) - mean_a * mean_b
    luminance = (2.0 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return np.asarray((luminance * (2.0 * covariance + _C2) / (variances + _C2)).mean(axis=2), np.float32)


def _blurred(picture: NDArray[np.floating]) -> NDArray[np.float64]:
    out = cv2.GaussianBlur(picture.astype(np.float64), (_WINDOW, _WINDOW), _SIGMA, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(out, np.float64)


def _lpips(image: Floats, known: Floats, mask: Mask, vgg: Vgg16Features) -> float:
    import torch

    pair = torch.from_numpy(np.stack([image, known])).permute(0, 3, 1, 2).to(vgg.mean.device, torch.float32)
    with torch.inference_mode():
        by_place = vgg.lpips_map(pair[:1], pair[1:])[0].cpu().numpy()
    return float(by_place[mask].mean())
