"""ClassicalGenerator: completes views without any training. The fallback when weights are missing, and the baseline to beat.

What it is: holes are filled from the land behind them, far invented views repeat the start photo, far land travels with the
camera (``core.treadmill``) and stretched land gets texture of the photo's strength (``core.detail``). What it is not: it knows
no things. It invents no tree, no new mountain; a long flight passes ever more of the same ground, a canyon drawn out from the
horizon's outline, whose texture is plausible and means nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.detail import DetailStyle, blurred
from core.palette import Palette
from core.generator import RefinedView, WarpedView
from core.prior import Prior, PriorView
from core.pushpull import push_pull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

_SKY = 0.5
_VEIL = 0.2  # sky alpha from which land is a soft skyline
_SHARP, _WORN = 0.06, 0.3  # detail debt below which a pixel is left alone, and from which it is renewed in full
_NEAR_HOLE, _FAR_HOLE = 6.0, 36.0  # pixels from the known within which neighbours, beyond which the prior, decide
_BACKGROUND = 2.0  # power with which farther neighbours outweigh nearer ones when a hole is filled


class ClassicalGenerator:
    """A ``core.generator.Generator`` by push-pull filling, guided by disparity. Deterministic for a given seed and calls."""

    name = "classical"

    def __init__(self) -> None:
        self._prior: Prior | None = None
        self._style: DetailStyle | None = None
        self._palette: Palette | None = None
        self._random = np.random.default_rng(0)

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up palette, texture and layout of ``photo``; ``seed`` varies the invented texture."""
        prior = Prior(photo)
        self._prior = prior
        self._style = DetailStyle(prior.image + mirrored_texture(prior.image, prior.sky < 0.05), prior.disparity, prior.sky)
        self._palette = Palette(prior.image, prior.disparity, prior.sky < _VEIL)
        self._random = np.random.default_rng(seed)

    def __call__(self, view: WarpedView) -> RefinedView:
        """Fill and renew ``view``; pixels with debt below 0.06 come back as they were.

        Raises RuntimeError when called before ``begin``.
        """
        if self._prior is None or self._style is None or self._palette is None:
            raise RuntimeError("ClassicalGenerator was called before begin(photo, seed)")
        height, width = view.mask.shape
        prior = self._prior.view(view.camera, width, height)
        view = _without_leaks(view, prior)
        known = view.mask
        land = known & (view.sky < _SKY)
        reach = np.asarray(cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
        remote = _smoothstep(reach, _NEAR_HOLE, _FAR_HOLE) if known.any() else np.ones_like(view.sky)
        backed = push_pull((view.sky >= _SKY).astype(np.float32)[..., None], known * _behind(view))[..., 0]
        distant = np.maximum(remote, backed)
        sky = np.where(known, view.sky, prior.sky)
        disparity = _filled_disparity(view, land, prior, distant)
        colour = _filled_land(view, land, prior, distant)
        pay = np.where(known, _smoothstep(view.debt, _SHARP, _WORN), 1.0 - remote).astype(np.float32) * (1.0 - sky)
        phase = (int(self._random.integers(-32, 33)), int(self._random.integers(-16, 17)))
        colour = self._style.renew(colour, disparity, pay, phase)
        paid = np.where(known, view.debt * pay, 0.0)
        colour = self._palette.pulled(colour, disparity, paid * (1.0 - sky))
        holes = ~known[..., None]
        image = np.where(holes, colour + sky[..., None] * (view.backdrop - colour), colour)
        image = np.where((sky >= 0.98)[..., None], np.where(holes, view.backdrop, view.image), image)
        debt = np.where(known, view.debt - paid, 0.0)
        return RefinedView(
            np.clip(image, 0.0, 1.0).astype(np.float32),
            np.clip(disparity, 0.01, 1.0).astype(np.float32),
            np.clip(sky, 0.0, 1.0).astype(np.float32),
            debt.astype(np.float32),
        )

def _without_leaks(view: WarpedView, prior: PriorView) -> WarpedView:
    """Forget known sky, and soft skylines, in directions where the photo had nothing but land.

    Sky stays where it is, at infinity; what looks like it elsewhere is the rim of a ridge that came near, and would spread.
    """
    leak = view.mask & (view.sky > _VEIL) & (prior.sky < 0.02)
    keep = ~leak
    return replace(view, image=view.image * keep[..., None], disparity=view.disparity * keep, sky=view.sky * keep, mask=view.mask & keep)


def _filled_disparity(
    view: WarpedView, land: NDArray[np.bool_], prior: PriorView, distant: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Disparity everywhere: a plane in the picture fitted to the ground, plus what differs from it, spread from the background.

    Disparity of a plane is linear in uv, so the plane continues the ground below the frame. Under sky the land is continued.
    """
    height, width = land.shape
    rows = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    ground = np.broadcast_to(_ground(view.disparity, land, rows), (height, width))
    weight = land * _behind(view)
    ratio = np.log(np.maximum(view.disparity, 0.01) / prior.disparity)
    spread = push_pull(np.dstack([view.disparity - ground, ratio]), weight)
    nearby = np.clip(ground + spread[..., 0], 0.01, 1.0)
    beyond = prior.disparity * np.exp(np.minimum(spread[..., 1], 0.0))
    filled = nearby + distant * (beyond - nearby)
    return np.where(land, np.maximum(view.disparity, 0.01), np.clip(filled, 0.01, 1.0)).astype(np.float32)


def _ground(disparity: NDArray[np.float32], land: NDArray[np.bool_], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Disparity by row (h, 1) of a level plane through the land in the lower half of the view; 0 where it rises instead."""
    low = land & (rows > 0.5)
    if low.sum() < 32:
        return np.zeros_like(rows)
    y, d = np.broadcast_to(rows, land.shape)[low], disparity[low]
    slope = float(((y - y.mean()) * (d - d.mean())).sum() / max(float(np.square(y - y.mean()).sum()), 1e-6))
    return np.clip(float(d.mean()) + max(slope, 0.0) * (rows - float(y.mean())), 0.0, 1.0).astype(np.float32)


def _filled_land(
    view: WarpedView, land: NDArray[np.bool_], prior: PriorView, distant: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Land colour everywhere: smooth from the background, textured by the nearest land mirrored into the hole; prior far off."""
    both = push_pull(np.dstack([view.image, view.image - prior.image]), land * _behind(view))
    smooth, cloned = both[..., :3], prior.image + 0.5 * both[..., 3:]
    filled = smooth + mirrored_texture(view.image, land)
    filled += distant[..., None] * (cloned - filled)
    return np.where((land | view.mask)[..., None], view.image, filled).astype(np.float32)


def mirrored_texture(image: NDArray[np.float32], land: NDArray[np.bool_]) -> NDArray[np.float32]:
    """High frequencies of land, reflected into the rest at the nearest land pixel; 0 where the mirror shows no land."""
    height, width = land.shape
    weight = cv2.erode(land.astype(np.float32), np.ones((3, 3), np.uint8))
    smooth = blurred(image * weight[..., None], 3.0) / np.maximum(blurred(weight, 3.0), 0.05)[..., None]
    texture = (image - smooth) * weight[..., None]
    _, labels = cv2.distanceTransformWithLabels(
        (~land).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    y, x = np.nonzero(land)
    if not len(y):
        return np.zeros_like(image)
    at = np.zeros(len(y) + 1, np.int64)
    at[labels[y, x]] = np.arange(len(y))
    nearest = at[labels]
    rows, columns = np.indices(land.shape)
    mirror_y, mirror_x = 2 * y[nearest] - rows, 2 * x[nearest] - columns
    inside = (mirror_y >= 0) & (mirror_y < height) & (mirror_x >= 0) & (mirror_x < width)
    found: NDArray[np.float32] = texture[np.clip(mirror_y, 0, height - 1), np.clip(mirror_x, 0, width - 1)]
    return found * (inside & ~land)[..., None]


def _behind(view: WarpedView) -> NDArray[np.float32]:
    """Weights in (0, 1] that let the background fill a hole: 1 for the farthest known surface in each neighbourhood."""
    disparity = np.where(view.mask, np.where(view.sky < _SKY, view.disparity, 0.005), 1.0).astype(np.float32)
    farthest = cv2.erode(disparity, np.ones((9, 9), np.uint8))
    return np.asarray(((farthest + 0.01) / (disparity + 0.01)) ** _BACKGROUND, np.float32)


def _smoothstep(x: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t)).astype(np.float32)
