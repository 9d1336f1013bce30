"""Texels: a keyframe's picture as everybody samples it, the generator's side on the CPU and the display in OpenGL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

_FAINT = 0.04  # sky alpha that cannot be seen, which a network leaves over a third of the land; without it drawing is faster
_SHORTEST = 32  # pixels of the shorter side beyond which a picture is halved once more
_known: WeakKeyDictionary[Keyframe, list[NDArray[np.uint8]]] = WeakKeyDictionary()


def texels(keyframe: Keyframe) -> list[NDArray[np.uint8]]:
    """Return image with sky as fourth channel, (h, w, 4) uint8, and its halvings; kept as long as the keyframe lives."""
    import cv2

    if keyframe not in _known:
        if keyframe.look is not None:
            picture = keyframe.look.picture(keyframe.camera, keyframe.sky)
            image, sky = picture[..., :3], np.asarray(picture[..., 3].astype(np.float32) / 255.0, np.float32)
        else:
            height, width = keyframe.image.shape[:2]
            image = keyframe.image
            sky = np.asarray(cv2.resize(keyframe.sky, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        firm = np.clip((sky - _FAINT) / (1.0 - 2.0 * _FAINT), 0.0, 1.0)
        _known[keyframe] = halvings(np.dstack([image, np.rint(firm * 255.0).astype(np.uint8)]), _SHORTEST)
    return _known[keyframe]


def halvings(picture: NDArray[Any], above: int) -> list[NDArray[Any]]:
    """Return ``picture`` (h, w, c) and its means over 2x2, 4x4, ... pixels, while the shorter side is longer than ``above``."""
    import cv2

    levels = [picture]
    while min(levels[-1].shape[:2]) > above:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return levels
