"""Receding: what is far stays far, so that a flight never ends at the mountains that it began before.

A photo has some thirty scene units in it, and a flight flies them in half a minute: after that its mountains were a wall, its
shore stood before the camera, and its layout was gone. So far land flees as fast as one flies towards it: it grows as slowly as
(z + s) / z over the way s, and is never reached. What is near comes nearer as ever. Between both the land is drawn out and made
anew: ground that never ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.generator import WarpedView

    Floats = NDArray[np.float32]

_FAR, _NEAR = 0.15, 0.35  # disparity up to which land recedes, and from which it comes nearer
_SHARE = 2.0  # of the way towards it that is taken back. At 0.9 mountains fill the view after half a minute


def receding(view: WarpedView, rays: Floats, floor: Floats) -> WarpedView:
    """Return ``view`` with its far land farther away than where it was seen before; its picture stays.

    ``rays`` (h, w, 3) lead through its pixels in the world, 1 deep. Nothing sinks below the ``floor`` (h, w), disparity, and
    nothing moves in a view that was turned alone.

    Raises ValueError when ``view`` does not say what it was sampled from.
    """
    if view.layer is None:
        raise ValueError("this view does not say what it was sampled from: let core.compose.compose make it")
    ways = [view.camera.position - keyframe.camera.position for keyframe in view.layer.keyframes]
    way = np.array([*ways, np.zeros(3)], np.float32)[view.layer.lookup.slot]  # that of a hole, -1, is the last
    disparity = view.disparity
    now = np.square(rays).sum(axis=2)  # squared distances, times squared disparity
    before = now + disparity * (2.0 * (rays * way).sum(axis=2) + disparity * np.square(way).sum(axis=2))
    nearer = np.minimum(now / np.maximum(before, 1e-6), 1.0)
    share = _SHARE * np.clip((_NEAR - disparity) / (_NEAR - _FAR), 0.0, 1.0)
    kept = np.maximum(disparity * nearer ** (0.5 * share), np.minimum(disparity, floor))
    return replace(view, disparity=np.asarray(kept, np.float32))
