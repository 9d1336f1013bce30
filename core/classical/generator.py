"""ClassicalGenerator: completes views without any training. The fallback when weights are missing, and the baseline to beat.

What it is: small holes are filled from the land behind them, large ones by the start photo seen in that direction
(``core.classical.prior``), so that new land keeps rising beyond every ridge; stretched land gets texture of the photo's strength
(``core.classical.detail``) and the photo's colours for its distance (``core.classical.palette``). What it is not: it knows no
things. It draws no tree and no house; after a minute the ground is plausible texture under the photo's own skyline.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical.background import enclosed, without_specks
from core.classical.detail import DetailStyle
from core.classical.fill import SKY, doubled, filled, mirrored_texture, remoteness, smoothstep
from core.classical.first_sight import sky_behind
from core.classical.palette import Palette
from core.classical.prior import Prior, PriorView
from core.generator import RefinedView, WarpedView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

_VEIL = 0.2  # sky alpha from which land is a soft skyline
_CRUMB, _DUST = 0.01, 0.001  # of the view: islands of land smaller than this are crumbs
_WALL = 1.1  # disparity, and ...
_FEET = 0.25  # ... steepness down, as a tangent, of rays that see a wall rather than the ground underneath
_SHARP = 0.15  # detail debt below which a pixel is as it was first seen
RENEWAL = _SHARP, 0.6  # debt from which a pixel is renewed, and from which in full


@dataclass(frozen=True, eq=False)
class Completion:
    """A whole view in its parts; arrays (h, w[, 3]) float32."""

    view: WarpedView  # without what is not to be trusted
    land: NDArray[np.float32]  # what is known as it is seen, soft sky included; elsewhere land alone
    disparity: NDArray[np.float32]  # [0.01, 1]
    sky: NDArray[np.float32]  # [0, 1]
    debt: NDArray[np.float32]
    need: NDArray[np.float32]  # [0, 1]: how much a pixel wants new detail, 1 in holes, 0 where it is sharp
    free: NDArray[np.float32]  # [0, 1]: the photo's sky that holes must not stand before
    enclosed: NDArray[np.float32]  # [0, 1]: how much a hole lies between what is known
    photo: Keyframe  # the flight's start photo


class ClassicalGenerator:
    """A ``core.generator.Generator`` by push-pull filling, guided by disparity. The same seed and view give the same picture."""

    name = "classical"
    sky = True

    def __init__(self, renewal: tuple[float, float] = RENEWAL) -> None:
        """``renewal``: detail debt from which a known pixel is renewed, and from which in full."""
        self._renewal = renewal
        self._photo: Keyframe | None = None
        self._prior: Prior | None = None
        self._style: DetailStyle | None = None
        self._palette: Palette | None = None
        self._seed = 0

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up palette, texture and layout of ``photo``; ``seed`` varies the invented texture."""
        prior = Prior(photo)
        self._photo, self._prior = photo, prior
        self._style = DetailStyle(prior.image + mirrored_texture(prior.image, prior.sky < 0.05), prior.disparity, prior.sky)
        self._palette = Palette(prior.image, prior.disparity, prior.sky < _VEIL)
        self._seed = seed % 2**32  # any whole number will do

    def __call__(self, view: WarpedView) -> RefinedView:
        """Fill and renew ``view``; pixels with less debt than ``renewal`` come back as they were.

        Raises RuntimeError when called before ``begin``.
        """
        done = self.complete(view)
        backdrop = done.view.backdrop
        image = np.where(done.view.mask[..., None], done.land, done.land + done.sky[..., None] * (backdrop - done.land))
        return RefinedView(np.clip(image, 0.0, 1.0).astype(np.float32), done.disparity, done.sky, done.debt)

    def fill(self, view: WarpedView, *, coarse: bool = False) -> Completion:
        """Complete ``view`` and renew nothing: holes are smooth. Raises RuntimeError when called before ``begin``.

        Holes may be filled at half the resolution, ``coarse``, if sides are even: in 14 ms instead of 38 at 256x160.
        """
        if self._photo is None or self._prior is None:
            raise RuntimeError("ClassicalGenerator was called before begin(photo, seed)")
        coarse = coarse and not any(side % 2 for side in view.mask.shape)
        scale = 0.5 if coarse else 1.0
        small = halved(view) if coarse else view
        prior, inside = self._seen(small, scale)
        view = _trusted(view, PriorView(*(doubled(part) for part in prior)) if coarse else prior)
        small = halved(view) if coarse else view
        known = view.mask
        if self._photo.closed:  # behind a wall that one flies through the photo begins anew
            prior, inside = self._seen(small, scale, anew=True)
        filling = filled(small, prior, inside, scale)
        if coarse:
            filling = filling.over(view)
            prior, inside = PriorView(*(doubled(part) for part in prior)), doubled(inside)
        disparity = _without_spikes(filling.disparity, known & (view.debt > _SHARP))
        free = sky_behind(self._photo, view.camera, disparity, ~known & (prior.sky >= SKY))
        sky = np.maximum(filling.sky, free)
        need = np.where(known, np.float32(0.0), np.float32(1.0) - filling.remote)
        return Completion(view, filling.land, disparity, sky, view.debt, need, free, inside, self._photo)

    def _seen(self, view: WarpedView, scale: float, *, anew: bool = False) -> tuple[PriorView, NDArray[np.float32]]:
        """Return the prior as ``view`` sees it, and how much holes are enclosed; ``anew`` it is whole away from the known."""
        assert self._prior is not None  # noqa: S101 - asked for by ``fill`` alone
        inside = enclosed(view.mask)
        outside = np.maximum(1.0 - inside, remoteness(view.mask, scale)) if anew else 1.0 - inside
        height, width = view.mask.shape
        return self._prior.view(view.camera, width, height, outside), inside

    def positions(self, view: WarpedView) -> NDArray[np.float32]:
        """Where in the photo what fills large holes is taken from, (h, w, 2): see ``Prior.positions``."""
        if self._prior is None:
            raise RuntimeError("ClassicalGenerator was called before begin(photo, seed)")
        return self._prior.positions(view.camera, *view.mask.shape[::-1])

    def complete(self, view: WarpedView) -> Completion:
        """Do the same, and return the parts of the picture. Raises RuntimeError when called before ``begin``."""
        done = self.fill(view)
        if self._style is None or self._palette is None:
            raise RuntimeError("ClassicalGenerator was called before begin(photo, seed)")
        view, known = done.view, done.view.mask
        worn = smoothstep(view.debt, *self._renewal) * known
        pay = np.asarray(np.where(known, worn, done.need) * (1.0 - done.sky), np.float32)
        land = self._style.renew(done.land, done.disparity, pay, self._shift(view))
        paid = np.asarray(view.debt * pay * known, np.float32)
        land = self._palette.pulled(land, done.disparity, paid)
        debt = np.where(known, view.debt - paid, 0.0).astype(np.float32)
        return replace(done, land=land, debt=debt, need=np.where(known, worn, np.float32(1.0)))

    def _shift(self, view: WarpedView) -> tuple[int, int]:
        """Columns and rows by which the texture of this view is displaced: by seed and pose, whatever was asked before."""
        pose = zlib.crc32(view.camera.world_from_camera.tobytes())
        columns, rows = np.random.default_rng((self._seed, pose)).integers((-32, -16), (33, 17))
        return int(columns), int(rows)


def halved(view: WarpedView) -> WarpedView:
    """Return ``view`` at half the resolution: means of what is known; of disparities the farthest, as the background goes on."""
    parts = np.dstack([view.image, view.sky, view.debt, view.mask.astype(np.float32)])
    sums = np.asarray(cv2.resize(parts, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
    mask = sums[..., 5] > 0.0
    mean = np.asarray(sums[..., :5] / np.where(mask, sums[..., 5], np.float32(1.0))[..., None], np.float32)
    on_sky = mean[..., 3] >= SKY
    land = np.where(view.mask & (view.disparity > 0.0), view.disparity, np.inf)
    rows, columns = land.shape[0] // 2, land.shape[1] // 2
    farthest = land[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).min(axis=(1, 3))
    disparity = np.where(mask & ~on_sky & np.isfinite(farthest), farthest, 0.0)
    backdrop = cv2.resize(view.backdrop, (columns, rows), interpolation=cv2.INTER_AREA)
    image, sky, debt = (np.asarray(part, np.float32) for part in (mean[..., :3], mean[..., 3], mean[..., 4]))
    return replace(
        view, image=image, disparity=disparity.astype(np.float32), sky=sky, debt=debt, mask=mask, backdrop=np.asarray(backdrop)
    )


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
    keep = without_specks(view.mask & ~leak & ~wall)
    # the same rim before real sky, and crumbs of land in it, dissolve into the dome
    veil = keep & (((view.sky > SKY) & (view.debt > _SHARP)) | _crumbs(keep & (view.sky < SKY), keep & (view.sky >= SKY), prior))
    image = np.where(veil[..., None], view.backdrop, view.image * keep[..., None])
    sky = np.where(veil, np.float32(1.0), view.sky * keep)
    solid = keep & ~veil
    return replace(view, image=image, disparity=view.disparity * solid, sky=sky, debt=view.debt * solid, mask=keep)


def _crumbs(land: NDArray[np.bool_], on_sky: NDArray[np.bool_], prior: PriorView) -> NDArray[np.bool_]:
    """Small islands of land (h, w) in the sky: torn off, they would float over the view for ever.

    Where the photo had land they may be peaks behind a hole; only the smallest are not.
    """
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(land.astype(np.uint8))
    area = np.asarray(statistics)[:, cv2.CC_STAT_AREA][np.asarray(labels)]
    beside = np.asarray(cv2.dilate(on_sky.astype(np.uint8), np.ones((7, 7), np.uint8))) > 0
    return land & ((area < _CRUMB * land.size) & (prior.sky > SKY) | (area < _DUST * land.size) & beside)


def _without_spikes(disparity: NDArray[np.float32], worn: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Take the median where ``worn``: stray pixels would grow into spikes."""
    return np.where(worn, np.asarray(cv2.medianBlur(disparity, 3), np.float32), disparity)
