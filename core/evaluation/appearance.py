"""Appearance: what can be measured on every single frame, how it drifts from the start photo's, and when it has collapsed."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.evaluation.land import FAINT_SKY, inland, luma, rays, streaks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.keyframe import Keyframe

_LEAST_LAND = 0.01  # of the view: with less there is nothing to measure

FLAT = 0.25  # collapse: contrast below this share of the photo's,
NOISE = 0.3  # correlation of neighbouring pixels below this share of the photo's,
HARSH = 3.0  # sharpness above this many times the photo's,
BARE = 0.05  # or land below this share of the photo's,
PERSISTENCE = 3  # for so many steps on end


@dataclass(frozen=True)
class Appearance:
    """Figures of one frame; all but ``sky`` and ``land`` are of land away from the skyline, nan where there is hardly any."""

    sky: float  # share of the view, soft
    land: float  # share of the view that was measured
    red: float  # mean colour of land, [0, 1] sRGB
    green: float
    blue: float
    contrast: float  # standard deviation of its luma
    sharpness: float  # mean absolute difference of its luma from the Gaussian mean (sigma 1 pixel) around it
    laplacian: float  # variance of the Laplacian of its luma
    correlation: float  # of luma with that of the pixels beside and below: natural 0.8 to 1, white noise 0
    streaks: float  # coherence of its structure tensor, [0, 1]
    rays: float  # share of it that is drawn out along rays from the middle of the view
    far: float  # 3rd percentile of disparity
    middle: float  # median
    near: float  # 97th percentile


FIELDS = tuple(field.name for field in fields(Appearance))


def appearance(image: NDArray[np.uint8], disparity: NDArray[np.float32], sky: NDArray[np.float32]) -> Appearance:
    """Measure a frame: ``image`` (h, w, 3) sRGB, ``disparity`` and ``sky`` (h, w); there is no land where disparity is 0."""
    land = inland(sky > FAINT_SKY) & (disparity > 0.0)
    share = float(land.mean())
    if share < _LEAST_LAND:
        return Appearance(float(sky.mean()), share, *([float("nan")] * 12))
    colours = image[land].astype(np.float32) / 255.0
    grey = luma(image)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
    red, green, blue = (float(value) for value in colours.mean(axis=0))
    far, middle, near = (float(value) for value in np.percentile(disparity[land], (3, 50, 97)))
    return Appearance(
        float(sky.mean()),
        share,
        red,
        green,
        blue,
        contrast=float(grey[land].std()),
        sharpness=float(fine[land].mean()),
        laplacian=float(np.asarray(cv2.Laplacian(grey, cv2.CV_32F))[land].var()),
        correlation=_correlation(grey, land),
        streaks=streaks(grey, land),
        rays=rays(grey, land),
        far=far,
        middle=middle,
        near=near,
    )


def of_keyframe(keyframe: Keyframe) -> Appearance:
    """Measure a refined keyframe, whose picture and geometry have one size."""
    return appearance(keyframe.image, keyframe.disparity, keyframe.sky)


def _correlation(grey: NDArray[np.float32], land: NDArray[np.bool_]) -> float:
    """Mean correlation of neighbouring land pixels, sideways and down; 1 where all are equal."""
    centred = grey - grey[land].mean()
    variance = float(np.square(centred[land]).mean())
    if variance < 1e-8:
        return 1.0
    pairs = ((land[:, :-1] & land[:, 1:], centred[:, :-1] * centred[:, 1:]), (land[:-1] & land[1:], centred[:-1] * centred[1:]))
    return float(np.mean([product[both].mean() if both.any() else variance for both, product in pairs])) / variance


@dataclass(frozen=True, eq=False)
class Drift:
    """Curves of one flight, each (steps + 1,), entry 0 the start photo; nan where there was hardly any land."""

    sharpness: NDArray[np.float64]  # share of the photo's
    laplacian: NDArray[np.float64]  # share of the photo's
    contrast: NDArray[np.float64]  # share of the photo's
    colour: NDArray[np.float64]  # mean absolute difference of the mean colour from the photo's, [0, 1]
    streaks: NDArray[np.float64]  # share of the photo's
    rays: NDArray[np.float64]  # what there is more of than in the photo
    correlation: NDArray[np.float64]
    sky: NDArray[np.float64]
    land: NDArray[np.float64]
    far: NDArray[np.float64]
    middle: NDArray[np.float64]
    near: NDArray[np.float64]

    @classmethod
    def of(cls, frames: Sequence[Appearance]) -> Drift:
        """Make the curves of a flight from the figures of its frames, the start photo's first."""
        table = np.array([astuple(frame) for frame in frames], np.float64)
        column = dict(zip(FIELDS, table.T, strict=True))
        colour = np.stack([column[name] for name in ("red", "green", "blue")])
        same = {name: column[name] for name in ("correlation", "sky", "land", "far", "middle", "near")}
        return cls(
            colour=np.abs(colour - colour[:, :1]).mean(axis=0),
            rays=column["rays"] - column["rays"][0],
            **{name: column[name] / max(column[name][0], 1e-9) for name in ("sharpness", "laplacian", "contrast", "streaks")},
            **same,
        )

    def collapsed(self) -> int | None:
        """Return the first step of a collapse, None if there is none.

        A flight has collapsed when for ``PERSISTENCE`` = 3 steps on end its land is flat (luma varies less than 0.25 times as
        much as in the photo), or noise (neighbouring pixels correlate 0.3 times as much, or it is more than 3 times as sharp as
        the photo), or gone (less than 0.05 times the photo's area). One such step alone is a view close to a wall.
        """
        flat = self.contrast < FLAT
        noise = (self.correlation < NOISE * self.correlation[0]) | (self.sharpness > HARSH)
        gone = self.land < BARE * self.land[0]
        bad = np.concatenate([[False], (flat | noise | gone)[1:]])
        runs = np.convolve(bad, np.ones(PERSISTENCE), "valid") >= PERSISTENCE - 0.5 if len(bad) >= PERSISTENCE else bad[:0]
        return int(np.argmax(runs)) if runs.any() else None
