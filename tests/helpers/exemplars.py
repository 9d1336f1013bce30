"""What tests of exemplar synthesis share: positions, photos without a sky, views flown to."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from core.compose import compose
from core.exemplar.sampling import Patches
from core.frame import Layer
from core.sky import Dome
from core.warp import make_warper, warp

if TYPE_CHECKING:
    from core.generator import WarpedView
    from core.keyframe import Keyframe


def here(width: int, height: int) -> np.ndarray:
    """Every pixel's own centre, (height, width, 2): the positions of a photo that is shown as it is."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5)
    return np.stack([x, y], axis=-1)


def flat(source: np.ndarray) -> Patches:
    """The positions ``source`` (height, width, 2), all on one surface."""
    return Patches(np.ascontiguousarray(source, np.float32), np.full(source.shape[:2], 0.5, np.float32))


def patchwork(width: int, height: int, seed: int = 0, tile: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Positions (height, width, 2) in tiles, each a copy from elsewhere, and how far each was moved, (tiles, 2)."""
    random = np.random.default_rng(seed)
    rows, columns = -(-height // tile), -(-width // tile)
    moves = 16.0 * np.stack([random.permutation(rows * columns), random.permutation(rows * columns)], axis=-1)
    moves = moves.astype(np.float32)
    of = (np.arange(height) // tile)[:, None] * columns + np.arange(width) // tile
    return here(width, height) + moves[of], moves


def landlocked(photo: Keyframe) -> Keyframe:
    """The same picture, all of it land."""
    return replace(photo, sky=np.zeros_like(photo.sky))


@lru_cache(maxsize=8)
def dome_of(photo: Keyframe) -> Dome:
    """The sky of ``photo``, made once."""
    return Dome.of(photo)


def flown(photo: Keyframe, key: Keyframe, camera, size: tuple[int, int]) -> WarpedView:
    """What ``key`` shows ``camera``, under the sky of ``photo``."""
    return compose(Layer((key,), warp((key,), camera, size, make_warper())), camera, dome_of(photo))
