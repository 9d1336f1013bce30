"""The compiled loop that settles which patch each renewed pixel belongs to: borders move to where they are least seen.

Labels are positions in the photo. A pixel takes over a neighbour's patch, continued, where that costs less: it must look as it is
wanted (``query`` against the features of ``Exemplar``) and fit its neighbours, from both sides of the border between them. This
is the energy of shift maps (Pritch et al. 2009), lowered pixel by pixel. Pixels two apart are independent, so each pass has four
sub-passes (Lefebvre and Hoppe 2005); all in whole numbers, so that the order within one does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes: TypeAlias = NDArray[np.uint8]
    Labels: TypeAlias = NDArray[np.int32]
    Flags: TypeAlias = NDArray[np.bool_]
    Numbers: TypeAlias = NDArray[np.int32]
    View: TypeAlias = tuple[Labels, Flags, Bytes]  # labels, renewed, picture, as ``settle`` has them
    Pair: TypeAlias = tuple[int, int]

BARRED = 1 << 28  # cost of what may not be copied
NOWHERE = -(1 << 20)  # label of what is not of the photo's land


class Exemplar(NamedTuple):
    """What is copied from, as a compiled loop takes it."""

    picture: Bytes  # (H, W, 4): colours, and 255 where a position may not be copied
    features: Numbers  # (H, W, n)


@njit(nogil=True, cache=True, inline="always")
def _apart(query: Numbers, exemplar: Exemplar, y: int, x: int, v: int, u: int) -> int:
    """How far position (u, v) is from what pixel (x, y) should look like."""
    total = 0
    for d in range(query.shape[2]):
        apart = query[y, x, d] - exemplar.features[v, u, d]
        total += apart * apart
    return total


@njit(nogil=True, cache=True, inline="always")
def _alone(labels: Labels, y: int, x: int) -> bool:
    """Whether any neighbour of pixel (x, y) shows another patch."""
    h, w = labels.shape[0], labels.shape[1]
    for k in range(9):
        ny, nx = y + k // 3 - 1, x + k % 3 - 1
        if k == 4 or ny < 0 or nx < 0 or ny >= h or nx >= w:
            continue
        if labels[ny, nx, 0] - labels[y, x, 0] != nx - x or labels[ny, nx, 1] - labels[y, x, 1] != ny - y:
            return True
    return False


@njit(nogil=True, cache=True, inline="always")
def _borders(view: View, exemplar: Bytes, seam: int, pixel: Pair, at: Pair) -> int:
    """Return what the borders around ``pixel`` (y, x) cost when it shows position ``at`` (v, u)."""
    labels, renewed, picture = view
    h, w = renewed.shape
    eh, ew = exemplar.shape[0], exemplar.shape[1]
    (y, x), (v, u) = pixel, at
    cost = np.int64(0)
    for i in range(9):
        qy, qx = y + i // 3 - 1, x + i % 3 - 1
        if i == 4 or qy < 0 or qx < 0 or qy >= h or qx >= w:
            continue
        dx, dy = qx - x, qy - y
        qu, qv = labels[qy, qx, 0], labels[qy, qx, 1]
        if qu == NOWHERE or (qu == u + dx and qv == v + dy):
            continue
        cost += seam
        a, b = min(max(u + dx, 0), ew - 1), min(max(v + dy, 0), eh - 1)
        for c in range(3):
            apart = np.int64(exemplar[b, a, c]) - picture[qy, qx, c]
            cost += apart * apart
        if renewed[qy, qx]:
            a, b = min(max(qu - dx, 0), ew - 1), min(max(qv - dy, 0), eh - 1)
            for c in range(3):
                apart = np.int64(exemplar[b, a, c]) - exemplar[v, u, c]
                cost += apart * apart
    return int(cost)


@njit(nogil=True, cache=True, inline="always")
def _best(view: View, query: Numbers, exemplar: Exemplar, seam: int, y: int, x: int) -> Pair:
    """Return the position (u, v) that suits pixel (x, y) best: its own, or that with which a neighbour's patch goes on."""
    labels = view[0]
    h, w = labels.shape[0], labels.shape[1]
    eh, ew = exemplar.picture.shape[0], exemplar.picture.shape[1]
    own_u, own_v = labels[y, x, 0], labels[y, x, 1]
    best, best_u, best_v = np.int64(1) << 40, own_u, own_v
    for k in range(9):
        j = (k + 4) % 9  # its own first
        ny, nx = y + j // 3 - 1, x + j % 3 - 1
        if ny < 0 or nx < 0 or ny >= h or nx >= w:
            continue
        u, v = labels[ny, nx, 0] + x - nx, labels[ny, nx, 1] + y - ny
        if u < 0 or v < 0 or u >= ew or v >= eh or (k > 0 and u == own_u and v == own_v):
            continue
        cost = np.int64(16) * _apart(query, exemplar, y, x, v, u)
        if exemplar.picture[v, u, 3] == 255:
            cost += BARRED
        cost += _borders(view, exemplar.picture, seam, (y, x), (v, u))
        if cost < best:
            best, best_u, best_v = cost, u, v
    return best_u, best_v


@njit(nogil=True, cache=True)
def settle(labels: Labels, renewed: Flags, picture: Bytes, query: Numbers, exemplar: Exemplar, seam: int, passes: int) -> None:
    """Let pixels ``renewed`` (h, w) take over their neighbours' ``labels`` (h, w, 2: x, y); ``picture`` (h, w, 3) follows.

    ``query`` (h, w, n) are the features that are wanted, ``seam`` is the price of a border.
    """
    h, w = renewed.shape
    for sub in range(4 * passes):
        for y in range((sub >> 1) & 1, h, 2):
            for x in range(sub & 1, w, 2):
                if not renewed[y, x]:
                    continue
                if exemplar.picture[labels[y, x, 1], labels[y, x, 0], 3] != 255 and not _alone(labels, y, x):
                    continue
                u, v = _best((labels, renewed, picture), query, exemplar, seam, y, x)
                labels[y, x, 0], labels[y, x, 1] = u, v
                for c in range(3):
                    picture[y, x, c] = exemplar.picture[v, u, c]
