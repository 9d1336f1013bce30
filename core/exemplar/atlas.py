"""Atlas: the start photo as what new land is copied from.

A position (x, y) is in pixels of the photo at the density of a view. It points into the photo unfolded: beyond the right edge of
the photo, at x = width, lies its mirror image, and beyond that, at 2 width, the next photo where there are several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from core.classical.fill import SKY
from core.exemplar.matching import ranged, recoloured
from core.exemplar.pictures import picture_of, sharp_size
from core.exemplar.water import above_water
from core.texels import halvings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from core.keyframe import Keyframe

    Floats = NDArray[np.float32]
    Bytes = NDArray[np.uint8]

_FIRST, _FINEST = 1024, 4096  # pixels, longest side of the photo as it is kept, until it is sharpened and then
_FINER = 2.0  # times a view's density, of what is read: more is magnified than not
_SHORTEST = 32  # pixels of the shorter side beyond which a level is halved once more
_PLACES, _ALIKE = 8, 0.05  # where a photo may be cropped, on either side of the middle; share of sky that is as good as another
_MULTIPLE = 8  # of which sides are multiples: they are halved three times
_NEAR, _PALE = np.ones((5, 5), np.uint8), 0.2  # pixels around sky, of so much alpha, in which land may have a bright edge
_PARTS = "colours", "disparity", "sky", "light", "above"  # of an atlas, at the density of a view


@dataclass(eq=False)
class Atlas:
    """Photos side by side, all of one size, their sky as an alpha over land that goes on under it."""

    photos: tuple[Keyframe, ...]  # the others cropped to the shape of the first
    size: tuple[int, int]  # (width, height) of a photo at the density of a view
    levels: tuple[Bytes, ...]  # (h, pages w, 4): land and sky alpha at full resolution, and halvings
    colours: Bytes  # (height, pages width, 3) as ``size``: land
    disparity: Floats  # (height, pages width), [0.01, 1]
    sky: Floats  # likewise, [0, 1]
    light: Floats  # likewise, the darkest channel of the photos as they are, [0, 1]
    above: Floats  # likewise, 0 on water and 1 on land, as ``core.exemplar.water`` has it

    @classmethod
    def of(cls, photos: Sequence[Keyframe], width: int) -> Atlas:
        """Prepare ``photos`` for views in which the first is ``width`` pixels wide, to be sharpened.

        The others are cropped to its shape, and their land takes on the colours and the distances of its land.
        """
        first, *others = photos
        aspect = first.image.shape[1] / first.image.shape[0]
        size = _whole(width), _whole(width / aspect)
        cropped = first, *(_cropped(photo, aspect, first) for photo in others)
        above = [above_water(photo) for photo in cropped]
        photos = first, *(_ranged(photo, first) for photo in cropped[1:])
        levels = _levels(photos, _at_most(_FIRST, first))
        colours = (cv2.resize(page, size, interpolation=cv2.INTER_AREA)[..., :3] for page in _split(levels[0], len(photos)))
        disparity, sky = ([getattr(photo, name) for photo in photos] for name in ("disparity", "sky"))
        light = [photo.image.min(axis=2) * np.float32(1.0 / 255.0) for photo in photos]
        rest = (_beside([_resized(part, size) for part in parts]) for parts in (disparity, sky, light, above))
        return cls(photos, size, levels, _beside(colours), *rest)

    def sharpen(self) -> None:
        """Let ``read`` be as sharp as it can be, also while others read; all else stays.

        It takes 0.7 s for a photo of 512x320 pixels, 1.7 s for one of 1600x1200.
        """
        self.levels = _levels(self.photos, sharp_size(_at_most(_FINEST, self.photos[0])))

    @property
    def pages(self) -> list[Atlas]:
        """Each photo alone."""
        count = self._count
        levels = zip(*(_split(level, count) for level in self.levels), strict=True)
        parts = (_split(getattr(self, name), count) for name in _PARTS)
        return [Atlas((), self.size, *page) for page in zip(levels, *parts, strict=True)]

    @cached_property
    def mean(self) -> Floats:
        """Mean colour of the land (3,), [0, 1]."""
        land = self.sky < SKY
        return np.asarray(self.colours[land if land.any() else ~land].mean(axis=0) / 255.0, np.float32)

    @cached_property
    def _beside_sky(self) -> Floats:
        grown = _beside(cv2.dilate(page, _NEAR) for page in _split(self.sky, self._count))
        return np.asarray(np.minimum(grown * np.float32(1.0 / _PALE), 1.0), np.float32)

    @property
    def _count(self) -> int:
        return int(self.disparity.shape[1]) // self.size[0]

    @property
    def width(self) -> int:
        """Of all photos unfolded, pixels."""
        return 2 * int(self.disparity.shape[1])

    def level(self, density: float) -> int:
        """Level to be read where ``density`` pixels a pixel of ``size`` are shown: twice as fine at least, if there is one."""
        finest = self.levels[0].shape[0] / self.size[1]
        return min(max(math.floor(math.log2(finest / (_FINER * density))), 0), len(self.levels) - 1)

    def read(self, place: Floats, level: int = 0) -> Bytes:
        """Colours and sky alpha (h, w, 4) at the positions ``place`` (h, w, 2)."""
        return np.asarray(self._sampled(self.levels[level], place), np.uint8)

    def colours_at(self, place: Floats) -> Bytes:
        """Land's colours (h, w, 3) at ``place`` (h, w, 2), at the density of a view: those of a pixel in its middle."""
        return np.asarray(self._sampled(self.colours, place, cv2.INTER_CUBIC), np.uint8)

    def sky_at(self, place: Floats) -> Floats:
        """Sky alpha (h, w) at ``place`` (h, w, 2), at the density of a view."""
        return np.asarray(self._sampled(self.sky, place), np.float32)

    def beside_sky_at(self, place: Floats) -> Floats:
        """How surely there is sky within two pixels of ``place`` (h, w, 2), (h, w) in [0, 1], at the density of a view."""
        return np.asarray(self._sampled(self._beside_sky, place), np.float32)

    def disparity_at(self, place: Floats) -> Floats:
        """Disparity (h, w) at ``place`` (h, w, 2)."""
        return np.asarray(self._sampled(self.disparity, place), np.float32)

    def _sampled(self, picture: NDArray[Any], place: Floats, how: int = cv2.INTER_LINEAR) -> NDArray[Any]:
        columns, rows = self.size
        pages = _split(picture, self._count)
        across, down = pages[0].shape[1] / columns, picture.shape[0] / rows
        y = place[..., 1] * np.float32(down) - np.float32(0.5)
        reads = []
        for number, photo in enumerate(pages):  # one by one: what is interpolated never mixes two photos
            x = np.float32(columns) - np.abs(place[..., 0] - np.float32(columns * (2 * number + 1)))
            x = x * np.float32(across) - np.float32(0.5)
            reads.append(np.asarray(cv2.remap(photo, x, y, how, borderMode=cv2.BORDER_REPLICATE)))
        for number, read in enumerate(reads[1:], 1):
            where = place[..., 0] >= np.float32(2 * columns * number)
            np.copyto(reads[0], read, where=where[..., None] if read.ndim > 2 else where)
        return reads[0]


def unfolded(picture: NDArray[Any], columns: int) -> NDArray[Any]:
    """Put beside each photo of ``picture`` (h, pages columns, ...) its mirror image: (h, 2 pages columns, ...)."""
    pages = np.split(picture, picture.shape[1] // columns, axis=1)
    return np.ascontiguousarray(np.concatenate([half for page in pages for half in (page, page[:, ::-1])], axis=1))


def _whole(side: float) -> int:
    return max(2 * _MULTIPLE, _MULTIPLE * round(side / _MULTIPLE))


def _split(picture: NDArray[Any], count: int) -> list[NDArray[Any]]:
    return np.split(picture, count, axis=1)


def _beside(pictures: Iterable[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(list(pictures), axis=1)


def _at_most(longest: int, photo: Keyframe) -> tuple[int, int]:
    """Return (width, height) of ``photo``, its longest side at most so many pixels."""
    height, width = photo.image.shape[:2]
    scale = min(1.0, longest / max(width, height))
    return max(1, round(scale * width)), max(1, round(scale * height))


def _levels(photos: Sequence[Keyframe], size: tuple[int, int]) -> tuple[Bytes, ...]:
    """Land and sky alpha of ``photos`` (h, w) side by side at (width, height) ``size``, and halvings, (h, pages w, 4)."""
    first, *others = (picture_of(photo, size) for photo in photos)
    like = photos[0].disparity
    alike = (recoloured(page, photo.disparity, first, like) for page, photo in zip(others, photos[1:], strict=True))
    return tuple(map(_beside, zip(*(halvings(page, _SHORTEST) for page in (first, *alike)), strict=True)))


def _ranged(photo: Keyframe, like: Keyframe) -> Keyframe:
    return replace(photo, disparity=ranged(photo.disparity, photo.geometry_sky, like.disparity, like.geometry_sky))


def _cropped(photo: Keyframe, aspect: float, like: Keyframe) -> Keyframe:
    """Return ``photo`` in another shape: of it what has about as much sky as ``like``, next to the middle."""
    share = like.sky.mean()
    places = sorted(np.linspace(0.0, 1.0, 2 * _PLACES + 1), key=lambda place: abs(place - 0.5))
    place = min(places, key=lambda place: round(abs(_window(photo.sky, aspect, place).mean() - share) / _ALIKE))
    image, disparity, sky = (_window(part, aspect, place) for part in (photo.image, photo.disparity, photo.sky))
    return replace(photo, image=image, disparity=disparity, sky=sky)


def _window(picture: NDArray[Any], aspect: float, place: float) -> NDArray[Any]:
    """Return a part of ``picture`` in another shape, at ``place`` in [0, 1] of what there is to choose from."""
    height, width = picture.shape[:2]
    w, h = min(width, round(height * aspect)), min(height, round(width / aspect))
    left, top = int(place * (width - w)), int(place * (height - h))
    return np.ascontiguousarray(picture[top : top + h, left : left + w])


def _resized(picture: NDArray[Any], size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
