"""Synthesis: which positions of the photo the renewed pixels of a view show, from coarse to fine.

At 32x20 and 64x40 positions are searched for (``core.exemplar.search``), and patches that overlap vote on what is wanted next. At
128x80 and 256x160 nothing is searched for: pixels take over their neighbours' patches (``core.exemplar.coherence``). Every
pixel of a level hands its position down to four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.exemplar.coherence import NOWHERE, Exemplar, Meant, settle, vote
from core.exemplar.levels import LEVELS, SEARCHED, levels_of, subdued
from core.exemplar.search import TRUSTED, Search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.exemplar.atlas import Atlas

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Labels = NDArray[np.int32]
    Numbers = NDArray[np.int32]

_ROUNDS = 2  # of search and vote
_STAY = 4.0, 1.7  # times as far as the nearest, squared, what is there may be and stays: what was suggested, what was found
_REACH = 3, 2  # pixels around one whose patches vote on it, before and after borders have settled
_SEAM = 160, 240, 400, 400  # price of a border, by level
_PASSES = 2, 2, 2, 1  # of settling, by level
_SOME = 0.3  # share of renewed pixels from which a coarser pixel is renewed


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a view should show, all (h, w[, ...])."""

    picture: Bytes  # (h, w, 3) land without sky
    guides: Floats  # (h, w, 3), as ``core.exemplar.levels.guide`` has them
    trust: Floats  # [0, 1] in ``picture``
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
            np.pad(self.trust, plane, mode="edge"),
            np.pad(self.new, plane),
            np.pad(self.source, planes, constant_values=np.nan),
        )

    def at(self, number: int) -> Wanted:
        """Return the same at a coarser level."""
        if number == 0:
            return self
        scale = 2**number
        size = self.new.shape[1] // scale, self.new.shape[0] // scale
        picture, guides, trust, new = (
            np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA))
            for part in (self.picture, self.guides, self.trust, self.new.astype(np.float32))
        )
        source = self.source[scale // 2 :: scale, scale // 2 :: scale] / scale
        return Wanted(np.asarray(picture, np.uint8), np.asarray(guides, np.float32), np.asarray(trust), new > _SOME, source)


class Synthesis:
    """A photo, ready to be copied from."""

    def __init__(self, atlas: Atlas) -> None:
        self.levels = levels_of(atlas)
        self._searches = {number: Search(self.levels[number]) for number in range(SEARCHED, LEVELS)}

    def __call__(self, wanted: Wanted) -> Labels:
        """Return the positions (h, w, 2: x, y) that are shown: new ones where wanted, else as they were, or ``NOWHERE``."""
        height, width = wanted.new.shape
        wanted = wanted.padded()
        labels, picture = None, None
        for number in reversed(range(LEVELS)):
            here = wanted.at(number)
            known = np.where(np.isfinite(here.source), np.floor(here.source), NOWHERE).astype(np.int32)
            trust = np.rint(TRUSTED * here.trust).astype(np.int32)
            if labels is None or picture is None:
                labels, picture = known, here.picture.copy()
            else:
                labels = np.where(here.new[..., None], _handed_down(labels), known)
                size = here.new.shape[::-1]
                coarse = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
                picture = np.where(here.new[..., None], coarse, here.picture)
                trust[here.new] = TRUSTED
            if number >= SEARCHED:
                self._search(number, here, trust, labels, picture)
            else:
                self._settle(number, here, trust, labels, picture)
        assert labels is not None  # noqa: S101 - there is more than one level
        return np.ascontiguousarray(labels[:height, :width])

    def _search(self, number: int, wanted: Wanted, trust: Numbers, labels: Labels, picture: Bytes) -> None:
        """Find ``labels`` for what is new at a coarse level, and paint ``picture`` with them."""
        level, new = self.levels[number], wanted.new
        if not new.any():
            return
        for turn in range(_ROUNDS):
            query = level.query(picture, wanted.guides, new)
            self._searches[number](query, trust, new, labels, stay=_STAY[min(turn + LEVELS - 1 - number, 1)])
            vote(labels, new, _REACH[0], level.picture, picture)
            exemplar = Exemplar(level.picture, level.features, level.looks)
            settle(labels, new, picture.copy(), Meant(query, trust), exemplar, _SEAM[number], _PASSES[number])
            vote(labels, new, _REACH[1], level.picture, picture)
            trust[new] = TRUSTED

    def _settle(self, number: int, wanted: Wanted, trust: Numbers, labels: Labels, picture: Bytes) -> None:
        """Let borders between patches move at a fine level, and paint ``picture``."""
        level, new = self.levels[number], wanted.new
        query = level.query(picture, wanted.guides, new)
        detail = subdued(picture)
        _paint(labels, new, level.detail, detail)
        exemplar = Exemplar(level.detail, level.features, level.looks)
        settle(labels, new, detail, Meant(query, trust), exemplar, _SEAM[number], _PASSES[number])
        _paint(labels, new, level.picture, picture)


def _handed_down(labels: Labels) -> Labels:
    """Positions (h, w, 2) at twice the density, (2 h, 2 w, 2)."""
    out = np.repeat(np.repeat(2 * labels, 2, axis=0), 2, axis=1)
    out[:, 1::2, 0] += 1
    out[1::2, :, 1] += 1
    return out


def _paint(labels: Labels, new: Flags, exemplar: Bytes, picture: Bytes) -> None:
    """Put what ``new`` pixels show into ``picture`` (h, w, 3), and keep their ``labels`` within the photo."""
    height, width = exemplar.shape[:2]
    y, x = np.nonzero(new)
    labels[y, x] = np.clip(labels[y, x], 0, (width - 1, height - 1))
    picture[y, x] = exemplar[labels[y, x, 1], labels[y, x, 0], :3]
