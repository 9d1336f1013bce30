"""Detail: give stretched land its fine structure back, without inventing what the photo would not show.

A picture is split into bands one octave apart, and the start photo says how strong each band is on land, near and far. Where
detail debt is high and a band is weaker than that, the lack is made up with the photo's own texture of that band. Since only a
lack is made up, up to the photo's own strength, repeating this a thousand times neither rings nor grows.

Ground drawn out by forward flight is streaked: strong across the streaks, empty along them. Strength is therefore measured in
the direction where a band is weakest, by the smaller eigenvalue of its structure tensor (Förstner and Gülch 1987).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BANDS = 5
_WINDOW = 5.0  # pixels, standard deviation of the neighbourhood in which a band's strength is measured
_CLASSES = 4  # of disparity, far to near, equally spaced in the logarithm
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_LEVELS = 16  # steps per class in which disparity is told apart
_FLOOR = 0.004  # of a band's strength: below it there is nothing but rounding
_LOUDEST = 3.0  # most that a texture may exceed its own mean strength
_STREAK = 0.35  # share of a band that is taken back, at full payment, where it is nothing but streaks
_CHROMA = 0.4  # of the texture's colourfulness: in full, a few hundred steps add up to coloured stains
_FINEST = 0.6  # share of the strength of the finest band: drawn larger than it is, a keyframe shows it as a pattern of pixels
_LIMIT = 0.15  # most that one call adds to a colour


def bands(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Split (h, w, 3) into ``BANDS`` octaves, finest first, and the rest; their sum is the image."""
    out, smooth = [], image
    for octave in range(BANDS):
        # blurs add in variance: sigma 0.75, 1.5, 3, 6, 12 in all
        total, before = 0.75 * 2.0**octave, 0.75 * 2.0 ** (octave - 1) if octave else 0.0
        smoother = blurred(smooth, float(np.sqrt(total**2 - before**2)))
        out.append(smooth - smoother)
        smooth = smoother
    return [*out, smooth]


def blurred(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur with reflected borders; wide blurs go through a quarter-size picture."""
    if sigma <= 3.0:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), sigma / 4.0, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def strength(band: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Local strength (h, w) of a band (h, w, 3) in its weakest direction, and how one-directional it is, [0, 1]."""
    luma = band @ _LUMA
    across = np.asarray(cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=1), np.float32)
    down = np.asarray(cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=1), np.float32)
    tensor = blurred(np.dstack([across * across, down * down, across * down]), _WINDOW)
    total = tensor[..., 0] + tensor[..., 1]
    spread = np.sqrt(np.square(tensor[..., 0] - tensor[..., 1]) + 4.0 * np.square(tensor[..., 2]))
    weakest = np.sqrt(np.maximum(total - spread, 0.0))
    return weakest.astype(np.float32), (spread / np.maximum(total, 1e-8)).astype(np.float32)


class DetailStyle:
    """A photo's texture, and how strong it is in each band by disparity."""

    def __init__(self, image: NDArray[np.float32], disparity: NDArray[np.float32], sky: NDArray[np.float32]) -> None:
        """Learn from a photo at refine resolution: image (h, w, 3) with land everywhere, disparity and sky (h, w)."""
        inner = np.asarray(cv2.erode((sky < 0.05).astype(np.float32), np.ones((7, 7), np.uint8)), np.float32)  # no skyline
        kind = _kind(disparity)
        self._target = np.full((BANDS, _CLASSES), 0.02, np.float32)
        self._texture: list[NDArray[np.float32]] = []
        for octave, band in enumerate(bands(image)[:BANDS]):
            local = strength(band)[0]
            overall = float((local * inner).sum() / max(float(inner.sum()), 1.0))
            for index in range(_CLASSES):
                here = inner * (np.abs(kind - index) < 0.75)
                count = float(here.sum())
                mean = float((local * here).sum() / max(count, 1.0))
                trust = count / (count + 400.0)
                self._target[octave, index] = trust * mean + (1.0 - trust) * overall
            grey = (band @ _LUMA)[..., None]
            unit = (grey + _CHROMA * (band - grey)) / (local + 0.3 * overall + _FLOOR)[..., None]
            self._texture.append(np.clip(unit, -_LOUDEST, _LOUDEST).astype(np.float32))

    def target(self, octave: int, disparity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Strength that band ``octave`` should have at ``disparity`` (h, w)."""
        level = (_kind(disparity) * _LEVELS + 0.5).astype(np.uint8)
        table = np.interp(np.arange((_CLASSES - 1) * _LEVELS + 1) / _LEVELS, np.arange(_CLASSES), self._target[octave])
        return np.asarray(table, np.float32)[level]

    def renew(
        self, image: NDArray[np.float32], disparity: NDArray[np.float32], pay: NDArray[np.float32], shift: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Make up for the detail that ``image`` (h, w, 3) lacks, in the share ``pay`` (h, w) of [0, 1]; 0 leaves a pixel alone.

        ``shift`` (columns, rows) displaces the texture, so that it does not stay in place from view to view.
        """
        height, width = pay.shape
        texture_height, texture_width = self._texture[0].shape[:2]
        columns = np.arange(width, dtype=np.float32) + shift[0] + 0.5 * (texture_width - width)
        rows = np.arange(height, dtype=np.float32) + shift[1] + 0.5 * (texture_height - height)
        x, y = (np.asarray(grid, np.float32) for grid in np.meshgrid(columns, rows))
        added = np.zeros_like(image)
        for octave, own in enumerate(bands(image)[:BANDS]):
            moved = cv2.remap(self._texture[octave], x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
            texture = np.asarray(moved, np.float32)
            have, streaked = strength(own)
            want = self.target(octave, disparity) * np.float32(1.0 if octave else _FINEST)
            lack = np.sqrt(np.maximum((want * want - have * have) * pay, 0.0))  # strengths add in power
            added += texture * lack[..., None] - own * (_STREAK * pay * streaked**2)[..., None]
        return np.asarray(image + np.clip(added, -_LIMIT, _LIMIT), np.float32)


def _kind(disparity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Disparity [0.01, 1] to [0, _CLASSES - 1]."""
    span = (_CLASSES - 1) / np.log(100.0)
    return np.asarray(np.clip(np.log(np.maximum(disparity, 0.01) * 100.0) * span, 0.0, _CLASSES - 1), np.float32)
