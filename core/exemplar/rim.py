"""Rims: a skyline that patches make in many small pieces is shown even.

Each piece would bring its own bit of the photo's skyline, magnified: teeth, and scraps of the bright edge that land has there.
What was deep in the photo's land keeps its texture: averaged as well, it made smooth grey caps on the ridges of rock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical.fill import SKY
from core.exemplar.sampling import borders, mix
from core.keyframe import eight_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]

_AROUND, _TORN = (7, 5), (0.1, 0.3)  # pixels, width and height, and the share of borders in them from which, and at which fully
_REACH = np.ones((13, 7), np.uint8)  # pixels around sky in which it counts
_SEEN = np.ones((5, 5), np.uint8)  # pixels around land in which it is seen
_EVEN = 2.0  # pixels, sigma, over which land's colours are averaged
_PAD = 6  # rows around those that they are averaged with
_LEAST = 0.02  # weight of what is torn in that, where there is nothing else
_STEEP = 0.5  # contrast of the edge, by magnification: it stays two pixels wide


def evened_rim(picture: Bytes, source: Floats, land: Floats, there: Floats, beside: Floats, sky: Floats) -> None:
    """Even torn skylines in ``picture`` (n h, n w, 4), colours and sky, which shows the photo at ``source`` (h, w, 2).

    That has the colours ``land`` (h, w, 3), [0, 255], toned, and the sky ``there`` (h, w), and lies ``beside`` (h, w) sky,
    all of it at 1: only there are its colours evened. ``sky`` (h, w) is what is wanted.
    """
    torn = _torn(source) * ((cv2.dilate(sky, _REACH) >= SKY) & (cv2.erode(sky, _SEEN) < 1.0))
    rows = np.flatnonzero(torn.any(axis=1))
    if not len(rows):
        return
    scale, width = len(picture) // len(sky), picture.shape[1]
    first, last = max(int(rows[0]) - _PAD, 0), min(int(rows[-1]) + 1 + _PAD, len(sky))
    torn, land, there, beside, sky = (part[first:last] for part in (torn, land, there, beside, sky))
    whole = np.square(1.0 - there) * (1.0 + _LEAST - torn) * (sky < SKY)
    sums, weights = (cv2.GaussianBlur(part, (0, 0), _EVEN) for part in (land * whole[..., None], whole))
    colours = np.clip(sums / np.maximum(weights, 1e-6)[..., None], 0.0, 255.0).astype(np.uint8)
    size = width, scale * len(sky)
    even, share, pale = (
        np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR))
        for part in (np.dstack([colours, eight_bit(sky)]), torn, beside)
    )
    index = np.flatnonzero(share).astype(np.int32)
    at, flat = index + np.int32(scale * first * width), picture.reshape(-1, 4)
    other = np.asarray(even.reshape(-1, 4)[index], np.uint8)
    own = flat[at, :3].astype(np.float32)
    other[:, :3] = np.rint(own + pale.ravel()[index, None] * (other[:, :3] - own))
    other[:, 3] = _steep(scale)[other[:, 3]]
    mix(flat, at, other, share.ravel()[index].astype(np.float32))


def _torn(source: Floats) -> Floats:
    """How much of what is around each pixel (h, w) is borders of patches, [0, 1]."""
    meeting = np.empty(source.shape[:2], np.float32)
    borders(source, meeting)
    share = cv2.boxFilter(meeting, -1, _AROUND)
    return np.asarray(np.clip((share - _TORN[0]) / (_TORN[1] - _TORN[0]), 0.0, 1.0), np.float32)


def _steep(scale: int) -> Bytes:
    """Alpha (256,) by alpha with the contrast of a sharp edge that was magnified ``scale`` times."""
    alpha = np.arange(256, dtype=np.float32) / np.float32(255.0)
    return eight_bit(np.clip((alpha - SKY) * max(_STEEP * scale, 1.0) + SKY, 0.0, 1.0).astype(np.float32))
