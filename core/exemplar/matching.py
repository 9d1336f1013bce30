"""Matching: the land of another photo takes on the distances and the colours of the first photo's land."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from core.classical.fill import SKY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

_RANGE = 5.0, 95.0  # per cent of the land between which distances are matched
_STRETCH = 0.5, 2.0  # least and most by which log disparities are stretched
_FLAT = 0.1  # of log disparity, least range
_GAIN = 0.6, 1.3  # least and most by which colours are stretched along any axis: noise is not blown up, nor texture lost
_SMALL = 256  # pixels, width at which colours are counted
_LEAST = 0.25  # variance of L*a*b* along any axis, about that of 8 bits: grey photos have none


class _Colours(NamedTuple):
    """Mean (3,) and covariance (3, 3) of colours in L*a*b*."""

    mean: Doubles
    covariance: Doubles

    @classmethod
    def of(cls, lab: Floats, weight: Floats) -> _Colours:
        """Count ``lab`` (n, 3), each as much as its ``weight`` (n,)."""
        weight = weight + np.float32(1e-6)
        mean = np.average(lab.astype(np.float64), axis=0, weights=weight)
        return cls(mean, np.cov(lab, rowvar=False, aweights=weight, ddof=0) + _LEAST * np.eye(3))

    def transport(self, to: _Colours) -> tuple[Floats, Floats]:
        """Return the matrix (3, 3) and the shift (3,) that make these colours those, the matrix's gain bounded."""
        root, back = _power(self.covariance, 0.5), _power(self.covariance, -0.5)
        gains, axes = np.linalg.eigh(back @ _power(root @ to.covariance @ root, 0.5) @ back)
        matrix = (axes * np.clip(gains, *_GAIN)) @ axes.T
        return matrix.astype(np.float32), (to.mean - self.mean @ matrix).astype(np.float32)


def ranged(disparity: Floats, sky: Floats, like: Floats, like_sky: Floats) -> Floats:
    """Return ``disparity`` (h, w) stretched in its logarithm so that the land reaches as far and as near as in ``like``.

    Photos are of different scales: a meadow before mountains is near beside them, and may be far in a photo of its own.
    """
    (far, near), (farther, nearer) = _reach(disparity, sky), _reach(like, like_sky)
    stretch = np.clip((nearer - farther) / max(near - far, _FLAT), *_STRETCH)
    moved = stretch * (np.log(disparity) - 0.5 * (near + far)) + 0.5 * (nearer + farther)
    return np.asarray(np.clip(np.exp(moved), 0.01, 1.0), np.float32)


def recoloured(picture: Bytes, disparity: Floats, like: Bytes, like_disparity: Floats) -> Bytes:
    """Return ``picture`` (h, w, 4) with the mean and the covariance that the colours of land have in ``like`` (h, w, 4).

    It is the linear Monge-Kantorovitch transport (Pitie and Kokaram 2007), which moves colours as little as that takes, in
    L*a*b* (as Reinhard et al. 2001 have it). Near land takes on the colours of near land, and far land those of far land:
    ``disparity`` and ``like_disparity``, (h, w) of any size, tell which is which, [0.01, 1]. Sky alpha, last, stays.
    """
    size = _SMALL, max(1, round(_SMALL * picture.shape[0] / picture.shape[1]))
    small, model = (np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8) for part in (picture, like))
    land, model_land = (1.0 - part[..., 3].ravel() * np.float32(1.0 / 255.0) for part in (small, model))
    reach = _reach(np.asarray(cv2.resize(like_disparity, size), np.float32), 1.0 - model_land.reshape(model.shape[:2]))
    near, model_near = (_nearness(part, size, reach).ravel() for part in (disparity, like_disparity))
    share = _nearness(disparity, picture.shape[1::-1], reach)[..., None]
    lab, moved = _lab(picture), np.zeros((*picture.shape[:2], 3), np.float32)
    for side in (0.0, 1.0):  # what is far, and what is near
        own = _Colours.of(_lab(small).reshape(-1, 3), land * np.abs(1.0 - side - near))
        wanted = _Colours.of(_lab(model).reshape(-1, 3), model_land * np.abs(1.0 - side - model_near))
        matrix, shift = own.transport(wanted)
        moved += np.abs(np.float32(1.0 - side) - share) * (lab @ matrix + shift)
    colours = np.clip(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB), 0.0, 1.0)
    return np.dstack([np.rint(255.0 * colours).astype(np.uint8), picture[..., 3]])


def _reach(disparity: Floats, sky: Floats) -> tuple[float, float]:
    """Return the log disparities of the farthest and the nearest land; of all there is where there is none."""
    land = sky < SKY
    far, near = np.percentile(np.log(disparity[land if land.any() else ~land]), _RANGE)
    return float(far), float(near)


def _nearness(disparity: Floats, size: tuple[int, int], reach: tuple[float, float]) -> Floats:
    """How near things are, from 0 to 1 over what ``reach`` spans, at (width, height) ``size``."""
    log = np.log(cv2.resize(disparity, size, interpolation=cv2.INTER_LINEAR))
    return np.asarray(np.clip((log - reach[0]) / max(reach[1] - reach[0], _FLAT), 0.0, 1.0), np.float32)


def _lab(picture: Bytes) -> Floats:
    return np.asarray(cv2.cvtColor(picture[..., :3] * np.float32(1.0 / 255.0), cv2.COLOR_RGB2LAB), np.float32)


def _power(symmetric: Doubles, exponent: float) -> Doubles:
    values, axes = np.linalg.eigh(symmetric)
    return np.asarray((axes * np.maximum(values, 1e-9) ** exponent) @ axes.T)
