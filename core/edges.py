"""Maps made crisp: a network's soft answer follows the edges of the photograph it was asked about.

Images (h, w, 3) float32 in [0, 1], maps (h, w) float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_STEP = 0.03  # of disparity: smaller steps move less than a pixel apart in a stride of flight
_RAMPS = (0.04, 0.02, 0.01, 0.006)  # of the longer side, radii of ramps in the disparity map; wider ones are slopes
_OVER, _STEP = 2, (1.25, 0.01)  # pixels by which what is near grows; how many times nearer it is, and by how much more
_REACH, _FEW = 12, 0.02  # pixels from an edge of depth up to which twigs are looked for, share of these that must be known
_MUCH = 0.1  # of disparity that what they grow from is nearer than what is behind: mist before far hills has no twigs
_FOREIGN = 2.5, 0.1  # deviations of colour from what is behind, and least distance in RGB, from which it is something else
_CERTAIN, _SUMMIT = 0.3, 0.01  # sky up to which land is certain; share of the picture from which it can be a summit above clouds
_DOUBT, _SURE = 0.1, 0.95  # of a patch of sky: where it begins, and what it must reach somewhere to be believed


def resized(array: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize to ``size`` = (width, height): averaging when shrinking, bilinear when growing."""
    shrink = size[0] * size[1] < array.shape[0] * array.shape[1]
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR), np.float32)


def _box(array: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    side = 2 * radius + 1
    return np.asarray(cv2.boxFilter(array, -1, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


class GuidedFilter:
    """The guided filter with a colour guide (He, Sun and Tang, 2013, eq. 19-21), its statistics computed once a guide."""

    def __init__(self, guide: NDArray[np.float32], radius: int, epsilon: float) -> None:
        self._guide, self._radius = guide, radius
        self._mean = _box(guide, radius)
        pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        a, b, c, d, e, f = (
            _box(guide[..., i] * guide[..., j], radius) - self._mean[..., i] * self._mean[..., j] + (epsilon if i == j else 0.0)
            for i, j in pairs
        )
        # inverse of the symmetric covariance [[a, b, c], [b, d, e], [c, e, f]] by its cofactors
        cofactors = (d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b)
        determinant = a * cofactors[0] + b * cofactors[1] + c * cofactors[2]
        self._inverse = [cofactor / determinant for cofactor in cofactors]

    def coefficients(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the local linear model of ``source`` in the guide's colours, (h, w, 4): three slopes and an offset."""
        mean = _box(source, self._radius)
        r, g, b = (_box(self._guide[..., k] * source, self._radius) - self._mean[..., k] * mean for k in range(3))
        rr, rg, rb, gg, gb, bb = self._inverse
        slopes = np.stack([rr * r + rg * g + rb * b, rg * r + gg * g + gb * b, rb * r + gb * g + bb * b], axis=-1)
        offset = mean - np.einsum("hwk,hwk->hw", slopes, self._mean)
        return _box(np.concatenate([slopes, offset[..., None]], axis=-1), self._radius)

    def __call__(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``source`` smoothed, its edges where the guide has edges."""
        return applied(self.coefficients(source), self._guide)


def applied(coefficients: NDArray[np.float32], guide: NDArray[np.float32]) -> NDArray[np.float32]:
    """Evaluate a guided filter's linear model on a guide of any size (the fast guided filter's upsampling)."""
    h, w = guide.shape[:2]
    if coefficients.shape[:2] != (h, w):
        coefficients = np.asarray(cv2.resize(coefficients, (w, h), interpolation=cv2.INTER_LINEAR))
    return np.asarray(np.einsum("hwk,hwk->hw", coefficients[..., :3], guide) + coefficients[..., 3], np.float32)


def crisp_sky(sky: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring a sky probability to the resolution and the skyline of the image ``high``.

    ``low`` is the same image at the size at which the linear model is fitted. Only a band about the skyline is touched, so
    that clouds and snow keep the network's verdict.
    """
    h, w = low.shape[:2]
    # certain is certain: sky at 0.95 would leave a ghost of itself on the land
    coarse = resized(np.clip((sky - 0.06) / 0.88, 0.0, 1.0).astype(np.float32), (w, h))
    model = GuidedFilter(low, 4, 1e-4).coefficients(coarse)
    fine = np.clip((applied(model, high) - 0.5) * 1.6 + 0.5, 0.0, 1.0)
    kernel = np.ones((9, 9), np.uint8)
    band = cv2.dilate(coarse, kernel) - cv2.erode(coarse, kernel)
    size = (high.shape[1], high.shape[0])
    weight = resized(np.clip(cv2.blur(band, (5, 5)) * 2.0 - 0.4, 0.0, 1.0).astype(np.float32), size)
    return np.asarray(np.clip(weight * fine + (1.0 - weight) * resized(coarse, size), 0.0, 1.0), np.float32)


def without_islands(sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """Drop patches of sky (h, w) that do not reach the top edge, unless the network is sure of them.

    Sky between branches is bright and sure; haze, snow and reflections that pass for sky in the midst of land are not.
    """
    count, labels = cv2.connectedComponents((sky > _DOUBT).astype(np.uint8), connectivity=8)
    surest = np.zeros(count, np.float32)
    np.maximum.at(surest, np.asarray(labels, np.intp), sky)
    keep = surest > _SURE
    keep[labels[0]] = True
    keep[0] = True  # the land itself, where sky is below the threshold
    return np.where(keep[labels], sky, np.minimum(sky, 0.1)).astype(np.float32)


def without_floating_land(sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let land that has sky (h, w) all around be sky: a summit above clouds, a bird, a balloon. It would float past as a scrap.

    Clouds below a summit that pass for half land do not hold it, but the tips of trees are no summits. The largest piece of land
    stays, wherever it is.
    """
    for certain, least in ((0.5, 0.0), (_CERTAIN, _SUMMIT)):
        labels, statistics = (
            np.asarray(found) for found in cv2.connectedComponentsWithStats((sky < certain).astype(np.uint8))[1:3]
        )
        if len(statistics) < 3:  # one piece, or none
            continue
        area = statistics[:, cv2.CC_STAT_AREA]
        floats = area >= least * sky.size
        for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1], 1 + np.argmax(area[1:])):
            floats[border] = False
        floats[0] = False
        if floats.any():
            parts = floats[labels], (labels > 0) & ~floats[labels]
            away = [cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, 5) for part in parts]
            sky = np.where(away[0] < away[1], np.float32(1.0), sky)  # soft sky goes with what is nearer
    return sky


def nearest_filled(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give every unknown pixel of (h, w) ``values`` that of the nearest known one; without any known pixel, return ``values``."""
    if known.all() or not known.any():
        return values
    _, labels = cv2.distanceTransformWithLabels((~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros(int(labels.max()) + 1, np.float32)
    table[labels[known]] = values[known]
    return np.asarray(table[labels], np.float32)


def land_extended(disparity: NDArray[np.float32], sky: NDArray[np.float32], rim: int = 2) -> NDArray[np.float32]:
    """Continue land across the skyline: pixels under sky, and a rim of ``rim`` pixels below it, take the nearest land's value.

    Without this a ridge's rim falls off towards the sky's distance and is drawn out into a curtain when flown at.
    All land or all sky: nothing to continue, returned as it is.
    """
    land = cv2.erode((sky < 0.5).astype(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    if land.all() or not land.any():
        return disparity
    nearest = nearest_filled(disparity, land.astype(bool))
    distance = cv2.distanceTransform(1 - land, cv2.DIST_L2, 5)
    # far from land the nearest value jumps from ridge to ridge: smooth there
    weight = np.clip((distance - 8.0) / 16.0, 0.0, 1.0)
    smooth = cv2.GaussianBlur(nearest, (0, 0), 0.04 * max(nearest.shape))
    return np.asarray(nearest + weight * (smooth - nearest), np.float32)


def snapped(disparity: NDArray[np.float32], image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn the ramps between near and far into steps that lie on the image's edges; slopes stay slopes.

    From wide ramps to narrow ones: a guided filter aligns the ramp with the image, then every pixel moves towards the nearer
    of the least and the greatest disparity around it. Only where the range within a radius is most of the range within three
    times as much: a slope, whose range grows with the window, is left alone.
    """
    out = disparity
    for share in _RAMPS:
        radius = max(1, round(share * max(disparity.shape)))
        guided = GuidedFilter(image, radius, 3e-4)(out)
        least, greatest = _range(out, radius)
        spread = greatest - least
        wide_least, wide_greatest = _range(out, 3 * radius)
        concentration = spread / np.maximum(wide_greatest - wide_least, 1e-6)
        weight = np.clip(5.0 * concentration - 2.75, 0.0, 1.0) * np.clip(spread / _LEAST_STEP - 1.0, 0.0, 1.0)
        weight = cv2.blur(weight, (5, 5))
        place = np.clip(((guided - least) / np.maximum(spread, 1e-6) - 0.5) * 2.5 + 0.5, 0.0, 1.0)
        out = (out + weight * (least + place * spread - out)).astype(np.float32)
    return out


def before_behind(disparity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let what is near reach a little beyond its edges (h, w), which are uncertain by some pixels.

    What is left of a tree on the mountain behind stays as its outline when the tree has gone; what a tree takes along of the
    mountain is hardly seen.
    """
    near = np.asarray(cv2.dilate(disparity, np.ones((2 * _OVER + 1, 2 * _OVER + 1), np.uint8)), np.float32)
    return np.where(near > _STEP[0] * disparity + _STEP[1], near, disparity)


def with_twigs(disparity: NDArray[np.float32], image: NDArray[np.float32], sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let tips and twigs, which a network loses, be as near as what they grow from; ``disparity`` and ``sky`` (h, w).

    What lies beside something nearer belongs to it where it is connected with it, looks like it, and is foreign to what is
    behind: else the top of a spruce stays on the mountain when the spruce has gone. It takes 20 ms.
    """
    nearest, before, behind = _sides(disparity, _REACH)
    rim = (before & _sides(disparity, _OVER)[1]).astype(np.uint8)
    behind &= sky < 0.5
    clear = behind & (cv2.dilate(rim, np.ones((2 * _OVER + 1, 2 * _OVER + 1), np.uint8)) == 0)
    (ours, _, some), (theirs, variance, others) = (_colours(image, part) for part in (before, clear))
    to_ours, to_theirs = (np.square(image - mean).sum(axis=2) for mean in (ours, theirs))
    foreign = (to_ours < to_theirs) & (to_theirs > np.maximum(_FOREIGN[0] ** 2 * variance, _FOREIGN[1] ** 2))
    foreign &= behind & (np.minimum(some, others) > _FEW)
    count, parts = cv2.connectedComponents((foreign | before).astype(np.uint8), connectivity=8)
    joined = np.zeros(count, np.bool_)
    joined[np.asarray(parts)[before]] = True
    return np.where(foreign & joined[parts], nearest, disparity)


def _sides(disparity: NDArray[np.float32], reach: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what is nearest within ``reach`` pixels, what stands before something within it, and what lies behind something."""
    farthest, nearest = _range(disparity, reach)
    return nearest, disparity > farthest + _MUCH, nearest > disparity + _MUCH


def _colours(
    image: NDArray[np.float32], part: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and variance of the colours of ``part`` around each pixel, and its share there: (h, w, 3), (h, w), (h, w)."""
    weight = part.astype(np.float32)
    share = _box(weight, _REACH)
    total = np.maximum(share, np.float32(1e-4))[..., None]
    powers = image, np.square(image)
    mean, square = (np.asarray(_box(power * weight[..., None], _REACH) / total, np.float32) for power in powers)
    return mean, (square - np.square(mean)).sum(axis=2), share


def _range(x: NDArray[np.float32], radius: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return np.asarray(cv2.erode(x, kernel), np.float32), np.asarray(cv2.dilate(x, kernel), np.float32)
