"""ClassicalGenerator: completes views without any training. The fallback when weights are missing, and the baseline to beat.

What it is: small holes are filled from the land behind them, large ones by the start photo seen in that direction
(``core.classical.prior``), so that new land keeps rising beyond every ridge; stretched land gets texture of the photo's strength
(``core.classical.detail``) and the photo's colours for its distance (``core.classical.palette``). What it is not: it knows no
things. It draws no tree and no house; after a minute the ground is plausible texture under the photo's own skyline.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical.detail import DetailStyle, blurred
from core.classical.palette import Palette
from core.classical.prior import Prior, PriorView
from core.classical.pushpull import push_pull
from core.generator import RefinedView, WarpedView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

_SKY = 0.5
_VEIL = 0.2  # sky alpha from which land is a soft skyline
_CRUMB = 0.01  # of the view: islands of land smaller than this are crumbs
_WALL = 1.1  # disparity, and ...
_FEET = 0.25  # ... steepness down, as a tangent, of rays that see a wall rather than the ground underneath
_SHARP, _WORN = 0.06, 0.3  # detail debt below which a pixel is left alone, and from which it is renewed in full
_REACH = 6.0, 36.0  # pixels from the known within which neighbours, beyond which the prior decides
_REMEMBER = 0.7  # of the neighbours' log disparity relative to the prior; at 1 a full turn would end ever farther away
_NEIGHBOURHOOD = 25  # pixels across in which they do; wider holes are remote at their middle
_BACKGROUND = 2.0  # power with which farther neighbours outweigh nearer ones when a hole is filled


class ClassicalGenerator:
    """A ``core.generator.Generator`` by push-pull filling, guided by disparity. The same seed and view give the same picture."""

    name = "classical"

    def __init__(self) -> None:
        self._prior: Prior | None = None
        self._style: DetailStyle | None = None
        self._palette: Palette | None = None
        self._seed = 0

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up palette, texture and layout of ``photo``; ``seed`` varies the invented texture."""
        prior = Prior(photo)
        self._prior = prior
        self._style = DetailStyle(prior.image + mirrored_texture(prior.image, prior.sky < 0.05), prior.disparity, prior.sky)
        self._palette = Palette(prior.image, prior.disparity, prior.sky < _VEIL)
        self._seed = seed % 2**32  # any whole number will do

    def __call__(self, view: WarpedView) -> RefinedView:
        """Fill and renew ``view``; pixels with debt below 0.06 come back as they were.

        Raises RuntimeError when called before ``begin``.
        """
        if self._prior is None or self._style is None or self._palette is None:
            raise RuntimeError("ClassicalGenerator was called before begin(photo, seed)")
        height, width = view.mask.shape
        prior = self._prior.view(view.camera, width, height)
        view = _trusted(view, prior)
        known = view.mask
        distant, remote = _distant(view)
        sky = np.clip(np.where(known, view.sky, prior.sky), 0.0, 1.0)
        disparity = _filled_disparity(view, prior, distant)
        land = _filled_land(view, prior, distant)
        share = np.where(known, _smoothstep(view.debt, _SHARP, _WORN), 1.0 - remote)
        pay = np.asarray(share * (1.0 - sky), np.float32)
        land = self._style.renew(land, disparity, pay, self._shift(view))
        paid = np.asarray(view.debt * pay * known, np.float32)
        land = self._palette.pulled(land, disparity, paid)
        image = np.where(known[..., None], land, land + sky[..., None] * (view.backdrop - land))
        return RefinedView(
            image=np.clip(image, 0.0, 1.0).astype(np.float32),
            disparity=disparity,
            sky=sky.astype(np.float32),
            debt=np.where(known, view.debt - paid, 0.0).astype(np.float32),
        )

    def _shift(self, view: WarpedView) -> tuple[int, int]:
        """Columns and rows by which the texture of this view is displaced: by seed and pose, whatever was asked before."""
        pose = zlib.crc32(view.camera.world_from_camera.tobytes())
        columns, rows = np.random.default_rng((self._seed, pose)).integers((-32, -16), (33, 17))
        return int(columns), int(rows)


def _distant(view: WarpedView) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much a hole belongs to the distance, where the prior decides: behind it is sky, or it reaches far from the known.

    Both answers in [0, 1], (h, w); the second counts the reach alone.
    """
    if not view.mask.any():
        return np.ones_like(view.sky), np.ones_like(view.sky)
    reach = np.asarray(cv2.distanceTransform((~view.mask).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    remote = _smoothstep(reach, *_REACH)
    open_sky = (view.sky >= _SKY).astype(np.float32)[..., None]
    return np.maximum(remote, push_pull(open_sky, view.mask * _behind(view))[..., 0]), remote


def _trusted(view: WarpedView, prior: PriorView) -> WarpedView:
    """Forget what would spoil the views to come.

    Known sky, and soft skylines, in directions where the photo had nothing but land: sky stays where it is, at infinity; what
    looks like it elsewhere is the rim of a ridge that came near, and would spread. Land that stands in the way within an arm's
    length: a disparity above 1 cannot be kept, and a wall pushed along at depth 1 would never end, so one flies through it.
    """
    height, width = view.mask.shape
    rays = view.camera.rays(width, height).astype(np.float32) @ view.camera.rotation[1].astype(np.float32)
    wall = (view.disparity > _WALL) & (rays < _FEET)
    leak = (view.sky > _VEIL) & (prior.sky < 0.02)
    keep = view.mask & ~leak & ~wall
    # the same rim before real sky, and crumbs of land in it, dissolve into the dome
    veil = keep & (((view.sky > _SKY) & (view.debt > _SHARP)) | _crumbs(keep & (view.sky < _SKY), prior))
    image = np.where(veil[..., None], view.backdrop, view.image * keep[..., None])
    sky = np.where(veil, np.float32(1.0), view.sky * keep)
    solid = keep & ~veil
    return replace(view, image=image, disparity=view.disparity * solid, sky=sky, debt=view.debt * solid, mask=keep)


def _crumbs(land: NDArray[np.bool_], prior: PriorView) -> NDArray[np.bool_]:
    """Small islands of land (h, w) where the photo had sky: torn off, they would float over the view for ever."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(land.astype(np.uint8))
    small = np.asarray(statistics)[:, cv2.CC_STAT_AREA] < _CRUMB * land.size
    return land & small[np.asarray(labels)] & (prior.sky > _SKY)


def _filled_disparity(view: WarpedView, prior: PriorView, distant: NDArray[np.float32]) -> NDArray[np.float32]:
    """Disparity everywhere: a plane in the picture fitted to the ground, plus what differs from it, spread from the background.

    Disparity of a plane is linear in uv, so the plane continues the ground below the frame. Under sky the land is continued.
    In the distance it is the prior's, or nearer neighbours would drag a ridge's own depth into the hole behind it.
    """
    land = view.mask & (view.sky < _SKY)
    height, width = land.shape
    rows = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    ground = np.broadcast_to(_ground(view.disparity, land, rows), (height, width))
    weight = land * _behind(view)
    ratio = np.log(np.maximum(view.disparity, 0.01) / prior.disparity)
    spread = push_pull(np.dstack([view.disparity - ground, ratio]), weight)
    nearby = np.clip(ground + spread[..., 0], 0.01, 1.0)
    beyond = prior.disparity * np.exp(_REMEMBER * np.minimum(spread[..., 1], 0.0))
    filled = nearby + distant * (beyond - nearby)
    disparity = np.clip(np.where(land, view.disparity, filled), 0.01, 1.0).astype(np.float32)
    smooth = np.asarray(cv2.medianBlur(disparity, 3), np.float32)  # stray pixels would grow into spikes
    return np.where(view.mask & (view.debt > _SHARP), smooth, disparity)


def _ground(disparity: NDArray[np.float32], land: NDArray[np.bool_], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Disparity by row (h, 1) of a level plane through the land in the lower half of the view; 0 where it rises instead."""
    low = land & (rows > 0.5)
    if low.sum() < 32:
        return np.zeros_like(rows)
    y, d = np.broadcast_to(rows, land.shape)[low], disparity[low]
    slope = float(((y - y.mean()) * (d - d.mean())).sum() / max(float(np.square(y - y.mean()).sum()), 1e-6))
    return np.asarray(np.clip(float(d.mean()) + max(slope, 0.0) * (rows - float(y.mean())), 0.0, 1.0), np.float32)


def _filled_land(view: WarpedView, prior: PriorView, distant: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour everywhere: holes smooth from the background, textured by the nearest land mirrored into them; prior far off."""
    land = view.mask & (view.sky < _SKY)
    both = push_pull(np.dstack([view.image, view.image - prior.image]), land * _behind(view))
    smooth, cloned = both[..., :3], prior.image + 0.5 * both[..., 3:]
    filled = smooth + mirrored_texture(view.image, land)
    filled += distant[..., None] * (cloned - filled)
    return np.where(view.mask[..., None], view.image, filled).astype(np.float32)


def mirrored_texture(image: NDArray[np.float32], land: NDArray[np.bool_]) -> NDArray[np.float32]:
    """High frequencies of land, reflected into the rest at the nearest land pixel; 0 where the mirror shows no land."""
    height, width = land.shape
    y, x = np.nonzero(land)
    if len(y) in (0, land.size):
        return np.zeros_like(image)
    weight = np.asarray(cv2.erode(land.astype(np.float32), np.ones((3, 3), np.uint8)), np.float32)
    smooth = blurred(image * weight[..., None], 3.0) / np.maximum(blurred(weight, 3.0), 0.05)[..., None]
    texture = (image - smooth) * weight[..., None]
    away = (~land).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    at = np.zeros(len(y) + 1, np.int64)
    at[labels[y, x]] = np.arange(len(y))
    nearest = at[labels]
    rows, columns = np.indices(land.shape)
    mirror_y, mirror_x = 2 * y[nearest] - rows, 2 * x[nearest] - columns
    inside = (mirror_y >= 0) & (mirror_y < height) & (mirror_x >= 0) & (mirror_x < width)
    found = texture[np.clip(mirror_y, 0, height - 1), np.clip(mirror_x, 0, width - 1)]
    return np.where((inside & ~land)[..., None], found, np.float32(0.0))


def _behind(view: WarpedView) -> NDArray[np.float32]:
    """Weights in (0, 1] that let the background fill a hole: 1 for the farthest known surface in each neighbourhood."""
    disparity = np.where(view.mask, np.where(view.sky < _SKY, view.disparity, 0.005), 1.0).astype(np.float32)
    farthest = np.asarray(cv2.erode(disparity, np.ones((_NEIGHBOURHOOD, _NEIGHBOURHOOD), np.uint8)), np.float32)
    return np.asarray(((farthest + 0.01) / (disparity + 0.01)) ** _BACKGROUND, np.float32)


def _smoothstep(x: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
