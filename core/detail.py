"""Detail: give stretched land its fine structure back, without inventing what the photo would not show.

A picture is split into bands one octave apart. The start photo says how strong each band is on land, near and far. Where detail
debt is high and a band is weaker than that, the lack is made up: partly by the band's own structure, sharpened, and partly by
the next coarser band of the same neighbourhood read at half size, for landscapes look alike at every scale (the self-similarity
of Barnsley's fractals and of Glasner et al., "Super-Resolution from a Single Image", ICCV 2009). Since only a lack is made up,
and never more than the photo's own strength, repeating this a thousand times neither rings nor grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BANDS = 4
_WINDOW = 5.0  # pixels, standard deviation of the neighbourhood in which a band's strength is measured
_CLASSES = 4  # of disparity, far to near, equally spaced in the logarithm
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_FLOOR = 0.004  # of a band's strength: below it there is nothing to sharpen but rounding
_LIMIT = 0.12  # most that one call adds to a colour


def bands(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Split (h, w, 3) into ``BANDS`` octaves, finest first, and the rest; their sum is the image."""
    out, smooth = [], image
    for octave in range(BANDS):
        # blurs add in variance: sigma 0.75, 1.5, 3, 6 in all
        total, before = 0.75 * 2.0**octave, 0.75 * 2.0 ** (octave - 1) if octave else 0.0
        smoother = blurred(smooth, float(np.sqrt(total**2 - before**2)))
        out.append(smooth - smoother)
        smooth = smoother
    return [*out, smooth]


def blurred(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur with reflected borders; wide blurs go through a smaller picture."""
    if sigma <= 4.0:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(blurred(small, sigma / 4.0), (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def strength(band: NDArray[np.float32], land: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square luma of a band (h, w, 3) in each pixel's neighbourhood, counting ``land`` (h, w) only."""
    power = blurred(land * np.square(band @ _LUMA), _WINDOW)
    return np.sqrt(np.maximum(power, 0.0) / np.maximum(blurred(land, _WINDOW), 0.05))


class DetailStyle:
    """How strong a photo's bands are, by disparity."""

    def __init__(self, image: NDArray[np.float32], disparity: NDArray[np.float32], sky: NDArray[np.float32]) -> None:
        """Learn from a photo at refine resolution: image (h, w, 3), disparity and sky (h, w)."""
        land = (sky < 0.05).astype(np.float32)
        inner = cv2.erode(land, np.ones((5, 5), np.uint8))  # a skyline is no texture
        kind = _kind(disparity)
        self._target = np.full((BANDS, _CLASSES), 0.02, np.float32)
        for octave, band in enumerate(bands(image)[:BANDS]):
            power = np.square(band @ _LUMA)
            overall = float(np.sqrt((power * inner).sum() / max(float(inner.sum()), 1.0)))
            for index in range(_CLASSES):
                here = inner * (np.abs(kind - index) < 0.75)
                count = float(here.sum())
                local = float(np.sqrt((power * here).sum() / max(count, 1.0)))
                trust = count / (count + 400.0)
                self._target[octave, index] = trust * local + (1.0 - trust) * overall

    def target(self, octave: int, disparity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Strength that band ``octave`` should have at ``disparity`` (h, w)."""
        out = np.interp(_kind(disparity), np.arange(_CLASSES), self._target[octave])
        return out.astype(np.float32)

    def renew(
        self, image: NDArray[np.float32], disparity: NDArray[np.float32], pay: NDArray[np.float32], phase: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Make up for the detail that ``image`` (h, w, 3) lacks, in the share ``pay`` (h, w) of [0, 1]; 0 leaves a pixel alone.

        ``phase`` shifts the pattern in which neighbourhoods are read at half size, so that its folds never settle.
        """
        land = np.ones_like(pay)
        split = bands(image)
        x, y = _folded(image.shape[1], phase[0]), _folded(image.shape[0], phase[1])
        grid = np.meshgrid(x, y)
        added = np.zeros_like(image)
        for octave in reversed(range(BANDS - 1)):
            coarser = split[octave + 1]
            similar = np.asarray(cv2.remap(coarser, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32)
            own = split[octave]
            have = strength(own, land)
            mix = 0.5 * own / (have + _FLOOR)[..., None] + similar / (strength(similar, land) + _FLOOR)[..., None]
            want = self.target(octave, disparity)
            lack = np.sqrt(np.maximum(want * want - have * have, 0.0)) / 1.1  # the mix has strength sqrt(0.25 + 1)
            extra = mix * (lack * pay)[..., None]
            added += extra
            split[octave] = own + extra
        return image + np.clip(added, -_LIMIT, _LIMIT)


def _kind(disparity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Disparity [0.01, 1] to [0, _CLASSES - 1]."""
    span = (_CLASSES - 1) / np.log(100.0)
    return np.asarray(np.clip(np.log(np.maximum(disparity, 0.01) * 100.0) * span, 0.0, _CLASSES - 1), np.float32)


def _folded(size: int, phase: int) -> NDArray[np.float32]:
    """Positions that run at double speed, three parts forward and one back, so that they never stray more than 12 pixels."""
    t = np.arange(size, dtype=np.float32) + phase
    start, step = np.divmod(t, 32.0)
    inside = np.where(step < 24.0, 2.0 * step, 96.0 - 2.0 * step)
    return np.asarray(32.0 * start + inside - phase - 12.0, dtype=np.float32)
