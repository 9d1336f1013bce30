"""Search: the position whose patch is most like what is wanted, among all of the photo's, for every pixel that is renewed.

Exhaustive, as matrix products: 700 pixels against 5,000 positions take 4 ms. What is rare in the photo, a rock in a meadow or a
lighthouse, may be shown once at a time: those that want it most get it, the others look again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from core.exemplar.levels import SHUT, Level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Numbers = NDArray[np.int32]
    Labels = NDArray[np.int32]

TRUSTED = 16  # parts of trust: 16 is all of it
_CELL = 4  # pixels, side of the squares in which uses are counted
_ROUNDS = 4  # of looking again
_PRICE = 1.0  # of showing a place once more, as a share of its rarity


class Search:
    """The photo at one level, ready to be searched."""

    def __init__(self, level: Level) -> None:
        height, width = level.picture.shape[:2]
        open_at = np.flatnonzero(level.picture[..., 3] != SHUT)
        if not len(open_at):  # a photo that is all sky
            open_at = np.arange(height * width)
        features = level.features.reshape(height * width, -1)[open_at].astype(np.float32)
        self._looks, self._width = level.looks, width
        self._place = open_at
        self._features = np.ascontiguousarray(features.T)
        squares = np.square(features)
        self._squares = squares[:, : self._looks].sum(axis=1), squares[:, self._looks :].sum(axis=1)
        self._rarity = level.rarity[open_at] if level.rarity is not None else np.zeros(len(open_at), np.float32)
        self._index = np.full(height * width + 1, -1)  # the last stands for what is outside
        self._index[open_at] = np.arange(len(open_at))
        y, x = np.divmod(np.arange(height * width), width)
        page, x = np.divmod(x, 2 * level.columns)
        x = page * level.columns + np.minimum(x, 2 * level.columns - 1 - x)  # a mirror image is shown with what it mirrors
        self._cell_of = (y // _CELL) * width + x // _CELL
        self._cell = self._cell_of[open_at]
        self._cells = int(self._cell_of.max()) + 1

    def __call__(self, query: Numbers, trust: Numbers, new: Flags, labels: Labels, stay: float) -> None:
        """Write the positions for the pixels ``new`` (h, w) into ``labels`` (h, w, 2: x, y), which know what else is shown.

        ``query`` (h, w, n) are the features that are wanted, ``trust`` (h, w) in parts of ``TRUSTED`` how much their looks count.
        Labels stay that are at most ``stay`` times as far as the nearest, squared.
        """
        y, x = np.nonzero(new)
        wanted = query[y, x].astype(np.float32)
        share = trust[y, x].astype(np.float32) * np.float32(1.0 / TRUSTED)
        present = self._index[_flat(labels[y, x], self._width, len(self._index) - 1)]
        chosen = self._auctioned(wanted, share, self._uses(labels[~new]), present, stay)
        labels[y, x] = np.stack([self._place[chosen] % self._width, self._place[chosen] // self._width], axis=-1)

    def _uses(self, labels: Labels) -> Floats:
        """How often each cell is shown by ``labels`` (n, 2), 1 being wholly."""
        flat = _flat(labels, self._width, len(self._index) - 1)
        return np.bincount(self._cell_of[flat[flat >= 0]], minlength=self._cells).astype(np.float32) / np.float32(_CELL**2)

    def _auctioned(
        self, wanted: Floats, share: Floats, uses: Floats, present: NDArray[np.int64], stay: float
    ) -> NDArray[np.int64]:
        chosen, bid = np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.float32)
        left = np.arange(len(wanted))
        full = np.float32(1.0)
        for _ in range(_ROUNDS):
            price = (_PRICE * self._rarity * uses[self._cell]).astype(np.float32)
            chosen[left], bid[left] = closest(
                wanted[left], share[left], self._looks, self._features, self._squares, price, present[left], np.float32(stay)
            )
            cell = self._cell[chosen]
            order = np.lexsort((bid, cell))
            rank = np.empty(len(chosen), np.int64)
            rank[order] = np.arange(len(chosen)) - np.searchsorted(cell[order], cell[order])
            late = (rank >= _CELL**2) & (self._rarity[chosen] > 0.0) & (chosen != present)
            left = np.flatnonzero(late)
            if not len(left):
                break
            uses = uses + np.minimum(np.bincount(cell[~late], minlength=self._cells) / np.float32(_CELL**2), full)
        return chosen


@njit(nogil=True, cache=True, fastmath={"nnan", "nsz", "ninf"})
def closest(
    wanted: Floats,
    share: Floats,
    looks: int,
    features: Floats,
    squares: tuple[Floats, Floats],
    price: Floats,
    present: NDArray[np.int64],
    stay: np.float32,
) -> tuple[NDArray[np.int64], Floats]:
    """Index of the column of ``features`` (n, m) nearest to each row of ``wanted`` (k, n), and how far it is.

    The first ``looks`` numbers count by ``share`` (k,); ``squares`` are the sums of theirs and of the others', each (m,). Columns
    have a ``price`` (m,), but for the one that is ``present``, which stays if it is at most ``stay`` times as far.
    Compiled, as it is bound by memory: 3 ms where a matrix product and a minimum over it take 8.
    """
    best, bid = np.empty(len(wanted), np.int64), np.empty(len(wanted), np.float32)
    apart, weight = np.empty(features.shape[1], np.float32), np.empty(len(features), np.float32)
    for i in range(len(wanted)):
        own = np.float32(0.0)
        for d in range(len(weight)):
            weight[d] = wanted[i, d] * share[i] if d < looks else wanted[i, d]
            own += weight[d] * wanted[i, d]
            weight[d] *= np.float32(-2.0)
        for j in range(len(apart)):
            apart[j] = share[i] * squares[0][j] + squares[1][j] + price[j]
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
        lowest = apart[0]
        for j in range(len(apart)):
            lowest = min(lowest, apart[j])
        nearest = 0
        while apart[nearest] != lowest:
            nearest += 1
        held = present[i]
        if held >= 0 and apart[held] - price[held] + own <= stay * (apart[nearest] + own):
            nearest = held
        best[i], bid[i] = nearest, apart[nearest] + own
    return best, bid


def _flat(labels: Labels, width: int, count: int) -> NDArray[np.int64]:
    """Index of positions (n, 2), -1 outside of the photo."""
    at = labels[:, 1].astype(np.int64) * width + labels[:, 0]
    inside = (labels[:, 0] >= 0) & (labels[:, 0] < width) & (labels[:, 1] >= 0) & (at < count)
    return np.where(inside, at, -1)
