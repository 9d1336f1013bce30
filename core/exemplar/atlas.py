"""Atlas: the start photo as what new land is copied from.

A position (x, y) is in pixels of the photo at the density of a view. It points into the photo unfolded: beyond the right edge of
the photo, at x = width, lies its mirror image, and beyond that, at 2 width, the next photo where there are several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from core.exemplar.enlargement import enlarged
from core.exemplar.matching import ranged, recoloured
from core.exemplar.water import above_water
from core.pushpull import push_pull
from core.texels import halvings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.keyframe import Keyframe

    Floats = NDArray[np.float32]
    Bytes = NDArray[np.uint8]

_FINEST = 2048  # pixels, longest side of the photo as it is kept: few keyframes show more of it
_SMALL, _TWICE = 1024, 2  # pixels, longest side up to which a photo is made twice as large by its own example, so often at most
_FINER = 2.0  # times a view's density, of what is read: more is magnified than not
_CLEAR, _OPAQUE = 0.05, 0.9  # sky alpha up to which a colour is the land's own, and from which nothing is known of the land
_COARSEST = 48  # pixels, longest side at which land is continued under the sky
_SHORTEST = 32  # pixels of the shorter side beyond which a level is halved once more
_PLACES, _ALIKE = 8, 0.05  # where a photo may be cropped, on either side of the middle; share of sky that is as good as another
_MULTIPLE = 8  # of which sides are multiples: they are halved three times
_PARTS = "colours", "disparity", "sky", "light", "above"  # of an atlas, at the density of a view


@dataclass(frozen=True, eq=False)
class Atlas:
    """Photos side by side, all of one size, their sky as an alpha over land that goes on under it."""

    size: tuple[int, int]  # (width, height) of a photo at the density of a view
    levels: tuple[Bytes, ...]  # (h, pages w, 4): land and sky alpha at full resolution, and halvings
    colours: Bytes  # (height, pages width, 3) as ``size``: land
    disparity: Floats  # (height, pages width), [0.01, 1]
    sky: Floats  # likewise, [0, 1]
    light: Floats  # likewise, the darkest channel of the photos as they are, [0, 1]
    above: Floats  # likewise, 0 on water and 1 on land, as ``core.exemplar.water`` has it

    @classmethod
    def of(cls, photos: Sequence[Keyframe], width: int) -> Atlas:
        """Prepare ``photos`` for views in which the first is ``width`` pixels wide.

        The others are cropped to its shape, and their land takes on the colours and the distances of its land.
        """
        aspect = photos[0].image.shape[1] / photos[0].image.shape[0]
        size = _whole(width), _whole(width / aspect)
        scale = min(1.0, _FINEST / max(photos[0].image.shape[:2]))
        fine = round(photos[0].image.shape[1] * scale), round(photos[0].image.shape[0] * scale)
        for _ in range(_TWICE):
            fine = fine if max(fine) > _SMALL else (2 * fine[0], 2 * fine[1])
        first, *others = photos[0], *(_cropped(photo, aspect, photos[0]) for photo in photos[1:])
        pages = [cls._page(first, size, _picture(first, fine), first.disparity)]
        for other in others:
            disparity = ranged(other.disparity, other.geometry_sky, first.disparity, first.geometry_sky)
            picture = recoloured(_picture(other, fine), disparity, pages[0].levels[0], first.disparity)
            pages.append(cls._page(other, size, picture, disparity))
        levels = tuple(np.concatenate(level, axis=1) for level in zip(*(page.levels for page in pages), strict=True))
        return cls(size, levels, *(np.concatenate([getattr(page, name) for page in pages], axis=1) for name in _PARTS))

    @classmethod
    def _page(cls, photo: Keyframe, size: tuple[int, int], picture: Bytes, disparity: Floats) -> Atlas:
        """Prepare one ``photo`` for (width, height) ``size``: ``picture`` (h, w, 4) is its land and its sky alpha."""
        colours = np.array(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., :3], np.uint8)
        parts = disparity, photo.sky, photo.image.min(axis=2) * np.float32(1.0 / 255.0), above_water(photo)
        return cls(size, tuple(halvings(picture, _SHORTEST)), colours, *(_resized(part, size) for part in parts))

    @property
    def pages(self) -> list[Atlas]:
        """Each photo alone."""
        levels = zip(*map(self._split, self.levels), strict=True)
        parts = (self._split(getattr(self, name)) for name in _PARTS)
        return [Atlas(self.size, *page) for page in zip(levels, *parts, strict=True)]

    def _split(self, picture: NDArray[Any]) -> list[NDArray[Any]]:
        return np.split(picture, self.disparity.shape[1] // self.size[0], axis=1)

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

    def disparity_at(self, place: Floats) -> Floats:
        """Disparity (h, w) at ``place`` (h, w, 2)."""
        return np.asarray(self._sampled(self.disparity, place), np.float32)

    def _sampled(self, picture: NDArray[Any], place: Floats, how: int = cv2.INTER_LINEAR) -> NDArray[Any]:
        columns, rows = self.size
        pages = self._split(picture)
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


def _picture(photo: Keyframe, size: tuple[int, int]) -> Bytes:
    """Land and sky alpha (h, w, 4) of ``photo`` at ``size`` = (width, height), made by its own example where it has less."""
    width, height = (min(side, own) for side, own in zip(size, photo.image.shape[1::-1], strict=True))
    image = cv2.resize(photo.image, (width, height), interpolation=cv2.INTER_AREA)
    sky = np.clip(cv2.resize(photo.sky, (width, height), interpolation=cv2.INTER_LINEAR), 0.0, 1.0)
    picture = np.dstack([_land(np.asarray(image), np.asarray(sky, np.float32)), np.rint(sky * 255.0).astype(np.uint8)])
    while picture.shape[1] < size[0]:
        picture = enlarged(picture)
    fits = picture.shape[1::-1] == size
    return picture if fits else np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


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


def _land(image: Bytes, sky: Floats) -> Bytes:
    """Colours (h, w, 3) of the land alone: no sky in soft skylines, and land goes on under the sky."""
    height, width = sky.shape
    scale = _COARSEST / max(height, width)
    small = max(1, round(width * scale)), max(1, round(height * scale))
    spread = []
    for kept in (sky < _CLEAR, sky > 1.0 - _CLEAR):
        weight = kept.astype(np.float32)
        sums = cv2.resize(np.dstack([image * weight[..., None], weight]), small, interpolation=cv2.INTER_AREA)
        mean = np.asarray(sums[..., :3] / np.maximum(sums[..., 3:], 1e-3), np.float32)
        mean = push_pull(mean, np.minimum(np.asarray(sums[..., 3], np.float32), np.float32(1.0)))
        spread.append(cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR))
    land, open_sky = spread
    alpha = sky[..., None]
    unmixed = np.clip((image - alpha * open_sky) / np.maximum(1.0 - alpha, 1.0 - _OPAQUE), 0.0, 255.0)
    certain = np.clip((_OPAQUE - alpha) / (_OPAQUE - 0.5), 0.0, 1.0)
    return np.rint(np.where(alpha < _CLEAR, image, land + certain * (unmixed - land))).astype(np.uint8)
