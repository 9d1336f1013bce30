"""Synthesis: which positions of the photo the renewed pixels of a view show, from coarse to fine.

At 32x20 and 64x40 every renewed pixel looks for the patch of the photo that is most like what is wanted there, by exhaustive
search in the space of the patches' principal components (appearance space, Lefebvre and Hoppe 2006); patches that overlap vote.
At 128x80 and 256x160 nothing is searched for: pixels take over their neighbours' patches, so that borders settle where they are
least seen (``core.exemplar.coherence``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.exemplar.coherence import NOWHERE, settle, vote

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.exemplar.atlas import Atlas

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Labels = NDArray[np.int32]

LEVELS = 4  # 256x160 is level 0, 32x20 level 3
COARSE = 2  # from this level on patches are searched for
_PATCH = 7  # pixels
_COMPONENTS = 12
_ROUNDS = (0, 0, 2, 2)  # of search and vote, by level
_PASSES = (2, 2, 2, 1)  # of settling
_DEPTH, _SKY, _ROW = 0.7, 2.5, 1.0  # weights of scaled log disparity, sky and row of the photo beside colours in [0, 1]
_SEAM = 40, 60, 100, 100
_OFTEN = 60.0  # price of a patch for every time that it is used already
_STAY = 1.3


@dataclass(frozen=True, eq=False)
class Level:
    """The unfolded photo at one density, all (h, 2 w, ...)."""

    picture: Bytes  # (.., 4): land, and 255 where nothing may be copied
    features: NDArray[np.int32]  # (.., n): looks first, then depth, sky, row
    looks: int
    mean: Floats | None  # of patches, and
    basis: Floats | None  # their principal components (147, looks)
    matrix: Floats | None  # (n + 1, positions): features and their squares, for the search


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a view should look like at level 0, all (h, w[, 3])."""

    picture: Bytes  # land without sky
    depth: Floats  # scaled log disparity [0, 1]
    sky: Floats
    row: Floats  # of the photo, [0, 1]
    trust: Floats  # in the picture where it is renewed, [0, 1]


def scaled(disparity: Floats) -> Floats:
    """Disparity [0.01, 1] to [0, 1] by its logarithm."""
    return np.asarray(1.0 + np.log(np.clip(disparity, 0.01, 1.0)) / np.log(100.0), np.float32)


def prepared(atlas: Atlas) -> tuple[Level, ...]:
    """Prepare the photo at all levels."""
    width, height = atlas.size
    colour = cv2.resize(atlas.levels[0], atlas.size, interpolation=cv2.INTER_AREA)[..., :3]
    row = np.broadcast_to(((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None], (height, width))
    guides = np.dstack([_DEPTH * scaled(atlas.disparity), _SKY * atlas.sky, _ROW * row])
    barred = cv2.dilate((atlas.sky > 0.1).astype(np.float32), np.ones((3, 3), np.uint8))
    out = []
    for level in range(LEVELS):
        size = width >> level, height >> level
        small, guide, bar = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (colour, guides, barred))
        picture = np.dstack([small, np.where(bar > 0.3, np.uint8(255), np.uint8(0))])
        picture, guide = (np.ascontiguousarray(np.concatenate([each, each[:, ::-1]], axis=1)) for each in (picture, guide))
        if level < COARSE:
            looks = cv2.GaussianBlur(picture[..., :3], (0, 0), 2.0)
            features = np.rint(np.dstack([looks, 255.0 * guide])).astype(np.int32)
            out.append(Level(picture, features, 3, None, None, None))
            continue
        patches = _patches(picture[..., :3])
        mean = patches.mean(axis=0)
        centred = patches - mean
        basis = np.ascontiguousarray(np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :_COMPONENTS], np.float32)
        looks = (centred @ basis).reshape(*picture.shape[:2], -1)
        features = np.rint(np.dstack([looks, 255.0 * guide])).astype(np.int32)
        flat = features.reshape(-1, features.shape[-1]).astype(np.float32)
        flat_bar = np.where(picture[..., 3].ravel() == 255, np.float32(1e7), np.float32(0.0))
        matrix = np.concatenate([flat.T, flat_bar[None]])
        out.append(Level(picture, features, _COMPONENTS, mean, basis, np.ascontiguousarray(matrix)))
    return tuple(out)


def _patches(picture: Bytes) -> Floats:
    """Patches around all pixels of (h, w, 3), (h w, 147), scaled so that squared distances are means over a patch."""
    reach = _PATCH // 2
    padded = cv2.copyMakeBorder(picture, reach, reach, reach, reach, cv2.BORDER_REFLECT_101)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_PATCH, _PATCH), axis=(0, 1))
    return np.asarray(windows.reshape(picture.shape[0] * picture.shape[1], -1), np.float32) / np.float32(_PATCH)


def synthesised(levels: tuple[Level, ...], wanted: Wanted, renewed: Flags, source: Floats) -> Labels:
    """Find positions (h, w, 2) of the photo for the ``renewed`` pixels; the others keep ``source``, which is nan off the land."""
    height, width = renewed.shape
    labels: Labels = np.zeros((0, 0, 2), np.int32)
    previous: Bytes = np.zeros((0, 0, 3), np.uint8)
    for number in reversed(range(LEVELS)):
        level = levels[number]
        size = width >> number, height >> number
        guide = np.dstack([_DEPTH * wanted.depth, _SKY * wanted.sky, _ROW * wanted.row, wanted.trust, renewed])
        small = (
            np.concatenate(
                [
                    cv2.resize(part, size, interpolation=cv2.INTER_AREA)
                    for part in (guide[..., :3], guide[..., 3:].astype(np.float32))
                ],
                -1,
            )
            if False
            else np.dstack(
                [
                    cv2.resize(np.ascontiguousarray(guide[..., i], np.float32), size, interpolation=cv2.INTER_AREA)
                    for i in range(5)
                ]
            )
        )
        picture = cv2.resize(wanted.picture, size, interpolation=cv2.INTER_AREA)
        new = small[..., 4] > 0.3 if number else renewed
        trust = np.rint(16.0 * small[..., 3]).astype(np.int32)
        known = _known(source, number)
        if len(labels):
            up = np.repeat(np.repeat(2 * labels, 2, axis=0), 2, axis=1)
            up[:, 1::2, 0] += 1
            up[1::2, :, 1] += 1
            labels = np.where(new[..., None], up, known)
            coarse = cv2.resize(previous, size, interpolation=cv2.INTER_LINEAR)
            trust = np.where(new, 16, trust)
            picture = np.where(new[..., None], coarse, picture)
        else:
            labels = known.copy()
        labels = np.ascontiguousarray(labels, np.int32)
        picture = np.ascontiguousarray(picture)
        guides = 255.0 * small[..., :3]
        if level.basis is not None:
            first = not len(previous)
            for turn in range(_ROUNDS[number]):
                _search(level, labels, picture, guides, trust, new, first and turn == 0)
                query = _query(level, picture, guides)
                vote(labels, new, 3, level.picture, picture)
                settle(
                    labels,
                    new,
                    picture.copy(),
                    level.picture,
                    query,
                    trust,
                    level.features,
                    level.looks,
                    _SEAM[number],
                    _PASSES[number],
                )
                vote(labels, new, 2, level.picture, picture)
                trust = np.where(new, 16, trust)
        else:
            looks = cv2.GaussianBlur(picture, (0, 0), 1.0)
            query = np.rint(np.dstack([looks, guides])).astype(np.int32)
            _paint(labels, new, level.picture, picture)
            settle(labels, new, picture, level.picture, query, trust, level.features, 3, _SEAM[number], _PASSES[number])
        previous = picture
    return labels


def _known(source: Floats, number: int) -> Labels:
    scale = 2**number
    picked = source[scale // 2 :: scale, scale // 2 :: scale] if number else source
    return np.where(np.isfinite(picked), np.floor(picked / np.float32(scale)), NOWHERE).astype(np.int32)


def _query(level: Level, picture: Bytes, guides: Floats) -> NDArray[np.int32]:
    looks = (_patches(picture) - level.mean) @ level.basis
    return np.rint(np.dstack([looks.reshape(*picture.shape[:2], -1), guides])).astype(np.int32)


def _paint(labels: Labels, new: Flags, exemplar: Bytes, picture: Bytes) -> None:
    y, x = np.nonzero(new)
    u = np.clip(labels[y, x, 0], 0, exemplar.shape[1] - 1)
    v = np.clip(labels[y, x, 1], 0, exemplar.shape[0] - 1)
    labels[y, x, 0], labels[y, x, 1] = u, v
    picture[y, x] = exemplar[v, u, :3]


def _search(
    level: Level, labels: Labels, picture: Bytes, guides: Floats, trust: NDArray[np.int32], new: Flags, fresh: bool
) -> None:
    """Give every ``new`` pixel the position whose patch is nearest to what ``picture`` has around it."""
    y, x = np.nonzero(new)
    if not len(y):
        return
    query = _query(level, picture, guides)[y, x].astype(np.float32)
    share = (trust[y, x].astype(np.float32) / 16.0)[:, None]
    width = level.picture.shape[1]
    matrix = level.matrix
    looks = level.looks
    squares = np.square(matrix[:looks]).sum(0)[None] * share + np.square(matrix[looks:-1]).sum(0)[None] + matrix[-1][None]
    uses = np.zeros(level.picture.shape[:2], np.float32)
    inside = (labels[..., 0] >= 0) & (labels[..., 1] >= 0) & (labels[..., 0] < width) & (labels[..., 1] < len(uses))
    np.add.at(uses, (labels[..., 1][inside], labels[..., 0][inside]), 1.0)
    uses = np.minimum(cv2.blur(uses, (5, 5)), 6.0)
    weighted = query.copy()
    weighted[:, :looks] *= share
    cost = squares - 2.0 * (weighted @ matrix[:-1]) + _OFTEN * uses.reshape(1, -1)
    best = np.argmin(cost, axis=1)
    if not fresh:
        at = np.clip(labels[y, x, 1], 0, len(uses) - 1) * width + np.clip(labels[y, x, 0], 0, width - 1)
        own = np.square(query[:, looks:] - matrix[looks:-1, at].T).sum(1) + share[:, 0] * np.square(
            query[:, :looks] - matrix[:looks, at].T
        ).sum(1)
        found = (
            cost[np.arange(len(best)), best]
            + np.square(query[:, looks:]).sum(1)
            + share[:, 0] * np.square(query[:, :looks]).sum(1)
        )
        own += matrix[-1, at]
        best = np.where(own <= _STAY**2 * found, at, best)
    labels[y, x, 0], labels[y, x, 1] = best % width, best // width
