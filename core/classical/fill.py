"""Fill: holes take colour, disparity and texture from the background beside them, and from the prior far away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from core.classical.background import background
from core.classical.detail import blurred
from core.pushpull import push_pull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.prior import PriorView
    from core.generator import WarpedView

    Floats = NDArray[np.float32]

SKY = 0.5  # alpha from which a pixel is sky
_OPEN = 0.4, 0.6  # share of sky in what is behind a hole from which it begins to be, and is, sky
_DISTANCE = 6.0, 36.0  # pixels from the known within which neighbours, beyond which the prior decides
_OUTSIDE = 2.0, 14.0  # the same for colour and sky where holes are not enclosed: what goes on there has a layout of its own
_REMEMBER = 0.7  # of the neighbours' log disparity relative to the prior; at 1 a full turn would end ever farther away
_SURFACE = 1.4  # ratio of disparities in 15 pixels up to which they are one surface
_BEHIND = 0.5  # weight from which a pixel is taken for background
_RIM = np.ones((5, 5), np.uint8)  # beside a hole the background still has a rim of the foreground's colour
_SMOOTH = 5.0  # pixels over which the background is averaged before it is held across a hole, or it would be drawn out to streaks
_ANCHOR = 0.25  # share of the prior's colour in it, or it would wander from view to view
_TINT = 0.2  # most by which known colours shift those of the prior, doubled
_FEET = 0.5  # of the prior's disparity: ground that is nearer than the background by ...
_NEARER = 1.5, 6.0  # ... this much begins to be taken, and is


class Filling(NamedTuple):
    """Whole arrays (h, w[, 3]) float32, as the view has them where it is known."""

    land: Floats  # colour without the sky
    disparity: Floats
    sky: Floats
    remote: Floats  # how far from the known, [0, 1]: at 1 the prior alone decided

    def over(self, view: WarpedView) -> Filling:
        """Return it at twice the resolution around what ``view`` knows."""
        land, disparity, sky, remote = (doubled(part) for part in self)
        solid = view.mask & (view.sky < SKY)
        return Filling(
            np.where(view.mask[..., None], view.image, land),
            np.where(solid, np.clip(view.disparity, 0.01, 1.0), disparity),
            np.where(view.mask, view.sky, sky),
            remote,
        )


class _Behind(NamedTuple):
    """Both (h, w) in [0, 1], as ``core.classical.background`` has them."""

    weight: Floats
    enclosed: Floats


def filled(view: WarpedView, prior: PriorView, enclosed: Floats, scale: float = 1.0) -> Filling:
    """Fill the holes of ``view``, which are ``enclosed`` (h, w) by what is known to this degree; ``scale`` is of distances.

    What a near skyline uncovers is sky, unless the prior has land there.
    """
    behind = _Behind(background(view.disparity, view.mask), enclosed)
    away = remoteness(view.mask, scale)
    remote = away + (1.0 - enclosed) * (remoteness(view.mask, scale, _OUTSIDE) - away)
    on_sky = (view.sky >= SKY).astype(np.float32)
    clean = view.mask & _clean(behind)
    open_sky = _held(on_sky, push_pull(on_sky[..., None], view.mask.astype(np.float32))[..., 0], view.mask, clean, behind)
    near = smoothstep(np.asarray(open_sky * prior.sky, np.float32), *_OPEN)
    sky = near + remote * (prior.sky - near)
    land = view.mask & (on_sky == 0.0)
    source = _farthest(view.disparity, land & clean)
    ground = _ground(view.disparity, land)
    ratio = np.log(np.maximum(view.disparity, 0.01) / prior.disparity)
    textured = land & (behind.weight > _BEHIND)
    smooth, texture = _parted(view.image, textured)
    base = np.where(textured[..., None], smooth, view.image)  # or its texture would come twice, and double from view to view
    spread = push_pull(np.dstack([base, view.disparity, ground, ratio, view.image - prior.image]), land.astype(np.float32))
    spread[..., :4] = _held(np.dstack([view.image, view.disparity]), spread[..., :4], view.mask, source, behind)
    colour = spread[..., :3] + _mirrored(texture, textured)
    cloned = prior.image + 0.5 * np.clip(spread[..., 6:], -_TINT, _TINT)
    nearby = np.clip(spread[..., 3] + (1.0 - behind.enclosed) * (ground - spread[..., 4]), 0.01, 1.0)
    # what goes on behind something does not go on down to the camera's feet: there the prior has ground
    feet = behind.enclosed * smoothstep(_FEET * prior.disparity / nearby, *_NEARER)
    distant, far = (np.maximum(np.maximum(part, open_sky), feet) for part in (remote, away))
    beyond = prior.disparity * np.maximum(np.exp(_REMEMBER * np.minimum(spread[..., 5], 0.0)), _FEET * feet)
    colour += (distant + (1.0 - distant) * behind.enclosed * _ANCHOR)[..., None] * (cloned - colour)
    disparity = nearby + far * (beyond - nearby)
    return Filling(
        np.where(view.mask[..., None], view.image, colour).astype(np.float32),
        np.clip(np.where(land, view.disparity, disparity), 0.01, 1.0).astype(np.float32),
        np.clip(np.where(view.mask, view.sky, sky), 0.0, 1.0).astype(np.float32),
        remote,
    )


def doubled(picture: Floats) -> Floats:
    """Magnify ``picture`` (h, w[, c]) two times."""
    return np.asarray(cv2.resize(picture, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_LINEAR), np.float32)


def remoteness(known: NDArray[np.bool_], scale: float = 1.0, distance: tuple[float, float] = _DISTANCE) -> Floats:
    """How far pixels are from the ``known`` (h, w), [0, 1]: 0 within ``distance``[0], 1 from ``distance``[1], times ``scale``."""
    if not known.any():
        return np.ones(known.shape, np.float32)
    reach = np.asarray(cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    return smoothstep(reach, scale * distance[0], scale * distance[1])


def _held(values: Floats, soft: Floats, known: NDArray[np.bool_], source: NDArray[np.bool_], behind: _Behind) -> Floats:
    """Across holes between known pixels the nearest of ``source`` in ``values`` (h, w[, c <= 4]), elsewhere ``soft``."""
    row, column = np.nonzero((behind.enclosed > 0.0) & ~known)
    if not len(row) or not source.any():
        return soft
    weight = source.astype(np.float32)
    near = (slice(None), slice(None)) if values.ndim == 2 else (slice(None), slice(None), None)
    mean = blurred(values * weight[near], _SMOOTH) / np.maximum(blurred(weight, _SMOOTH), 1e-3)[near]
    y, x = nearest(source)
    out = soft.copy()
    share = behind.enclosed[row, column] if values.ndim == 2 else behind.enclosed[row, column, None]
    out[row, column] += share * (mean[y[row, column], x[row, column]] - out[row, column])
    return out


def _clean(behind: _Behind) -> NDArray[np.bool_]:
    """Where the background (h, w) is seen without the foreground's rim."""
    clean = (behind.weight > _BEHIND).astype(np.uint8)
    return np.asarray(cv2.erode(clean, _RIM, borderType=cv2.BORDER_CONSTANT, borderValue=1)) > 0


def _farthest(disparity: Floats, of: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those in ``of`` that belong to the farthest surface nearby: an average must not reach over an edge."""
    farthest = cv2.erode(np.where(of, disparity, np.float32(1e3)), np.ones((15, 15), np.uint8))
    return of & (disparity <= _SURFACE * farthest)


def _ground(disparity: Floats, land: NDArray[np.bool_]) -> Floats:
    """Disparity (h, w) of a level plane through the land in the lower half of the view; 0 where it rises instead."""
    height = len(land)
    rows = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    low = land & (rows > 0.5)
    if low.sum() < 32:
        return np.zeros(land.shape, np.float32)
    y, d = np.broadcast_to(rows, land.shape)[low], disparity[low]
    slope = float(((y - y.mean()) * (d - d.mean())).sum() / max(float(np.square(y - y.mean()).sum()), 1e-6))
    plane = np.clip(float(d.mean()) + max(slope, 0.0) * (rows - float(y.mean())), 0.0, 1.0)
    return np.broadcast_to(plane, land.shape).astype(np.float32)


def mirrored_texture(image: Floats, land: NDArray[np.bool_]) -> Floats:
    """High frequencies of land, reflected into the rest at the nearest land pixel; 0 where the mirror shows no land."""
    return _mirrored(_parted(image, land)[1], land)


def _parted(image: Floats, land: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Low and high frequencies of land without its rim, where the high ones are 0."""
    weight = np.asarray(cv2.erode(land.astype(np.float32), np.ones((3, 3), np.uint8)), np.float32)
    smooth = blurred(image * weight[..., None], 3.0) / np.maximum(blurred(weight, 3.0), 0.05)[..., None]
    return np.asarray(smooth, np.float32), np.asarray((image - smooth) * weight[..., None], np.float32)


def _mirrored(texture: Floats, land: NDArray[np.bool_]) -> Floats:
    """Reflect ``texture`` into what is not land at the nearest land pixel; 0 where the mirror shows no land."""
    height, width = land.shape
    if land.all() or not land.any():
        return np.zeros_like(texture)
    y, x = nearest(land)
    rows, columns = np.indices(land.shape)
    mirror_y, mirror_x = 2 * y - rows, 2 * x - columns
    inside = (mirror_y >= 0) & (mirror_y < height) & (mirror_x >= 0) & (mirror_x < width)
    found = texture[np.clip(mirror_y, 0, height - 1), np.clip(mirror_x, 0, width - 1)]
    return np.where((inside & ~land)[..., None], found, np.float32(0.0))


def nearest(of: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column (h, w) of the pixel nearest to each among those in ``of``, which must not be empty."""
    y, x = np.nonzero(of)
    _, labels = cv2.distanceTransformWithLabels((~of).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    at = np.zeros(len(y) + 1, np.int64)
    at[labels[y, x]] = np.arange(len(y))
    index = at[labels]
    return y[index], x[index]


def smoothstep(x: Floats, low: float, high: float) -> Floats:
    """0 up to ``low``, 1 from ``high``, smooth between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
