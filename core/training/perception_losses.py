"""Losses and figures of merit of the perception network, against a teacher's disparity and sky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.training.perception_data import Batch

_GRADIENT_SCALES = 4


def perception_loss(logits: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Return the weighted loss terms of (N, 3, H, W) logits; their sum is what is minimised."""
    logits = logits.float()
    root, sky, water = torch.sigmoid(logits[:, :1]), logits[:, 1:2], logits[:, 2:]
    log, truth = root.clamp_min(1e-3).log(), batch.root.clamp_min(0.1).log()
    land = batch.weight
    return {
        "absolute": _masked_mean((root - batch.root).abs(), land),
        "affine": 1.5 * _affine_loss(root.square(), batch.root.square(), land),
        "log": 1.5 * _scale_invariant_loss(log, truth, land),
        "gradient": 2.0 * _gradient_loss(log, truth, land),
        "sky": _sky_loss(sky, batch.sky, batch.trust),
        "water": _water_loss(water, batch.water),
        "twins": _twin_loss(torch.cat([root.square(), torch.sigmoid(logits[:, 1:])], 1), batch),
    }


def _twin_loss(answers: Tensor, batch: Batch) -> Tensor:
    """Compare the answers, (N, 3, H, W) disparity, sky and water, to two views of the same photos.

    Disparity is free of scale and shift, as a part of a photo may have other near and far land; the second view's land counts.
    """
    pairs = len(batch.twin)
    if pairs == 0:
        return answers.new_zeros(())
    first, second = answers[:pairs], answers[pairs:]
    grid = functional.affine_grid(batch.twin, list(second.shape), align_corners=False)
    seen = functional.grid_sample(first, grid, padding_mode="border", align_corners=False)
    depth = _affine_loss(second[:, :1], seen[:, :1], batch.land[pairs:])
    return depth + (second[:, 1:] - seen[:, 1:]).abs().mean()


def _masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    return (x * mask).sum() / mask.sum().clamp_min(1.0)


def _affine_loss(prediction: Tensor, truth: Tensor, land: Tensor) -> Tensor:
    """L1 free of scale and shift: both sides centred and scaled by their mean absolute deviation, per photo (MiDaS, eq. 4-6)."""
    return _masked_mean((_standardised(prediction, land) - _standardised(truth, land)).abs(), land)


def _standardised(x: Tensor, land: Tensor) -> Tensor:
    count = land.sum((2, 3), keepdim=True).clamp_min(1.0)
    centred = x - (x * land).sum((2, 3), keepdim=True) / count
    spread = (centred.abs() * land).sum((2, 3), keepdim=True) / count
    return centred / spread.clamp_min(0.02)


def _scale_invariant_loss(log: Tensor, truth: Tensor, land: Tensor) -> Tensor:
    """L1 of the logarithm after the mean ratio is taken out: what a ratio test such as delta < 1.25 asks for."""
    error = log - truth
    count = land.sum((2, 3), keepdim=True).clamp_min(1.0)
    return _masked_mean((error - (error * land).sum((2, 3), keepdim=True) / count).abs(), land)


def _gradient_loss(log: Tensor, truth: Tensor, land: Tensor) -> Tensor:
    """Multi-scale L1 of the gradients of the log error (MiDaS, eq. 11): sharp edges where the teacher's are, flat elsewhere."""
    error = log - truth
    total = error.new_zeros(())
    for scale in range(_GRADIENT_SCALES):
        e, m = error[..., :: 1 << scale, :: 1 << scale], land[..., :: 1 << scale, :: 1 << scale]
        for axis in (2, 3):
            both = m.narrow(axis, 1, m.shape[axis] - 1) * m.narrow(axis, 0, m.shape[axis] - 1)
            total = total + _masked_mean(e.diff(dim=axis).abs(), both)
    return total / _GRADIENT_SCALES


def _sky_loss(logits: Tensor, sky: Tensor, trust: Tensor) -> Tensor:
    """Soft binary cross-entropy, five times heavier within two pixels of the skyline, plus a soft overlap term."""
    edge = functional.max_pool2d(sky, 5, 1, 2) + functional.max_pool2d(-sky, 5, 1, 2)
    weight = trust * (1.0 + 4.0 * edge)
    entropy = functional.binary_cross_entropy_with_logits(logits, sky, reduction="none")
    guess = torch.sigmoid(logits)
    apart = (guess - sky).abs().sum((1, 2, 3))
    overlap = apart / (guess + sky).sum((1, 2, 3)).clamp_min(50.0)
    return (entropy * weight).mean() + 0.5 * (overlap * trust.flatten()).mean()


def _water_loss(logits: Tensor, water: Tensor) -> Tensor:
    """Cross-entropy plus an overlap term, without which the network says 0.3 of every lake it doubts."""
    labelled = (water >= 0.0).float()
    truth = water.clamp_min(0.0)
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    guess = torch.sigmoid(logits) * labelled
    apart = ((guess - truth).abs() * labelled).sum((1, 2, 3))
    overlap = apart / (guess + truth).sum((1, 2, 3)).clamp_min(50.0)
    known = labelled.amax((1, 2, 3))
    return 1.5 * _masked_mean(entropy, labelled) + 0.5 * (overlap * known).mean()


@dataclass(frozen=True)
class Figures:
    """How well one photo is perceived, against the teacher.

    ``sky_iou``: intersection over union of sky > 0.5, NaN when the teacher sees less than 2 % of sky.
    ``delta``: share of land pixels where max(p / t, t / p) < 1.25, t the teacher's disparity and p the prediction after the
    least-squares fit of scale and shift over the land, clipped to [0.01, 1].
    ``spearman``: rank correlation of disparity over land. ``absolute``: mean |p - t| without any fit.
    """

    sky_iou: float
    delta: float
    spearman: float
    absolute: float


def figures(disparity: NDArray[np.float32], sky: NDArray[np.float32], truth: Batch) -> Figures:
    """Compare (H, W) predictions with a batch of one at the same size."""
    teacher_sky = truth.sky[0, 0].numpy() > 0.5
    mine = sky > 0.5
    iou = float((teacher_sky & mine).sum() / max(1, (teacher_sky | mine).sum())) if teacher_sky.mean() > 0.02 else float("nan")
    land = truth.land[0, 0].numpy() > 0.5
    if land.sum() < 100:
        return Figures(iou, float("nan"), float("nan"), float("nan"))
    p, t = disparity[land].astype(np.float64), np.square(truth.root[0, 0].numpy()[land].astype(np.float64))
    t = np.clip(t, 0.01, 1.0)
    absolute = float(np.abs(p - t).mean())
    fit = np.linalg.lstsq(np.stack([p, np.ones_like(p)], 1), t, rcond=None)[0]
    q = np.clip(fit[0] * p + fit[1], 0.01, 1.0)
    delta = float((np.maximum(q / t, t / q) < 1.25).mean())
    return Figures(iou, delta, rank_correlation(p, t), absolute)


def rank_correlation(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> float:
    """Return Spearman's rank correlation of two arrays of one size, NaN if one of them is constant."""
    first, second = _ranks(a.ravel()), _ranks(b.ravel())
    if first.std() == 0.0 or second.std() == 0.0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Ranks, equal values sharing their mean rank: a teacher of 8 bits has many."""
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - 0.5 * (counts - 1))[place], np.float64)
