"""Push-pull: fill holes smoothly from what is known around them, whatever their size.

A pyramid of weighted means is built (push) and unknown pixels take the finest level that knows something (pull), after Gortler
et al., "The Lumigraph", SIGGRAPH 1996, section 3.4. Weights below 1 let some known pixels speak more softly than others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TINY = 1e-6
_GATHER = 2.0  # a level trusts scattered or soft-spoken pixels this much more than the finer one, up to 1: neighbours decide
_GROUP = 3  # OpenCV averages at most four channels at once, and one of them is the weight


def push_pull(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spread ``values`` (h, w, c) from where ``weights`` (h, w) in [0, 1] are positive over the whole picture.

    Pixels of weight 1 keep their value to rounding; the others move towards their neighbours. Without any positive weight
    the result is 0.
    """
    groups = [values[..., i : i + _GROUP] for i in range(0, values.shape[-1], _GROUP)]
    return np.concatenate([_spread(group, weights) for group in groups], axis=-1)


def _spread(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    levels: list[NDArray[np.float32]] = [np.dstack([values * weights[..., None], weights]).astype(np.float32)]
    while max(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        half = (width + 1) // 2, (height + 1) // 2
        smaller = _resized(levels[-1], half, cv2.INTER_AREA)
        gain = np.minimum(_GATHER, 1.0 / np.maximum(smaller[..., -1:], _TINY))
        levels.append(np.asarray(smaller * gain, np.float32))
    spread = np.asarray(levels[-1][..., :-1] / np.maximum(levels[-1][..., -1:], _TINY), np.float32)
    for level in reversed(levels[:-1]):
        coarse = _resized(spread, (level.shape[1], level.shape[0]), cv2.INTER_LINEAR)
        weight = level[..., -1:]
        spread = np.asarray(coarse + (level[..., :-1] - weight * coarse), np.float32)
    return spread


def _resized(picture: NDArray[np.float32], size: tuple[int, int], interpolation: int) -> NDArray[np.float32]:
    out = cv2.resize(picture, size, interpolation=interpolation)
    return np.asarray(out, dtype=np.float32).reshape(size[1], size[0], -1)
