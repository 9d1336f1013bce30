"""The treadmill: far land travels with the camera, so that a flight never runs out of land.

A photograph's land ends at depth 100 and its farthest ridge often much nearer. Were all land fixed, forward flight would pass
that ridge and leave only sky. Here land recedes by a share w of the camera's advance, w = 0 for near land, which stays fixed in
the world, rising smoothly to 1 for the farthest land in view, which therefore keeps its place on the horizon as the sky does.
In between the ground is drawn out like dough, and the generator gives it new detail as its debt grows.

Far pixels are read from the previous view itself, not from its warp: land carried in full keeps its pixels bit for bit under
forward flight, where warping out and back would blur it a little every step (about 5 pixels in a hundred steps).
The paper leaves all this to its network, which invents distant land (InfiniteNature-Zero, section 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.generator import RefinedView, WarpedView

_LEAST = np.float32(1e-3)
_LEAST_SHARE = 0.02
_FAR_PERCENTILE = 8.0
_NEAR_SHARE = 0.25  # land nearer than this share of the far depth stays fixed in the world
_TOLERANCE = 0.04  # relative disparity by which a carried surface may differ from the one the world shows
_REACH = 2.0  # a camera that moved farther than this between two calls did not fly: nothing is carried
_FARTHEST = 80.0  # scene units
_MEMORY = 0.95  # of the far depth from one step to the next
_RECEDE = 0.05  # extra share for the farthest land, so that a horizon that came near moves out again


@dataclass(frozen=True, eq=False)
class Carried:
    """What the treadmill brings along, all arrays (h, w[, 3]) of the target view; valid where ``mask``."""

    image: NDArray[np.float32]
    disparity: NDArray[np.float32]
    sky: NDArray[np.float32]
    debt: NDArray[np.float32]
    mask: NDArray[np.bool_]


class Treadmill:
    """Remembers the previous view and carries its far land along."""

    def __init__(self) -> None:
        self._last: tuple[Camera, RefinedView] | None = None
        self._far = self._home = _FARTHEST  # depth at which land is carried in full: now, and in the first view

    @property
    def _recede(self) -> float:
        return _RECEDE if self._far < 0.9 * self._home else 0.0

    def remember(self, camera: Camera, view: RefinedView) -> None:
        """Keep ``view`` for the next step and follow, slowly, how far the land in it reaches."""
        first = self._last is None
        self._last = camera, view
        land = view.disparity[view.sky < 0.5]
        if land.size:
            far = min(_FARTHEST, 1.0 / max(float(np.percentile(land, _FAR_PERCENTILE)), _LEAST))
            self._far = far if first else _MEMORY * self._far + (1.0 - _MEMORY) * far
            self._home = self._far if first else self._home

    def carry(self, view: WarpedView) -> Carried | None:
        """Far land and sky of the previous view as ``view.camera`` should see them; None when there is nothing to carry."""
        if self._last is None:
            return None
        camera, last = self._last
        advance = view.camera.rotation.T @ (view.camera.position - camera.position)
        if np.linalg.norm(advance) > _REACH:
            return None
        height, width = view.mask.shape
        rays = view.camera.rays(width, height).astype(np.float32)
        turn = (camera.rotation.T @ view.camera.rotation).astype(np.float32)
        turned = rays @ turn.T
        here = _projected(turned, camera)
        share = self._share(_sampled(last.disparity, here))
        slip = (1.0 - share)[..., None] * advance.astype(np.float32)  # how far the surface comes nearer
        depth = 1.0 / np.maximum(_sampled(last.disparity, here) * turned[..., 2], _LEAST) - slip[..., 2]
        before = (rays * depth[..., None] + slip) @ turn.T  # where that surface stood in the last camera
        there = _projected(before, camera)
        start = (depth + slip[..., 2]) / np.maximum(_sampled(last.disparity, there) * before[..., 2], _LEAST)
        now, fixed = start - slip[..., 2], start - np.float32(advance[2])
        agrees = ~view.mask | (view.disparity * fixed <= 1.0 + _TOLERANCE)
        inside = ((there >= 0.0) & (there <= 1.0)).all(axis=-1) & (before[..., 2] > 0.0)
        return Carried(
            image=np.clip(_sampled(last.image, there, cv2.INTER_CUBIC), 0.0, 1.0),
            disparity=np.clip(1.0 / np.maximum(now, 1.0), 0.01, 1.0),
            sky=_sampled(last.sky, there),
            debt=_sampled(last.debt, there),
            mask=inside & (share > _LEAST_SHARE) & (now > 1.0) & agrees,
        )

    def _share(self, disparity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Share of the camera's advance by which land recedes: smooth in log depth, 0 near, a little over 1 at the far end."""
        span = np.log(1.0 / _NEAR_SHARE)
        t = np.clip(1.0 - np.log(np.maximum(disparity, _LEAST) * self._far) / span, 0.0, 1.0)
        out: NDArray[np.float32] = (t * t * (3.0 - 2.0 * t) * (1.0 + self._recede)).astype(np.float32)
        return out


def _projected(points: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Points (h, w, 3) in the camera's own frame to uv (h, w, 2); far outside the picture when behind the camera."""
    lens = camera.intrinsics
    depth = np.maximum(points[..., 2], _LEAST)
    u = lens.fx * points[..., 0] / depth + lens.cx
    v = lens.fy * points[..., 1] / depth + lens.cy
    return np.stack([u, v], axis=-1).astype(np.float32)


def _sampled(
    picture: NDArray[np.float32], uv: NDArray[np.float32], interpolation: int = cv2.INTER_LINEAR
) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    x, y = np.clip(uv[..., 0] * width - 0.5, -1e4, 1e4), np.clip(uv[..., 1] * height - 0.5, -1e4, 1e4)
    out = cv2.remap(picture, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32)
