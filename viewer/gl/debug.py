"""Debug pictures: what the warp found, in colours that can be read."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from core.compose import compose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.frame import Frame
    from core.sky import Dome

_SLOTS = np.array([[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [204, 121, 167], [213, 94, 0]], np.uint8)
_HOLE = np.array([255, 0, 255], np.uint8)


class DebugView(IntEnum):
    """What a debug picture shows; the numbers are the keys that choose it."""

    DISPARITY = 1
    SKY = 2
    STRETCH = 3
    HOLES = 4
    KEYFRAME = 5
    LOOKUP = 6


def debug_picture(frame: Frame, dome: Dome, view: DebugView) -> NDArray[np.uint8]:
    """Picture (h, w, 3) uint8 of the newer layer's lookup, at its size; holes are magenta.

    Disparity is turbo over [0, 1], stretch turbo over [1/8, 8] in log2 (green: a source pixel a target pixel), sky its alpha, the
    lookup red = u and green = v.
    """
    layer = frame.newer
    lookup = layer.lookup
    if view is DebugView.DISPARITY:
        picture = _turbo(lookup.disparity)
    elif view is DebugView.STRETCH:
        picture = _turbo(0.5 + np.log2(np.maximum(compose(layer, frame.camera, dome).stretch, 1e-3)) / 6.0)
    elif view is DebugView.SKY:
        picture = _grey(compose(layer, frame.camera, dome).sky)
    elif view is DebugView.HOLES:
        picture = _grey(np.float32(0.25) * lookup.covered)
    elif view is DebugView.KEYFRAME:
        picture = _SLOTS[lookup.slot % len(_SLOTS)]
    else:
        picture = np.dstack([lookup.uv * 255.0, np.full(lookup.slot.shape, 96.0)]).astype(np.uint8)
    picture[~lookup.covered] = _HOLE
    return picture


def _grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.repeat(np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)[..., None], 3, axis=2)


def _turbo(values: NDArray[Any]) -> NDArray[np.uint8]:
    import cv2

    return np.ascontiguousarray(cv2.applyColorMap(_grey(values), cv2.COLORMAP_TURBO)[..., ::-1], dtype=np.uint8)
