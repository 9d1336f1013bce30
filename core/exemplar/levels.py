"""Levels: the unfolded photo from fine to coarse, and by what its positions are compared with what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numba import njit

from core.exemplar.atlas import unfolded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.exemplar.atlas import Atlas
    from core.exemplar.loops import Loops

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Numbers = NDArray[np.int32]

LEVELS = 3  # 256x160, 128x80 and 64x40
PATCH = 7  # pixels
COMPONENTS, COLOUR = 12, 3  # of a patch that are compared, the last of which are its mean colour
UNIT = 127.5  # of features a unit of colour: with it features and their squares are whole numbers that float32 holds exactly
DEPTH, SKY, WATER, ROW = 1.2, 2.5, 0.5, 3.0  # weights of log disparity, sky, height above water and row, in [0, 1]
SHUT = 255  # in the fourth channel of a picture: nothing may be copied from here
_SHUT_SHARE = 0.5  # of pixels from which a coarser pixel is shut
_SKYLINE = 17  # pixels, square around land within which sky may be copied with it
_SUN = 0.96, 0.0003, 0.05, 0.75  # brightness of a sun, the share of the photo that it covers at least and at most, and of the sky
_FADING = -0.4  # correlation of the land's light with its distance from the sun, above which it is not its glare
_GLARE = 0.45, 1.0, 3.0  # reach of its glare, by the photo's width; deviations of brightness and of colour of land that has it
_BLUR = 2.0  # pixels over which looks are averaged at the fine levels
_SUBDUED, _LOW = 0.65, 5.0  # share of the low frequencies, by pixels, that seams leave to the tone


@dataclass(frozen=True, eq=False)
class Basis:
    """Principal components of a photo's patches (appearance space, Lefebvre and Hoppe 2006), and their mean colours."""

    mean: Floats  # (3 PATCH^2,)
    axes: Floats  # (3 PATCH^2, COMPONENTS)

    @classmethod
    def of(cls, patches: Floats) -> Basis:
        """Find those of ``patches`` (n, 3 PATCH^2)."""
        mean = patches.mean(axis=0)
        colour = np.kron(np.eye(COLOUR), np.full((PATCH**2, 1), 1.0 / PATCH)).astype(np.float32)
        detail = patches - mean
        detail -= (detail @ colour) @ colour.T
        axes = np.linalg.eigh(detail.T @ detail)[1][:, ::-1][:, : COMPONENTS - COLOUR]
        return cls(mean, np.ascontiguousarray(np.concatenate([axes, colour], axis=1), np.float32))

    def project(self, patches: Floats) -> Floats:
        """Coordinates (n, COMPONENTS) of ``patches``."""
        return np.asarray((patches - self.mean) @ self.axes, np.float32)


@dataclass(frozen=True, eq=False)
class Level:
    """The unfolded photo at one density, all (h, w, ...)."""

    picture: Bytes  # (.., 4): land, and where it is ``SHUT``
    detail: Bytes  # (.., 4): the same with its low frequencies subdued, for seams
    features: Numbers  # (.., n): looks first, their mean colour last, then depth, what stands there and row, by ``UNIT``
    basis: Basis | None  # of patches, where positions are searched for; elsewhere looks are blurred colours
    columns: int  # of one photo
    rarity: Floats | None  # (h w,) squared distance of each patch to the nearest elsewhere in the photos
    foreign: Floats | None = None  # (h w,) squared distance of all features to the nearest in the first photo: 0 in that one

    @property
    def looks(self) -> int:
        """How many of the features are looks."""
        return int(self.features.shape[2]) - 3

    def query(self, picture: Bytes, guides: Floats, new: Flags, loops: Loops) -> Numbers:
        """Features (h, w, n) of a ``picture`` (h, w, 3) that is wanted where ``guides`` (h, w, 3) hold, for pixels ``new``."""
        if self.basis is None:
            return _features(picture, guides, None)
        out = np.zeros((*new.shape, COMPONENTS + 3), np.int32)
        out[..., COMPONENTS:] = np.rint(UNIT * guides)
        loops.project(picture, new, self.basis.mean, self.basis.axes, out)
        return out


def levels_of(atlas: Atlas, mirror: Flags | None = None) -> tuple[Level, ...]:
    """Prepare ``atlas`` at all levels, the finest first; of the ``mirror`` (h, w) in the first photo nothing is copied."""
    width, height = atlas.size
    rows = (np.arange(height, dtype=np.float32) + np.float32(0.5)) / np.float32(height)
    row = np.broadcast_to(rows[:, None], atlas.sky.shape)
    guides = guide(atlas.disparity, atlas.sky, row, atlas.above)
    shut_at = np.concatenate([barred(page) for page in atlas.pages], axis=1).astype(np.float32)
    if mirror is not None:
        shut_at[:, :width][mirror] = 1.0
    out = []
    for number in range(LEVELS):
        size = atlas.disparity.shape[1] >> number, height >> number
        picture, guided, share = (
            np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA)) for part in (atlas.colours, guides, shut_at)
        )
        shut = share > _SHUT_SHARE
        for edge in range(0, size[0], width >> number):  # over a fold everything would be symmetric
            shut[:, [edge, edge + (width >> number) - 1]] = True
        columns = width >> number
        whole = unfolded(np.dstack([picture, np.where(shut, np.uint8(SHUT), np.uint8(0))]), columns)
        guided = unfolded(guided, columns)
        pages = np.split(whole, atlas.width // (2 * width), axis=1)  # of which none may look like another at its edge
        looks = [np.ascontiguousarray(page[..., :3]) for page in pages]
        basis = Basis.of(np.concatenate([patches_of(page) for page in looks])) if number == LEVELS - 1 else None
        guides_of = np.split(np.asarray(guided, np.float32), len(pages), axis=1)
        features = np.concatenate([_features(page, by, basis) for page, by in zip(looks, guides_of, strict=True)], axis=1)
        rarity = None if basis is None else _rarity(features[..., :COMPONENTS].astype(np.float32), columns)
        detail = np.concatenate([subdued(page) for page in pages], axis=1)
        foreign = None if basis is None else _foreign(features.astype(np.float32), columns)
        out.append(Level(whole, detail, features, basis, columns, rarity, foreign))
    return tuple(out)


def barred(atlas: Atlas) -> Flags:
    """Return what may not be copied, (h, w): sky away from land, and land in the glare of a sun."""
    sky = atlas.sky >= 0.5
    out: Flags = sky & (cv2.dilate((~sky).astype(np.uint8), np.ones((_SKYLINE, _SKYLINE), np.uint8)) == 0)
    sun = _sun(atlas, sky)
    low = cv2.GaussianBlur(atlas.colours.astype(np.float32), (0, 0), 3.0)
    light = low.mean(axis=2)
    away = cv2.distanceTransform((~sun).astype(np.uint8), cv2.DIST_L2, 3) / atlas.size[0]
    lit = ~sky & (away < _GLARE[0])
    if not sun.any() or lit.sum() < sky.size * _SUN[1] or np.corrcoef(light[lit], away[lit])[0, 1] > _FADING:
        return out
    hue = np.abs(low - light[..., None]).max(axis=2)
    glare = np.zeros_like(sky)
    for part, deviations in ((light, _GLARE[1]), (hue, _GLARE[2])):
        glare |= lit & (part > np.median(part[~sky]) + deviations * part[~sky].std())
    return np.asarray(out | (cv2.dilate(glare.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0))


def _sun(atlas: Atlas, sky: Flags) -> Flags:
    """Where a sun stands in the ``sky`` (h, w): one bright round spot in a sky that is not white anyway."""
    bright = sky & (atlas.light > _SUN[0])
    if not sky.any() or np.median(atlas.light[sky]) > _SUN[3]:
        return np.zeros_like(sky)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(bright.astype(np.uint8))
    sizes = np.asarray(statistics)[1:, cv2.CC_STAT_AREA]
    if not len(sizes) or not _SUN[1] < sizes.max() / sky.size < _SUN[2] or sizes.max() < 0.6 * sizes.sum():
        return np.zeros_like(sky)
    largest = 1 + int(np.argmax(sizes))
    width, height = (int(statistics[largest, side]) for side in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT))
    return np.asarray((labels == largest) & (max(width, height) < 2 * min(width, height)))


def guide(disparity: Floats, sky: Floats, row: Floats, above: Floats) -> Floats:
    """Say what a place is like beside its looks, (h, w, 3): its depth by ``disparity``, what stands there, and its ``row``.

    Water (``above`` 0), land and ``sky`` are one scale: between water and sky there is land. All (h, w), weighed.
    """
    depth = 1.0 + np.log(np.clip(disparity, 0.01, 1.0)) / np.log(100.0)
    return np.asarray(np.dstack([DEPTH * depth, SKY * sky + WATER * above, ROW * row]), np.float32)


def patches_of(picture: Bytes) -> Floats:
    """Patches around all pixels of (h, w, 3), (h w, 3 PATCH^2), so that squared distances are means over a patch."""
    reach = PATCH // 2
    padded = cv2.copyMakeBorder(picture, reach, reach, reach, reach, cv2.BORDER_REFLECT_101)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(0, 1))
    return np.asarray(windows.reshape(picture.shape[0] * picture.shape[1], -1), np.float32) / np.float32(255.0 * PATCH)


def subdued(picture: Bytes) -> Bytes:
    """Take most of the low frequencies from the colours of ``picture`` (h, w, 3 or 4)."""
    low = cv2.GaussianBlur(np.ascontiguousarray(picture[..., :3]), (0, 0), _LOW).astype(np.float32)
    out = picture.copy()
    out[..., :3] = np.clip(picture[..., :3] - _SUBDUED * (low - 128.0), 0.0, 255.0)
    return out


def _features(picture: Bytes, guides: Floats, basis: Basis | None) -> Numbers:
    if basis is None:
        looks = cv2.GaussianBlur(picture, (0, 0), _BLUR).astype(np.float32) * np.float32(1.0 / 255.0)
    else:
        looks = basis.project(patches_of(picture)).reshape(*picture.shape[:2], -1)
    return np.concatenate([np.rint(UNIT * part).astype(np.int32) for part in (np.asarray(looks), guides)], axis=2)


@njit(nogil=True, cache=True)
def project(picture: Bytes, new: Flags, mean: Floats, axes: Floats, out: Numbers) -> None:
    """Write the coordinates of the patches around pixels ``new`` of ``picture`` (h, w, 3) into ``out`` (h, w, n)."""
    h, w = new.shape
    patch = np.empty(axes.shape[0], np.float32)
    total = np.empty(axes.shape[1], np.float32)
    reach = PATCH // 2
    for y in range(h):
        for x in range(w):
            if not new[y, x]:
                continue
            i = 0
            for c in range(3):
                for dy in range(-reach, reach + 1):
                    v = y + dy
                    v = -v if v < 0 else (2 * h - 2 - v if v >= h else v)
                    for dx in range(-reach, reach + 1):
                        u = x + dx
                        u = -u if u < 0 else (2 * w - 2 - u if u >= w else u)
                        patch[i] = np.float32(picture[v, u, c]) * np.float32(1.0 / (255.0 * PATCH)) - mean[i]
                        i += 1
            total[:] = 0.0
            for k in range(len(patch)):
                for d in range(len(total)):
                    total[d] += patch[k] * axes[k, d]
            for d in range(len(total)):
                out[y, x, d] = np.int32(np.rint(np.float32(UNIT) * total[d]))


def _foreign(features: Floats, columns: int) -> Floats:
    """Squared distance (h w,) of what is at each position to the nearest in the first photo, mirror images left out."""
    first = features[:, :columns].reshape(-1, features.shape[2])
    squares = np.square(first).sum(axis=1)
    out = np.zeros(features.shape[:2], np.float32)
    for row, line in zip(out[:, 2 * columns :], features[:, 2 * columns :], strict=True):
        row[:] = np.square(line).sum(axis=1) + (squares - 2.0 * (line @ first.T)).min(axis=1)
    return out.ravel()


def _rarity(looks: Floats, columns: int) -> Floats:
    """Squared distance (h w,) of each patch to the nearest that does not overlap it, mirror images left out."""
    height, width, _ = looks.shape
    own = np.concatenate([looks[:, edge : edge + columns] for edge in range(0, width, 2 * columns)], axis=1)
    flat = own.reshape(-1, looks.shape[2])
    squares = np.square(flat).sum(axis=1)
    y, x = np.divmod(np.arange(len(flat)), own.shape[1])
    out = np.empty(len(flat), np.float32)
    for first in range(0, len(flat), 512):
        part = slice(first, first + 512)
        apart = squares[part, None] + squares - 2.0 * (flat[part] @ flat.T)
        apart[(np.abs(y[part, None] - y) < PATCH) & (np.abs(x[part, None] - x) < PATCH)] = np.inf
        out[part] = apart.min(axis=1)
    out[~np.isfinite(out)] = 0.0  # a photo so small that all patches overlap
    return unfolded(out.reshape(height, -1), columns).ravel()
