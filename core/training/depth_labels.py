"""One depth label of two teachers' answers: the sharp one's where both agree, else the other's with its edges; water level.

    python -m core.training.depth_labels --data SHARDS --answers ANSWERS --water water.npz --out LABELS

Both teachers know disparity, which keeps planes planes, up to scale and shift at most, so all is done in it. Label files
``ID.npz`` hold ``root`` uint8 = 255 * sqrt(disparity), 97th percentile of land at 0.8, continued under the sky, and
``weight`` uint8 = 255 * what it counts: less where the teachers disagree and each of them is sure of itself.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from core.edges import GuidedFilter, land_extended, snapped
from core.errors import TrainingError
from core.perception import FAR_PERCENTILE, FAR_SHIFT, LEAST_DISPARITY, NEAR_LAND, NEAR_PERCENTILE
from core.training.depth_teachers import Answers
from core.training.perception_losses import rank_correlation
from core.training.shards import Sample, labelled_shards, read_shards
from core.training.water_labels import with_water
from core.water import levelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_OFFSET = 0.15  # of the nearest land, added to TCMonoDepth: then far land has the disparity, on average, that the other gives it
_RIM = 5  # pixels of land at the skyline that the teachers' soft edges spoil
_WINDOW = 1 / 24  # radius, of the longer side, within which one teacher's edges carry the other's depth
_SMOOTH = 4e-4  # variance of disparity below which a window of the sharp teacher is flat
_COLOUR = 0.15  # of the photo's colours in the guide: edges the sharp teacher has beside the photo's are drawn to them
_BELIEVED = 0.5, 0.75  # rank correlation from which the sharp teacher is believed, and from which alone
_DOUBT = 0.6  # rank correlation of the teachers below which a photo's label is doubtful
_LEAST_WEIGHT = 0.35
_SURE_WATER = 200  # of 255: both mirror images are called water there


@dataclass(frozen=True, eq=False)
class DepthLabel:
    """Disparity in [0.01, 1] and its weight in [0, 1], float32 (h, w); ``agreement``: rank correlation of the teachers."""

    disparity: NDArray[np.float32]
    weight: NDArray[np.float32]
    agreement: float


def blended(sample: Sample, answers: Answers) -> DepthLabel:
    """Make the label of a photo; its water is that of ``sample.water``, if labelled."""
    size = (sample.sky.shape[1], sample.sky.shape[0])
    sky = sample.sky.astype(np.float32) / np.float32(255.0)
    photo = sample.photo.astype(np.float32) / np.float32(255.0)
    inner = cv2.erode((sky < 0.5).astype(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)).astype(bool)
    if not inner.any():
        inner = np.ones_like(inner)
    sharp = [_on_land(np.exp(answer - answers.sharp.max()), size, sky, inner) for answer in answers.sharp]
    plane = [_on_land(answer, size, sky, inner, _OFFSET) for answer in answers.plane]
    guide, source = np.mean(sharp, axis=0), np.mean(plane, axis=0)
    agreement = _agreement(guide, source, inner)
    even = _guided(source, guide, photo)
    believed = float(np.clip((agreement - _BELIEVED[0]) / (_BELIEVED[1] - _BELIEVED[0]), 0.0, 1.0))
    crisp = snapped(even + np.float32(believed) * (guide - even), photo)
    flat = _with_level_water(crisp, sample.water, sky)
    disparity = np.clip(land_extended(flat, sky, rim=1), LEAST_DISPARITY, 1.0)
    return DepthLabel(disparity.astype(np.float32), _weight(sharp, disparity, inner, agreement), agreement)


def _on_land(
    answer: NDArray[np.float32],
    size: tuple[int, int],
    sky: NDArray[np.float32],
    inner: NDArray[np.bool_],
    shift: float = 0.0,
) -> NDArray[np.float32]:
    """One answer at the photo's size, its land continued into the sky, its near land at 0.8."""
    full = np.asarray(cv2.resize(answer, size, interpolation=cv2.INTER_CUBIC), np.float32)
    land = land_extended(full, sky, rim=_RIM)
    near = float(np.percentile(land[inner], NEAR_PERCENTILE))
    return np.asarray((land / max(near, 1e-6) + shift) * (NEAR_LAND / (1.0 + shift)), np.float32)


def _guided(source: NDArray[np.float32], guide: NDArray[np.float32], photo: NDArray[np.float32]) -> NDArray[np.float32]:
    grey = photo.mean(axis=2)
    colours = (grey, photo[..., 2] - photo[..., 0])
    stack = np.stack([guide, *(_COLOUR * colour for colour in colours)], axis=-1).astype(np.float32)
    return GuidedFilter(stack, max(4, round(_WINDOW * max(source.shape))), _SMOOTH)(source)


def _with_level_water(
    disparity: NDArray[np.float32], water: NDArray[np.uint8] | None, sky: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Level what is surely water, with the far land near zero as in flight, so that a lake's plane ends at the horizon."""
    land = disparity[sky < 0.5]
    if water is None or land.size == 0:
        return disparity
    far = np.float32(FAR_SHIFT * np.percentile(land, FAR_PERCENTILE))
    sure = (water > _SURE_WATER).astype(np.float32)
    change = levelled(disparity - far, sure, sky) + far - disparity
    # what stands on a ragged far shore is pushed back column by column: the same for all of a mountain
    sigma = 0.5 * _WINDOW * max(disparity.shape)
    dry = 1.0 - sure
    even = cv2.GaussianBlur(change * dry, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(dry, (0, 0), sigma), 1e-3)
    return np.asarray(disparity + np.where(sure > 0.0, change, even), np.float32)


def _weight(
    sharp: Sequence[NDArray[np.float32]], label: NDArray[np.float32], inner: NDArray[np.bool_], agreement: float
) -> NDArray[np.float32]:
    """Return what each pixel counts: less where the sharp teacher objects, as far as it says the same of the mirror image."""
    aligned = _aligned(np.mean(sharp, axis=0), label, inner)
    objection = _blurred(np.abs(np.sqrt(np.maximum(aligned, 0.0)) - np.sqrt(label)))
    doubt = _unwavering(sharp) * np.clip((objection - 0.08) / 0.25, 0.0, 1.0)
    photo = 1.0 - 0.5 * _steadiness(sharp, inner) * float(np.clip((_DOUBT - agreement) / _DOUBT, 0.0, 1.0))
    return np.asarray(np.clip(photo * (1.0 - doubt), _LEAST_WEIGHT, 1.0), np.float32)


def _aligned(answer: NDArray[np.float32], to: NDArray[np.float32], inner: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return ``answer`` with the mean and the spread of ``to``: unlike a fit, never flat or upside down where they disagree."""
    spread = to[inner].std() / max(float(answer[inner].std()), 1e-6)
    return np.asarray((answer - answer[inner].mean()) * spread + to[inner].mean(), np.float32)


def _steadiness(sharp: Sequence[NDArray[np.float32]], inner: NDArray[np.bool_]) -> float:
    """Rank correlation of the sharp teacher with itself on the mirror image, at least 0."""
    return max(0.0, _agreement(sharp[0], sharp[1], inner))


def _agreement(a: NDArray[np.float32], b: NDArray[np.float32], inner: NDArray[np.bool_]) -> float:
    """Rank correlation, 0 where one of them sees no depth at all."""
    return float(np.nan_to_num(rank_correlation(a[inner], b[inner])))


def _unwavering(sharp: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """1 where the sharp teacher says the same of the mirror image, towards 0 where it does not."""
    roots = [np.sqrt(np.maximum(answer, 0.0)) for answer in sharp]
    return np.asarray(np.exp(-_blurred(np.abs(roots[0] - roots[1])) / np.float32(0.08)), np.float32)


def _blurred(x: NDArray[np.float32]) -> NDArray[np.float32]:
    side = 2 * max(2, round(0.5 * _WINDOW * max(x.shape))) + 1
    return np.asarray(cv2.blur(x, (side, side)), np.float32)


def save(label: DepthLabel, path: Path) -> None:
    """Write a label file, replacing it in one move."""
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(partial, root=_bytes(np.sqrt(label.disparity)), weight=_bytes(label.weight))
    partial.replace(path)


def _bytes(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(255.0 * x).astype(np.uint8)


def with_depth(samples: Sequence[Sample], folder: Path | None) -> list[Sample]:
    """Give samples the label files of ``folder``; without one, they keep the depth of their shards.

    Raises TrainingError if a photo has no label there.
    """
    if folder is None:
        return list(samples)
    return [_labelled(sample, folder / f"{sample.info['id']}.npz") for sample in samples]


def _labelled(sample: Sample, path: Path) -> Sample:
    try:
        with np.load(path) as file:
            return replace(sample, root=file["root"], weight=file["weight"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(f"label {path} cannot be read ({error}): make it with core.training.depth_labels") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and label every photo that has answers."""
    parser = argparse.ArgumentParser(prog="python -m core.training.depth_labels", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--answers", type=Path, required=True, help="folder that core.training.depth_teachers wrote")
    parser.add_argument("--water", type=Path, help="water labels made by core.training.water_labels")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    for shard in labelled_shards(args.data):
        for sample in tqdm(with_water(read_shards([shard]), args.water), desc=shard.name, disable=None):
            name = f"{sample.info['id']}.npz"
            if not (args.out / name).exists():
                save(blended(sample, Answers.load(args.answers / name)), args.out / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
