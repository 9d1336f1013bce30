"""What flights need of a depth map, measured without trusting any label of depth: whether it contradicts itself, and how it lies.

A camera in the open looks down at the ground below it, so disparity grows with the row in most photos, though not in all; open
water is a plane; the mirror image of a photo, and the middle of it, show the same land.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from core.edges import resized
from core.perception import perceive
from core.training.perception_data import plain_batch
from core.training.perception_losses import figures, rank_correlation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.perception_network import PerceptionNetwork
    from core.training.shards import Sample

_AREA, _STRIDE = 448 * 288, 32  # what the network sees in the product
_LEAST_LAND = 500  # pixels
_LEAST_WATER = 0.02  # of the picture
_LEAST_BYTE = 13  # of root disparity: below is the compressed zero of the sky
_STEP = 0.05  # of log disparity from pixel to pixel: an edge of the first teacher's depth
_REACH, _NEAR = 8, 2  # pixels from such an edge, and from the photo's edges


@dataclass(frozen=True)
class Geometry:
    """Figures of one photo, NaN where it has nothing to measure. Rank correlations are Spearman's, over land.

    ``mirror``: the network alone against itself on the mirror image. ``part``: the product against itself on the middle three
    quarters. ``rows``: the product's disparity against the row. ``water_plane``: R2 of a plane through the mirror-averaged
    network's disparity on open water, before water is levelled; ``water_wrong``: 1 where that plane falls towards the viewer.
    ``water_iou``: overlap with DeepLab's water where that is sure. ``edge_energy``: mean squared gradient of the product's
    disparity, in units of its variance over land, within 2 pixels of the photo's edges along depth edges of the first teacher;
    ``edge_share``: what share of the squared gradient within 8 pixels of these depth edges that is.
    ``sky_iou``, ``delta``, ``spearman``: the product against the labels, see ``core.training.perception_losses``.
    """

    mirror: float
    part: float
    rows: float
    water_plane: float
    water_wrong: float
    water_iou: float
    edge_energy: float
    edge_share: float
    sky_iou: float
    delta: float
    spearman: float


def geometry(network: PerceptionNetwork, sample: Sample, first: NDArray[np.uint8]) -> Geometry:
    """Measure the shipped perception, of which ``network`` is the raw one; ``first`` root disparity of the first teacher."""
    h, w = sample.sky.shape
    truth = plain_batch(sample, (w, h))
    land = truth.land[0, 0].numpy() > 0.5
    scene = perceive(sample.photo)
    disparity = resized(scene.disparity, (w, h))
    both = raw_answers(network, sample.photo)
    roots = [resized(answer[0], (w, h)) for answer in both]
    water = truth.water[0, 0].numpy()
    plane, slope = water_plane(np.square(np.mean(roots, axis=0)), water > 0.5)
    energy, share = edges(disparity, sample.photo, first, land)
    against = figures(disparity, resized(scene.sky, (w, h)), truth)
    return Geometry(
        mirror=_correlation(roots[0], roots[1], land),
        part=_part(sample.photo, disparity, land),
        rows=_correlation(disparity, np.broadcast_to(np.arange(h, dtype=np.float32)[:, None], (h, w)), land),
        water_plane=plane,
        water_wrong=float("nan") if np.isnan(slope) else float(slope < 0.0),
        water_iou=_overlap(resized(both.mean(axis=0)[2], (w, h)), water),
        edge_energy=energy,
        edge_share=share,
        sky_iou=against.sky_iou,
        delta=against.delta,
        spearman=against.spearman,
    )


def raw_answers(network: PerceptionNetwork, photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (2, 3, h, w): root disparity, sky and water of the photo, and of its mirror image, turned back."""
    h, w = photo.shape[:2]
    scale = (_AREA / (w * h)) ** 0.5
    size = (max(_STRIDE, round(w * scale / _STRIDE) * _STRIDE), max(_STRIDE, round(h * scale / _STRIDE) * _STRIDE))
    x = torch.from_numpy(resized(photo.astype(np.float32) / np.float32(255.0), size)).permute(2, 0, 1)
    with torch.inference_mode():
        here, there = network(torch.stack([x, x.flip(2)]).contiguous(memory_format=torch.channels_last)).sigmoid()
    return np.asarray(torch.stack([here, there.flip(2)]).numpy(), np.float32)


def water_plane(disparity: NDArray[np.float32], water: NDArray[np.bool_]) -> tuple[float, float]:
    """Return R2 of a plane through ``disparity`` on ``water`` and its slope down the picture; NaN without open water."""
    if water.mean() < _LEAST_WATER:
        return float("nan"), float("nan")
    y, x = np.nonzero(water)
    z = disparity[water].astype(np.float64)
    basis = np.stack([y, x, np.ones_like(y)], axis=1).astype(np.float64)
    plane, *_ = np.linalg.lstsq(basis, z, rcond=None)
    return 1.0 - float(np.square(z - basis @ plane).mean() / max(float(z.var()), 1e-12)), float(plane[0])


def edges(
    disparity: NDArray[np.float32], photo: NDArray[np.uint8], first: NDArray[np.uint8], land: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return ``edge_energy`` and ``edge_share``, see ``Geometry``; NaN where the first teacher's land has no edges."""
    inner = cv2.erode(land.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0  # the skyline is no edge of land
    log = np.log(np.square(np.maximum(first, _LEAST_BYTE).astype(np.float32)))
    steps = (_gradient(log) > _STEP**2) & inner
    drawn = cv2.Canny(cv2.GaussianBlur(photo, (0, 0), 1.0), 60, 150) > 0
    around, beside = _within(steps, _REACH) & inner, _within(drawn, _NEAR)
    if (around & beside).sum() < 100:
        return float("nan"), float("nan")
    energy = _gradient(disparity / max(float(disparity[land].std()), 1e-6))
    return float(energy[around & beside].mean()), float(energy[around & beside].sum() / max(float(energy[around].sum()), 1e-12))


def summary(rows: Sequence[Geometry]) -> dict[str, dict[str, float]]:
    """Return mean, least and tenth percentile of every figure over the photos that have it, and how many have it."""
    columns = {name: np.array([asdict(row)[name] for row in rows]) for name in asdict(rows[0])}
    known = {name: column[np.isfinite(column)] for name, column in columns.items()}
    return {
        name: {
            "mean": round(float(column.mean()), 4),
            "least": round(float(column.min()), 4),
            "tenth": round(float(np.percentile(column, 10.0)), 4),
            "photos": len(column),
        }
        for name, column in known.items()
        if len(column)
    }


def _part(photo: NDArray[np.uint8], disparity: NDArray[np.float32], land: NDArray[np.bool_]) -> float:
    h, w = land.shape
    middle = np.s_[h // 8 : h - h // 8, w // 8 : w - w // 8]
    inside = disparity[middle]
    part = perceive(np.ascontiguousarray(photo[middle]))
    return _correlation(resized(part.disparity, (inside.shape[1], inside.shape[0])), inside, land[middle])


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32], land: NDArray[np.bool_]) -> float:
    return rank_correlation(a[land], b[land]) if land.sum() >= _LEAST_LAND else float("nan")


def _overlap(guess: NDArray[np.float32], water: NDArray[np.float32]) -> float:
    lake = water > 0.5
    if lake.mean() < _LEAST_WATER:
        return float("nan")
    mine = (guess > 0.5) & (water >= 0.0)
    return float((mine & lake).sum() / (mine | lake).sum())


def _gradient(x: NDArray[np.float32]) -> NDArray[np.float32]:
    down, across = np.gradient(x)
    return np.asarray(np.square(down) + np.square(across), np.float32)


def _within(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)
