"""Batches for the perception network: random crops, flips and colours of labelled photos, a pure function of (seed, step)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.training.shards import Sample

_LAND_BYTES = 13  # labels below (13 / 255)^2 = 0.0026 are compression noise of the sky's zero, not land (>= 0.01)


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch, float32: ``photo`` (N, 3, H, W) in [0, 1]; the others (N, 1, H, W).

    ``root`` is the square root of disparity in [0, 1]; ``land`` in {0, 1} says where it is known; ``sky`` in [0, 1];
    ``trust`` (N, 1, 1, 1) in [0, 1] weights the sky label.
    """

    photo: Tensor
    root: Tensor
    land: Tensor
    sky: Tensor
    trust: Tensor


def batch_at(samples: Sequence[Sample], step: int, count: int, size: tuple[int, int], seed: int = 0) -> Batch:
    """Return the augmented batch of training step ``step``: ``count`` samples at ``size`` = (width, height)."""
    rng = np.random.default_rng((seed, step))
    first = step * count
    picks = [samples[_shuffled(len(samples), first + i, seed)] for i in range(count)]
    return _stacked([_augmented(sample, size, rng) for sample in picks])


def plain_batch(sample: Sample, size: tuple[int, int]) -> Batch:
    """Return one sample, resized to ``size`` = (width, height) and not augmented, as a batch of one."""
    return _stacked([_resized(sample.photo, sample.root, sample.sky, size, _trust(sample))])


def _shuffled(total: int, position: int, seed: int) -> int:
    """Element ``position`` of an endless sequence of random permutations of range(total)."""
    epoch, place = divmod(position, total)
    return int(np.random.default_rng((seed, 1 << 40, epoch)).permutation(total)[place])


def _trust(sample: Sample) -> float:
    """Doubtful skies count less: two sky networks disagree, or the frame is nearly all sky (Milky Way, fog, waterfalls)."""
    fraction, agreement = float(sample.info["sky"]), float(sample.info["iou"])
    trust = 1.0 if fraction < 0.02 else float(np.clip((agreement - 0.4) / 0.5, 0.05, 1.0))
    return trust * (0.2 if fraction > 0.9 else 1.0)


_Item = tuple["NDArray[np.float32]", "NDArray[np.float32]", "NDArray[np.float32]", "NDArray[np.float32]", float]


def _augmented(sample: Sample, size: tuple[int, int], rng: np.random.Generator) -> _Item:
    h, w = sample.sky.shape
    aspect = size[0] / size[1] * float(np.exp(rng.normal(0.0, 0.08)))
    largest = min(w, h * aspect)
    width = largest * (1.0 if rng.random() < 0.5 else float(rng.uniform(0.6, 1.0)))
    cw, ch = max(8, min(w, round(width))), max(8, min(h, round(width / aspect)))
    x, y = int(rng.integers(0, w - cw + 1)), int(rng.integers(0, h - ch + 1))
    window = np.s_[y : y + ch, x : x + cw]
    item = _resized(sample.photo[window], sample.root[window], sample.sky[window], size, _trust(sample))
    arrays = [array[:, ::-1] for array in item[:4]] if rng.random() < 0.5 else list(item[:4])
    return _recoloured(arrays[0], rng), arrays[1], arrays[2], arrays[3], item[4]


def _resized(
    photo: NDArray[np.uint8], root: NDArray[np.uint8], sky: NDArray[np.uint8], size: tuple[int, int], trust: float
) -> _Item:
    known = ((root > _LAND_BYTES) & (sky < 26)).astype(np.float32)
    shrink = size[0] < photo.shape[1]
    how = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    known_small = cv2.resize(known, size, interpolation=how)
    # averaged over known land only, so that the sky's zero never bleeds into a ridge
    root_small = cv2.resize(root.astype(np.float32) * known, size, interpolation=how) / np.maximum(known_small, 1e-3) / 255.0
    return (
        cv2.resize(photo, size, interpolation=how).astype(np.float32) / 255.0,
        root_small.astype(np.float32),
        (known_small > 0.5).astype(np.float32),
        cv2.resize(sky, size, interpolation=how).astype(np.float32) / 255.0,
        trust,
    )


def _recoloured(photo: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    grey = photo.mean(axis=2, keepdims=True)
    saturation = 0.0 if rng.random() < 0.03 else float(rng.uniform(0.6, 1.4))
    out = grey + saturation * (photo - grey)
    out *= rng.uniform(0.92, 1.08, 3).astype(np.float32)
    out = np.clip((out - 0.5) * float(rng.uniform(0.75, 1.25)) + 0.5 + float(rng.normal(0.0, 0.06)), 0.0, 1.0)
    out **= float(np.exp(rng.normal(0.0, 0.2)))
    if rng.random() < 0.15:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.15:
        out += rng.normal(0.0, 0.02, out.shape).astype(np.float32)
    return np.asarray(np.clip(out, 0.0, 1.0), np.float32)


def _stacked(items: Sequence[_Item]) -> Batch:
    photo = torch.from_numpy(np.stack([item[0] for item in items])).permute(0, 3, 1, 2)
    maps = [torch.from_numpy(np.stack([item[k] for item in items]))[:, None] for k in (1, 2, 3)]
    trust = torch.tensor([item[4] for item in items]).reshape(-1, 1, 1, 1)
    return Batch(photo, maps[0], maps[1], maps[2], trust)
