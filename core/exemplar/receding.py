"""Receding: what is far stays far, so that a flight never ends at the mountains that it began before.

A photo has some thirty scene units in it, and a flight flies them in half a minute: after that its mountains were a wall, its
shore stood before the camera, and its layout was gone. So far land flees as fast as one flies towards it: it grows as slowly as
(z + s) / z over the way s, and is never reached. What is near comes nearer as ever. Between both the land is drawn out and made
anew: ground that never ends.

A photo without sky, of a forest or a gorge, ends sooner: its far end is as near as the middle ground of others, and was a wall
that is zoomed into after six seconds. So there what is far is told by the photo itself, and it flees no farther than it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.classical.fill import SKY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.generator import WarpedView
    from core.keyframe import Keyframe

    Floats = NDArray[np.float32]

_FAR, _NEAR = 0.15, 0.35  # disparity up to which land recedes, and from which it comes nearer
_SHARE = 2.0  # of the way towards it that is taken back. At 0.9 mountains fill the view after half a minute
# per cent of land without sky that is its far end, and times the disparity of that: no farther, far, and the most that far is
_END, _NO_FARTHER, _UP_TO, _AT_MOST = 10.0, 0.9, 1.3, 0.6


class Recession(NamedTuple):
    """Disparity up to which land recedes as fast as one flies, from which it comes nearer, and below which it never sinks."""

    far: float
    near: float
    end: float

    @classmethod
    def of(cls, photo: Keyframe) -> Recession:
        """Say what is far in ``photo``."""
        land = photo.geometry_sky < SKY
        if not (photo.closed and land.any()):
            return cls(_FAR, _NEAR, 0.0)
        end = float(np.percentile(photo.disparity[land], _END))
        far = min(max(_FAR, _UP_TO * end), _AT_MOST)
        return cls(far, max(_NEAR, 2.0 * far), _NO_FARTHER * end)


def receding(view: WarpedView, rays: Floats, floor: Floats, recession: Recession) -> WarpedView:
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
    share = _SHARE * np.clip((recession.near - disparity) / (recession.near - recession.far), 0.0, 1.0)
    lowest = np.minimum(disparity, np.maximum(floor, recession.end))
    kept = np.maximum(disparity * nearer ** (0.5 * share), lowest)
    return replace(view, disparity=np.asarray(kept, np.float32))
