"""Batches for the perception network: random crops, flips, haze and colours of labelled photos, a pure function of (seed, step).

Every photo is seen twice in a batch, as itself and as its mirror image or a part of it: both must get the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from core.edges import nearest_filled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.training.shards import Sample

_LAND_BYTES = 13  # labels below (13 / 255)^2 = 0.0026 are compression noise of the sky's zero, not land (>= 0.01)
_WATER = 0.8  # share of a pixel from which on it is water
_RIM, _BEYOND = 10, 0.5  # pixels of sky beside land in which disparity is to continue, and what they count


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch, float32: ``photo`` (N, 3, H, W) in [0, 1]; the others (N, 1, H, W).

    ``root`` is the square root of disparity in [0, 1], continued across the skyline from the nearest land; ``land`` in {0, 1}
    says where it is known and ``weight`` in [0, 1] what it counts; ``sky`` in [0, 1]; ``trust`` (N, 1, 1, 1) in [0, 1] is
    the weight of the sky label; ``water`` in {0, 1}, -1 where not labelled.

    Entries N/2 + i are second views of entries i, if there are any: ``twin`` (N/2, 2, 3) is the affine map, as
    ``affine_grid`` takes it, of the second view's coordinates to the first's.
    """

    photo: Tensor
    root: Tensor
    land: Tensor
    weight: Tensor
    sky: Tensor
    trust: Tensor
    water: Tensor
    twin: Tensor


def batch_at(samples: Sequence[Sample], step: int, count: int, size: tuple[int, int], seed: int = 0) -> Batch:
    """Return the augmented batch of step ``step``: two views each of ``count`` / 2 samples at ``size`` = (width, height)."""
    rng = np.random.default_rng((seed, step))
    pairs = count // 2
    picks = [samples[_shuffled(len(samples), step * pairs + i, seed)] for i in range(pairs)]
    views = [_views(sample.sky.shape, size, rng) for sample in picks]
    firsts, seconds = (
        [_augmented(sample, view, size, rng) for sample, view in zip(picks, some, strict=True)]
        for some in zip(*views, strict=True)
    )
    return _stacked([*firsts, *seconds], torch.stack([_twin(first, second) for first, second in views]))


def plain_batch(sample: Sample, size: tuple[int, int]) -> Batch:
    """Return one sample, resized to ``size`` = (width, height) and not augmented, as a batch of one."""
    return _stacked([(_resized(sample, np.s_[:, :], size), _trust(sample))], torch.empty(0, 2, 3))


def _shuffled(total: int, position: int, seed: int) -> int:
    """Element ``position`` of an endless sequence of random permutations of range(total)."""
    epoch, place = divmod(position, total)
    return int(np.random.default_rng((seed, 1 << 40, epoch)).permutation(total)[place])


def _trust(sample: Sample) -> float:
    """Doubtful skies count less: two sky networks disagree, or the frame is nearly all sky (Milky Way, fog, waterfalls)."""
    fraction, agreement = float(sample.info["sky"]), float(sample.info["iou"])
    trust = 1.0 if fraction < 0.02 else float(np.clip((agreement - 0.4) / 0.5, 0.05, 1.0))
    return trust * (0.2 if fraction > 0.9 else 1.0)


_Item = tuple[tuple["NDArray[np.float32]", ...], float]  # photo, root, land, weight, sky, water; trust


@dataclass(frozen=True)
class _View:
    """A window of a photo, pixels, and whether it is turned into its mirror image."""

    x: int
    y: int
    width: int
    height: int
    mirrored: bool


def _views(shape: tuple[int, ...], size: tuple[int, int], rng: np.random.Generator) -> tuple[_View, _View]:
    h, w = shape
    aspect = size[0] / size[1] * float(np.exp(rng.normal(0.0, 0.08)))
    largest = min(w, h * aspect)
    first = _window((0, 0, w, h), largest * (1.0 if rng.random() < 0.5 else float(rng.uniform(0.6, 1.0))), aspect, rng)
    if rng.random() < 0.5:
        return first, replace(first, mirrored=not first.mirrored)
    return first, _window((first.x, first.y, first.width, first.height), first.width * float(rng.uniform(0.6, 0.95)), aspect, rng)


def _window(within: tuple[int, int, int, int], width: float, aspect: float, rng: np.random.Generator) -> _View:
    x, y, w, h = within
    cw, ch = max(8, min(w, round(width))), max(8, min(h, round(width / aspect)))
    return _View(x + int(rng.integers(0, w - cw + 1)), y + int(rng.integers(0, h - ch + 1)), cw, ch, bool(rng.random() < 0.5))


def _twin(first: _View, second: _View) -> Tensor:
    """Map the second view's coordinates in [-1, 1] to the first's."""
    turn = -1.0 if first.mirrored else 1.0
    across, down = second.width / first.width, second.height / first.height
    left, top = ((second.x - first.x) / first.width, (second.y - first.y) / first.height)
    return torch.tensor(
        [
            [across if first.mirrored == second.mirrored else -across, 0.0, turn * (2.0 * left + across - 1.0)],
            [0.0, down, 2.0 * top + down - 1.0],
        ]
    )


def _augmented(sample: Sample, view: _View, size: tuple[int, int], rng: np.random.Generator) -> _Item:
    arrays = _resized(sample, np.s_[view.y : view.y + view.height, view.x : view.x + view.width], size)
    if view.mirrored:
        arrays = tuple(array[:, ::-1] for array in arrays)
    photo, root = arrays[:2]
    if rng.random() < 0.12:
        photo = _hazed(photo, root, rng)
    return (_recoloured(photo, rng), *arrays[1:]), _trust(sample)


def _hazed(photo: NDArray[np.float32], root: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Lay haze over land by its depth: haze is no land, and what it hides is as deep as before."""
    air = float(rng.uniform(0.6, 0.95)) + rng.normal(0.0, 0.02, 3).astype(np.float32)
    density = float(rng.uniform(0.1, 0.5))
    veil = np.clip(1.0 - np.exp(-density / np.maximum(np.square(root), 0.05)), 0.0, 0.85)[..., None]
    return np.asarray(photo + veil * (air - photo), np.float32)


def _resized(sample: Sample, window: tuple[slice, slice], size: tuple[int, int]) -> tuple[NDArray[np.float32], ...]:
    photo, root, sky = sample.photo[window], sample.root[window], sample.sky[window]
    known = ((root > _LAND_BYTES) & (sky < 26)).astype(np.float32)
    shrink = size[0] < photo.shape[1]
    how = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    known_small = cv2.resize(known, size, interpolation=how)
    # averaged over known land only, so that the sky's zero never bleeds into a ridge
    root_small = cv2.resize(root.astype(np.float32) * known, size, interpolation=how) / np.maximum(known_small, 1e-3) / 255.0
    land = known_small > 0.5
    weight = np.ones_like(root_small) if sample.weight is None else _shrunk_bytes(sample.weight[window], size)
    beyond = _BEYOND * cv2.dilate(land.astype(np.float32), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8))
    arrays = (
        cv2.resize(photo, size, interpolation=how).astype(np.float32) / 255.0,
        nearest_filled(root_small.astype(np.float32), land),
        land.astype(np.float32),
        weight * np.maximum(land, beyond),
        _shrunk_bytes(sky, size),
        _water(sample, window, size),
    )
    return tuple(np.asarray(array, np.float32) for array in arrays)


def _shrunk_bytes(values: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    how = cv2.INTER_AREA if size[0] < values.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size, interpolation=how), np.float32) / np.float32(255.0)


def _water(sample: Sample, window: tuple[slice, slice], size: tuple[int, int]) -> NDArray[np.float32]:
    """Water 1, land 0, and -1 in between: the labels' own doubt and their stairs at the shore."""
    if sample.water is None:
        return np.full((size[1], size[0]), -1.0, np.float32)
    share = _shrunk_bytes(sample.water[window], size)
    return np.where(share > _WATER, 1.0, np.where(share < 1.0 - _WATER, 0.0, -1.0)).astype(np.float32)


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


def _stacked(items: Sequence[_Item], twin: Tensor) -> Batch:
    photo = torch.from_numpy(np.stack([arrays[0] for arrays, _ in items])).permute(0, 3, 1, 2)
    maps = [torch.from_numpy(np.stack([arrays[k] for arrays, _ in items]))[:, None] for k in range(1, 6)]
    root, land, weight, sky, water = maps
    trust = torch.tensor([trust for _, trust in items]).reshape(-1, 1, 1, 1)
    return Batch(photo, root, land, weight, sky, trust, water, twin)
