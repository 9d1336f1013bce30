"""Synthesis: which positions of the photo the renewed pixels of a view show, from coarse to fine.

At 64x40 pieces of the photo are searched for (``core.exemplar.search``). There, at 128x80 and at 256x160 the borders between them
move to where they are least seen (``core.exemplar.coherence``). Every pixel of a level hands its position down to four; in what
is too narrow for a piece the land beside it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from core.classical.fill import nearest
from core.exemplar.coherence import NOWHERE, Exemplar
from core.exemplar.levels import LEVELS, levels_of, subdued
from core.exemplar.search import Believed, Search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.exemplar.atlas import Atlas
    from core.exemplar.loops import Loops

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Labels = NDArray[np.int32]

_SEAM = 160, 240, 320  # price of a border, by level
_PASSES = 2, 3, 4  # of settling, by level; at the coarsest none left dunes in blots (coherence .743, not .735, on twelve photos)
_NARROW = 7  # pixels: in what is narrower the land beside it goes on
_BEFORE = 0.04  # of the guide of depth, from which it does
_SOME = 0.3  # share of renewed pixels from which a coarser pixel is renewed


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a view should show, all (h, w[, ...])."""

    picture: Bytes  # (h, w, 3) land without sky
    guides: Floats  # (h, w, 3), as ``core.exemplar.levels.guide`` has them
    believed: Believed  # of ``picture``
    new: Flags  # what is to be renewed
    source: Floats  # (h, w, 2) what is shown elsewhere, and what might be where it is new; nan off the land

    def padded(self) -> Wanted:
        """Return the same with sides that can be halved to the coarsest level; what is added is not new."""
        height, width = self.new.shape
        below, right = -height % 2 ** (LEVELS - 1), -width % 2 ** (LEVELS - 1)
        if not below and not right:
            return self
        plane, planes = ((0, below), (0, right)), ((0, below), (0, right), (0, 0))
        return Wanted(
            np.pad(self.picture, planes, mode="edge"),
            np.pad(self.guides, planes, mode="edge"),
            Believed(*(np.pad(part, plane, mode="edge") for part in self.believed)),
            np.pad(self.new, plane),
            np.pad(self.source, planes, constant_values=np.nan),
        )

    def at(self, number: int) -> Wanted:
        """Return the same at a coarser level."""
        if number == 0:
            return self
        scale = 2**number
        size = self.new.shape[1] // scale, self.new.shape[0] // scale
        wide = _wide(self.new) if number == LEVELS - 1 else self.new
        picture = np.asarray(cv2.resize(self.picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        guides, new, *believed = (
            np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)
            for part in (self.guides, wide.astype(np.float32), *self.believed)
        )
        source = self.source[scale // 2 :: scale, scale // 2 :: scale] / scale
        return Wanted(picture, guides, Believed(*believed), new > _SOME, source)

    def labels(self) -> Labels:
        """Return the ``source`` in whole pixels (h, w, 2), or ``NOWHERE``."""
        return np.where(np.isfinite(self.source), np.floor(self.source), NOWHERE).astype(np.int32)


class Synthesis:
    """A photo, ready to be copied from."""

    def __init__(self, atlas: Atlas, loops: Loops, mirror: Flags | None = None) -> None:
        """Of the ``mirror`` (h, w) in the first photo of ``atlas`` nothing is copied."""
        self.levels, self._loops = levels_of(atlas, mirror), loops
        self._search = Search(self.levels[-1], loops)

    def __call__(self, wanted: Wanted) -> Labels:
        """Return the positions (h, w, 2: x, y) that are shown: new ones where wanted, else as they were, or ``NOWHERE``."""
        height, width = wanted.new.shape
        wanted = wanted.padded()
        coarse = wanted.at(LEVELS - 1)
        labels, picture, new = coarse.labels(), coarse.picture, coarse.new
        self._searched(coarse, labels, picture)
        for number in reversed(range(LEVELS - 1)):
            here = wanted.at(number)
            known, renewed = here.labels(), here.new[..., None]
            labels = np.where(renewed, _handed_down(labels), known)
            beside = ~here.new & (known[..., 0] != NOWHERE) & ~_in_front(here.guides[..., 0])
            _go_on(labels, here.new & ~_doubled(new), beside)
            painted = cv2.resize(picture, here.new.shape[::-1], interpolation=cv2.INTER_LINEAR)
            picture, new = np.where(renewed, painted, here.picture), here.new
            self._settled(number, here, labels, picture)
        return np.ascontiguousarray(labels[:height, :width])

    def _searched(self, wanted: Wanted, labels: Labels, picture: Bytes) -> None:
        """Find ``labels`` for what is new at the coarsest level, settle them, and paint ``picture`` with them."""
        level, new = self.levels[-1], wanted.new
        beside = cv2.dilate(new.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        self._search(level.query(picture, wanted.guides, beside, self._loops), wanted.believed, new, labels)
        _paint(labels, new, level.picture, picture)
        self._settled(LEVELS - 1, wanted, labels, picture)

    def _settled(self, number: int, wanted: Wanted, labels: Labels, picture: Bytes) -> None:
        """Let borders between patches move at a level, and paint ``picture``."""
        level, new = self.levels[number], wanted.new
        query = level.query(picture, wanted.guides, new, self._loops)
        detail = subdued(picture)
        _paint(labels, new, level.detail, detail)
        exemplar = Exemplar(level.detail, level.features)
        self._loops.settle(labels, new, detail, query, exemplar, _SEAM[number], _PASSES[number])
        _paint(labels, new, level.picture, picture)


def _wide(new: Flags) -> Flags:
    """Return what is ``new`` (h, w) without what is narrow."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_NARROW, _NARROW))
    padded = np.pad(new, _NARROW, mode="edge").astype(np.uint8)
    return np.asarray(cv2.morphologyEx(padded, cv2.MORPH_OPEN, kernel))[_NARROW:-_NARROW, _NARROW:-_NARROW] > 0


def _in_front(depth: Floats) -> Flags:
    """Return where (h, w) something stands before what is behind it, by the guide of depth."""
    return np.asarray(depth > cv2.erode(depth, np.ones((5, 5), np.uint8)) + _BEFORE)


def _go_on(labels: Labels, narrow: Flags, known: Flags) -> None:
    """Let the ``labels`` (h, w, 2) of the nearest ``known`` pixels go on in what is ``narrow``."""
    y, x = np.nonzero(narrow)
    if not len(y) or not known.any():
        return
    rows, columns = (index[y, x] for index in nearest(known))
    labels[y, x] = labels[rows, columns] + np.stack([x - columns, y - rows], axis=-1)


def _doubled(picture: NDArray[Any]) -> NDArray[Any]:
    """Each pixel of ``picture`` (h, w, ...) four times."""
    return np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1)


def _handed_down(labels: Labels) -> Labels:
    """Positions (h, w, 2) at twice the density, (2 h, 2 w, 2)."""
    out = _doubled(2 * labels)
    out[:, 1::2, 0] += 1
    out[1::2, :, 1] += 1
    return out


def _paint(labels: Labels, new: Flags, exemplar: Bytes, picture: Bytes) -> None:
    """Put what ``new`` pixels show into ``picture`` (h, w, 3), and keep their ``labels`` within the photo."""
    height, width = exemplar.shape[:2]
    y, x = np.nonzero(new)
    labels[y, x] = np.clip(labels[y, x], 0, (width - 1, height - 1))
    picture[y, x] = exemplar[labels[y, x, 1], labels[y, x, 0], :3]
