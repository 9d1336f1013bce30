"""Search: which pieces of the photo new land is made of.

What is new is cut into pieces (``core.exemplar.pieces``). A piece is copied whole, with the shift that suits it best:
its pixels should look as is wanted, and the photo around it like what lies around it. Few shifts make large patches (He and Sun
2012, "Statistics of Patch Offsets for Image Completion"). What suits badly is a piece of its own in the next turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import cv2
import numpy as np
from numba import njit

from core.exemplar.coherence import NOWHERE
from core.exemplar.levels import COLOUR, SHUT, UNIT, Level
from core.exemplar.pieces import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.exemplar.loops import Loops

    Floats: TypeAlias = NDArray[np.float32]
    Doubles: TypeAlias = NDArray[np.float64]
    Flags: TypeAlias = NDArray[np.bool_]
    Numbers: TypeAlias = NDArray[np.int32]
    Labels: TypeAlias = NDArray[np.int32]
    Indices: TypeAlias = NDArray[np.int64]

_THINGS = 2  # features beyond looks that tell things apart: depth and what stands there
_TURNS = 3  # of cutting pieces from what is left
_SUITS = 2.0  # times as far from what is wanted as the piece is on the average, up to which a pixel stays in it
_SPECK = 3  # pixels, square: less of it that suits badly stays too
_BARRED = (0.6 * UNIT) ** 2  # distance of what may not be copied, and largest
_GOES_ON = 0.4  # share that a shift costs less if all that is around has it
_SUGGESTED = 4.0  # times as far as the best shift that may be which was suggested, to be taken
_CELL = 4  # pixels, side of the squares in which uses are counted
_PRICE = 4.0  # of showing a place once more, as a share of its rarity
_FOREIGN = 2.0  # of showing what the first photo has nothing like, as a share of how far it is from all that it has


class Positions(NamedTuple):
    """All positions of the photo at one level, row by row, as a compiled loop takes them."""

    features: Floats  # (n, positions), as ``Level`` has them
    squares: tuple[Floats, Floats, Floats]  # (positions,) each: what those of detail, of mean colour and of the others add up to
    closed: Floats  # (positions,) 0, or what keeps them from being copied
    looks: int  # how many of the features are looks
    width: int  # positions in a row


class Believed(NamedTuple):
    """How far what is seen counts, all (h, w)."""

    trust: Floats  # [0, 1], weight of the looks of what is new
    colour: Floats  # weight of their mean colour, which a streaked picture has right
    area: Floats  # [0, 1], of the photo per pixel of what is known: what is magnified is shown no more often for that


class Piece(NamedTuple):
    """The pixels of a piece, and after them those around it."""

    at: Indices  # (k, 2) row and column
    wanted: Floats  # (k, n) features
    detail: Floats  # (k,) weight of looks but for their mean colour
    colour: Floats  # (k,) weight of that
    places: Floats  # (k,) weight of depth, sky and row: none around the piece
    size: int  # how many are of the piece itself


class Search:
    """The photo at one level, ready to be searched."""

    def __init__(self, level: Level, loops: Loops) -> None:
        self._loops = loops
        height, width = level.picture.shape[:2]
        features = level.features.reshape(height * width, -1).astype(np.float32)
        sums = _sums(np.square(features), level.looks)
        shut = level.picture[..., 3].ravel() == SHUT
        shut &= not shut.all()  # of a photo that is all sky all may be copied
        closed = np.where(shut, np.float32(_BARRED), np.float32(0.0))
        self._positions = Positions(np.ascontiguousarray(features.T), sums, closed, level.looks, width)
        self._size = np.array([width, height])
        self._rarity = level.rarity if level.rarity is not None else np.zeros(height * width, np.float32)
        self._foreign = np.float32(0.0) if level.foreign is None else _FOREIGN * level.foreign
        y, x = np.divmod(np.arange(height * width), width)
        page, x = np.divmod(x, 2 * level.columns)
        x = page * level.columns + np.minimum(x, 2 * level.columns - 1 - x)  # a mirror image is shown with what it mirrors
        self._cell = (y // _CELL) * width + x // _CELL

    def __call__(self, query: Numbers, believed: Believed, new: Flags, labels: Labels) -> None:
        """Write the positions for the pixels ``new`` (h, w) into ``labels`` (h, w, 2: x, y), which know what else is shown.

        ``query`` (h, w, n) are the features that are wanted, also beside what is new. ``labels`` that are given for what is new
        are taken if they suit it.
        """
        suggested = labels.copy()
        given = labels[..., 0] != NOWHERE
        placed = ~new & given
        area = np.where(new, np.float32(1.0), believed.area)
        looks = self._positions.looks
        # a piece has suggestions or has none: they weigh like a whole look
        tells_apart = np.dstack([query[..., looks - COLOUR : looks + _THINGS] * np.float32(1.0 / UNIT), given])
        for turn in range(_TURNS):
            for part in pieces(new & ~placed, tells_apart):
                piece = _piece(part, placed, query, believed)
                price = self._price(labels[placed], area[placed])
                found, suits = self._found(piece, price, labels, suggested)
                suits |= turn == _TURNS - 1
                rows, columns = piece.at[: piece.size][suits].T
                labels[rows, columns] = np.clip(found[suits], 0, self._size - 1)
                placed[rows, columns] = True

    def _price(self, shown: Labels, area: Floats) -> Floats:
        """Return what it costs to show each position, (positions,), when ``shown`` (m, 2) are shown already, so much of each."""
        uses = np.bincount(self._cell[self._flat(shown)], area, len(self._cell)) / _CELL**2
        return np.asarray(_PRICE * self._rarity * uses[self._cell] + self._foreign, np.float32)

    def _found(self, piece: Piece, price: Floats, labels: Labels, suggested: Labels) -> tuple[Labels, Flags]:
        """Positions (size, 2) for ``piece``, and which of them suit."""
        corner = piece.at.min(axis=0)
        extent = piece.at.max(axis=0) - corner
        total = np.full((self._size[1] + extent[0], self._size[0] + extent[1]), float(len(piece.at) * _BARRED))
        self._loops.add_up(piece, self._positions, price, piece.at - corner, total)
        own, around = piece.at[: piece.size], piece.at[piece.size :]
        shifts = labels[around[:, 0], around[:, 1], ::-1] - around + corner + extent
        common, count = np.unique(shifts[((shifts >= 0) & (shifts < total.shape)).all(axis=1)], axis=0, return_counts=True)
        total[common[:, 0], common[:, 1]] *= 1.0 - _GOES_ON * count / max(len(around), 1)
        shift = np.array(np.unravel_index(int(total.argmin()), total.shape)) - corner - extent
        found = (own + shift)[:, ::-1].astype(np.int32)
        apart, hint = self._apart(piece, found), suggested[own[:, 0], own[:, 1]]
        given = hint[:, 0] != NOWHERE
        if given.mean() > 0.5:
            other = self._apart(piece, hint)  # what has no suggestion looks again, beside what has
            if other.mean() <= _SUGGESTED * apart.mean():
                found, apart = np.where(given[:, None], hint, found), other
        suits = (apart < _BARRED) & ~_badly(piece, apart > _SUITS * apart.mean())
        return found, suits if suits.any() else apart <= np.median(apart)

    def _apart(self, piece: Piece, labels: Labels) -> Floats:
        """How far the positions ``labels`` (size, 2) are from what ``piece`` should show, squared, (size,)."""
        positions, size = self._positions, piece.size
        flat = self._flat(labels)
        squares = np.square(positions.features.T[flat] - piece.wanted[:size])
        detail, colour, places = _sums(squares, positions.looks)
        inside = ((labels >= 0) & (labels < self._size)).all(axis=1) & (positions.closed[flat] == 0.0)
        return np.where(inside, piece.detail[:size] * detail + piece.colour[:size] * colour + places, np.float32(_BARRED))

    def _flat(self, labels: Labels) -> Indices:
        """Index of positions (m, 2); of those outside that of the nearest inside."""
        x, y = np.clip(labels, 0, self._size - 1).astype(np.int64).T
        return np.asarray(y * self._size[0] + x)


def _sums(squares: Floats, looks: int) -> tuple[Floats, Floats, Floats]:
    """Add up ``squares`` (m, n) of features over those of detail, of mean colour and of the others."""
    parts = np.split(squares, [looks - COLOUR, looks], axis=1)
    detail, colour, places = (np.asarray(part.sum(axis=1), np.float32) for part in parts)
    return detail, colour, places


def _piece(part: Flags, placed: Flags, query: Numbers, believed: Believed) -> Piece:
    around = (cv2.dilate(part.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & placed
    at = np.concatenate([np.argwhere(part), np.argwhere(around)])
    rows, columns = at.T
    size = int(part.sum())
    detail, colour, places = np.ones(len(at), np.float32), np.ones(len(at), np.float32), np.zeros(len(at), np.float32)
    own = rows[:size], columns[:size]
    detail[:size], colour[:size], places[:size] = believed.trust[own], believed.colour[own], 1.0
    return Piece(at, query[rows, columns].astype(np.float32), detail, colour, places, size)


def _badly(piece: Piece, apart: Flags) -> Flags:
    """Those of the pixels that are far ``apart`` (size,) that lie together."""
    rows, columns = piece.at[: piece.size].T
    where = np.zeros(piece.at.max(axis=0) + 2 * _SPECK, np.uint8)  # with a rim: nothing beyond a border is far apart
    where[rows + _SPECK, columns + _SPECK] = apart
    together = cv2.morphologyEx(where, cv2.MORPH_OPEN, np.ones((_SPECK, _SPECK), np.uint8))
    return np.asarray(together[rows + _SPECK, columns + _SPECK] > 0)


@njit(nogil=True, cache=True, fastmath={"nnan", "nsz", "ninf"})
def add_up(piece: Piece, positions: Positions, price: Floats, at: Indices, total: Doubles) -> None:
    """Add up in ``total`` what each shift costs ``piece``.

    ``at`` (k, 2) are the pixels from the piece's upper left corner. ``total`` has a row and a column for each shift, the first of
    which puts the lower right corner on the first position, and begins as if all positions were barred.
    """
    features, barred = positions.features, np.float32(_BARRED)
    (of_detail, of_colour, of_places), closed = positions.squares, positions.closed
    apart, weight = np.empty(features.shape[1], np.float32), np.empty(len(features), np.float32)
    height, width = features.shape[1] // positions.width, positions.width
    for i in range(len(at)):
        detail, colour, places, own = piece.detail[i], piece.colour[i], piece.places[i], np.float32(0.0)
        for d in range(len(weight)):
            counts = detail if d < positions.looks - COLOUR else (colour if d < positions.looks else places)
            weight[d] = piece.wanted[i, d] * counts
            own += weight[d] * piece.wanted[i, d]
            weight[d] *= np.float32(-2.0)
        for j in range(len(apart)):
            apart[j] = own + detail * of_detail[j] + colour * of_colour[j] + places * (of_places[j] + price[j]) + closed[j]
        for d in range(0, len(weight), 5):  # five at a time, or memory is what it waits for
            a, b, c, e, f = weight[d], weight[d + 1], weight[d + 2], weight[d + 3], weight[d + 4]
            for j in range(len(apart)):
                apart[j] += (
                    a * features[d, j]
                    + b * features[d + 1, j]
                    + c * features[d + 2, j]
                    + e * features[d + 3, j]
                    + f * features[d + 4, j]
                )
        top, left = total.shape[0] - height - at[i, 0], total.shape[1] - width - at[i, 1]
        for y in range(height):
            row, line = total[top + y, left : left + width], apart[y * width : (y + 1) * width]
            for x in range(width):
                row[x] += min(line[x], barred) - barred
