"""Texels: a keyframe's picture as it is sampled: by the generator's side on the CPU, and by the display in OpenGL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

    Levels = list[NDArray[np.uint8]]

_FAINT = 0.04  # sky alpha that cannot be seen, which a network leaves over a third of the land; without it drawing is faster
SHORTEST = 32  # pixels of the shorter side beyond which a picture is halved once more
_FIRM = np.rint(np.clip((np.arange(256) / 255.0 - _FAINT) / (1.0 - 2.0 * _FAINT), 0.0, 1.0) * 255.0).astype(np.uint8)
_known: WeakKeyDictionary[Keyframe, Levels] = WeakKeyDictionary()
_shown: WeakKeyDictionary[Keyframe, Levels] = WeakKeyDictionary()  # of keyframes with a look


def texels(keyframe: Keyframe) -> Levels:
    """Return image with sky as fourth channel, (h, w, 4) uint8, and its halvings; kept as long as the keyframe lives."""
    import cv2

    if keyframe not in _known:
        height, width = keyframe.image.shape[:2]
        sky = cv2.resize(keyframe.sky, (width, height), interpolation=cv2.INTER_LINEAR)
        firm = np.clip((sky - _FAINT) / (1.0 - 2.0 * _FAINT), 0.0, 1.0)
        _known[keyframe] = halvings(np.dstack([keyframe.image, np.rint(firm * 255.0).astype(np.uint8)]), SHORTEST)
    return _known[keyframe]


def shown(keyframe: Keyframe) -> Levels:
    """Return the ``texels`` as the display shows them: where the picture is found in the photo, as finely as is wanted.

    Where there is a look that takes 35 ms at 1024x640; they are kept as long as the keyframe lives.
    """
    if keyframe.look is None:
        return texels(keyframe)
    if keyframe not in _shown:
        picture = keyframe.look.picture(keyframe, keyframe.magnification)
        picture[..., 3] = _FIRM[picture[..., 3]]
        _shown[keyframe] = halvings(picture, SHORTEST)
    return _shown[keyframe]


def halvings(picture: NDArray[Any], above: int) -> list[NDArray[Any]]:
    """Return ``picture`` (h, w, c) and its means over 2x2, 4x4, ... pixels, while the shorter side is longer than ``above``."""
    import cv2

    levels = [picture]
    while min(levels[-1].shape[:2]) > above:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return levels
