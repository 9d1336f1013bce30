"""Atlas: the start photo as what new land is copied from, unfolded: beside the photo lies its mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical.pushpull import push_pull
from core.texels import halvings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

    Floats = NDArray[np.float32]
    Bytes = NDArray[np.uint8]

_FINEST = 2048  # pixels, longest side of the picture that is shown: keyframes are seldom sampled more finely
_CLEAR, _OPAQUE = 0.05, 0.9  # sky alpha up to which a colour is the land's own, and from which nothing is known of it
_COARSEST = 48  # pixels, longest side of what land under sky is continued at


@dataclass(frozen=True, eq=False)
class Atlas:
    """The photo as positions point into it. A position (x, y) is in pixels of ``size``; x from width to 2 width is mirrored."""

    size: tuple[int, int]  # (width, height) of the photo at the density of a view, pixels
    levels: tuple[Bytes, ...]  # (h, w, 4) land without sky and sky alpha, at full resolution, halved, ...
    disparity: Floats  # at ``size``
    sky: Floats  # at ``size``

    @property
    def levels4(self) -> tuple[Bytes, Bytes, Bytes, Bytes]:
        """Four levels, whatever there are: compiled code wants a number."""
        first, second, third, fourth, *_ = (*self.levels, *(self.levels[-1],) * 3)
        return first, second, third, fourth

    @classmethod
    def of(cls, photo: Keyframe, width: int) -> Atlas:
        """Prepare ``photo`` at a density of ``width`` pixels."""
        height = max(16, 8 * round(width * photo.image.shape[0] / photo.image.shape[1] / 8))
        scale = min(1.0, _FINEST / max(photo.image.shape[:2]))
        fine = round(photo.image.shape[1] * scale), round(photo.image.shape[0] * scale)
        image = cv2.resize(photo.image, fine, interpolation=cv2.INTER_AREA)
        sky = np.clip(cv2.resize(photo.sky, fine, interpolation=cv2.INTER_LINEAR), 0.0, 1.0)
        picture = np.dstack([_land(image, sky), np.rint(sky * 255.0).astype(np.uint8)])
        small = (width, height)
        disparity = cv2.resize(photo.disparity, small, interpolation=cv2.INTER_AREA)
        return cls(
            small,
            tuple(np.ascontiguousarray(level) for level in halvings(picture, 32)),
            np.asarray(disparity, np.float32),
            np.asarray(cv2.resize(np.asarray(sky, np.float32), small, interpolation=cv2.INTER_AREA), np.float32),
        )


def _land(image: Bytes, sky: Floats) -> Bytes:
    """Colours (h, w, 3) of the land alone: soft skylines without the sky in them, and land continued under the sky."""
    height, width = sky.shape
    scale = _COARSEST / max(height, width)
    small = max(1, round(width * scale)), max(1, round(height * scale))
    parts = []
    for kept in (sky < _CLEAR, sky > 1.0 - _CLEAR):
        weight = kept.astype(np.float32)
        sums = cv2.resize(np.dstack([image * weight[..., None], weight]), small, interpolation=cv2.INTER_AREA)
        mean = np.asarray(sums[..., :3] / np.maximum(sums[..., 3:], 1e-3), np.float32)
        spread = push_pull(mean, np.minimum(sums[..., 3], 1.0))
        parts.append(cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR))
    land, open_sky = parts
    alpha = sky[..., None]
    unmixed = np.clip((image - alpha * open_sky) / np.maximum(1.0 - alpha, 1.0 - _OPAQUE), 0.0, 255.0)
    known = np.clip((_OPAQUE - alpha) / (_OPAQUE - 0.5), 0.0, 1.0)
    colour = np.where(alpha < _CLEAR, image, land + known * (unmixed - land))
    return np.rint(np.clip(colour, 0.0, 255.0)).astype(np.uint8)
