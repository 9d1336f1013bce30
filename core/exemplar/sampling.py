"""The compiled loops that read the photo through positions, and carry positions from keyframe to view."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes: TypeAlias = NDArray[np.uint8]
    Floats: TypeAlias = NDArray[np.float32]
    Numbers: TypeAlias = NDArray[np.int32]
    Pair: TypeAlias = tuple[int, int]
    Box: TypeAlias = tuple[int, int, int, int]  # top, bottom, left, right
    Seconds: TypeAlias = tuple[NDArray[np.int32], Floats, Floats]  # index, other, share, as ``trace`` has them
    Room: TypeAlias = tuple[Numbers, Numbers, Floats, Floats, Floats, Floats, Floats]  # for what ``_between`` works out


class Patches(NamedTuple):
    """What a keyframe shows, as a compiled loop takes it."""

    source: Floats  # (h, w, 2) positions in the photo
    disparity: Floats  # (h, w); says which pixels are one surface


COHERENT = 2.5  # pixels by which positions of neighbours differ at most within one patch
SURFACE = 1.2  # ratio of disparities from which neighbours are no surface
LEAST = 0.06  # weight from which a second patch is mixed into a pixel, with squares of weights


@njit(nogil=True, cache=True, inline="always")
def _near(source: Floats, y: int, x: int, v: int, u: int) -> bool:
    """Whether two pixels show the same patch: positions differ little for each pixel that they are apart."""
    apart = np.float32(COHERENT * max(abs(v - y), abs(u - x), 1))
    across: bool = abs(source[y, x, 0] - source[v, u, 0]) <= apart
    down: bool = abs(source[y, x, 1] - source[v, u, 1]) <= apart
    return across and down


@njit(nogil=True, cache=True, inline="always")
def _whole(source: Floats, y: int, x: int) -> bool:
    """Whether four pixels, the upper left of them at (y, x), show the same patch."""
    return _near(source, y, x, y, x + 1) and _near(source, y, x, y + 1, x) and _near(source, y, x, y + 1, x + 1)


@njit(nogil=True, cache=True, inline="always")
def _slope(source: Floats, y: int, x: int, dy: int, dx: int, c: int) -> np.float32:
    """How a position steps from pixel to pixel at (y, x) along (dy, dx), by neighbours in the same patch; as a copy's if none."""
    h, w = source.shape[0], source.shape[1]
    a, b = max(y - dy, 0), max(x - dx, 0)
    e, f = min(y + dy, h - 1), min(x + dx, w - 1)
    total, count = np.float32(0.0), 0
    if (a != y or b != x) and _near(source, y, x, a, b):
        total += source[y, x, c] - source[a, b, c]
        count += 1
    if (e != y or f != x) and _near(source, y, x, e, f):
        total += source[e, f, c] - source[y, x, c]
        count += 1
    if count == 0:
        return np.float32(1.0) if (dx == 1) == (c == 0) else np.float32(0.0)
    return total / np.float32(count)


@njit(nogil=True, cache=True, inline="always")
def _grouped(source: Floats, y: int, x: int, groups: Numbers) -> None:
    """Write for 4x4 pixels around a cell, (y, x) its upper left corner, the first of its corners that is of their patch."""
    h, w = source.shape[0], source.shape[1]
    for k in range(16):
        v, u = min(max(y - 1 + (k >> 2), 0), h - 1), min(max(x - 1 + (k & 3), 0), w - 1)
        groups[k] = -1
        for i in range(4):
            if _near(source, y + (i >> 1), x + (i & 1), v, u):
                groups[k] = i
                break


@njit(nogil=True, cache=True, inline="always")
def _apart(disparity: Floats, cell: Pair, corner: int, groups: Numbers) -> None:
    """Take from the ``groups`` around a ``cell`` what is no surface with a ``corner`` of it: each keeps its own to its rim."""
    y, x = cell
    own = disparity[y + (corner >> 1), x + (corner & 1)]
    for k in range(16):
        v = min(max(y - 1 + (k >> 2), 0), disparity.shape[0] - 1)
        u = min(max(x - 1 + (k & 3), 0), disparity.shape[1] - 1)
        if max(own, disparity[v, u]) > np.float32(SURFACE) * min(own, disparity[v, u]):
            groups[k] = -1


@njit(nogil=True, cache=True, inline="always")
def _spline(a: np.float32, out: Floats) -> None:
    """Weights (4,) of a cubic B-spline at ``a`` between the second and the third of four pixels."""
    one, sixth = np.float32(1.0), np.float32(1.0 / 6.0)
    b = one - a
    out[0], out[3] = b * b * b * sixth, a * a * a * sixth
    out[1], out[2] = b - out[0] - out[0] + out[3], a - out[3] - out[3] + out[0]


@njit(nogil=True, cache=True, inline="always")
def _ballot(groups: Numbers, down: Floats, out: Floats) -> None:
    """Add up the rows' weights ``down`` (4,) by group and column, (4, 4): the pixels around a cell vote on whose patch goes on.

    So borders between patches are smooth. Those of the nearest pixels were stairs, larger with each keyframe that carried them.
    """
    out[:] = np.float32(0.0)
    for k in range(16):
        if groups[k] >= 0:
            out[groups[k], k & 3] += down[k >> 2]


@njit(nogil=True, cache=True, inline="always")
def _votes(ballot: Floats, across: Floats, group: int) -> np.float32:
    """How many votes a ``group`` has where columns weigh ``across`` (4,)."""
    votes = np.float32(0.0)
    for c in range(4):
        votes += ballot[group, c] * across[c]
    return votes


@njit(nogil=True, cache=True, inline="always")
def _elected(ballot: Floats, across: Floats, but: int) -> tuple[int, np.float32]:
    """Return the group that has most votes where columns weigh ``across`` (4,), ``but`` left out, and how many."""
    group, most = -1, np.float32(-1.0)
    for g in range(4):
        votes = _votes(ballot, across, g)
        if g != but and votes > most:
            group, most = g, votes
    return group, most


@njit(nogil=True, cache=True, inline="always")
def _nearest(groups: Numbers, group: int, a: np.float32, b: np.float32) -> int:
    """Return the corner of a cell that is in ``group`` and nearest to (a, b)."""
    best, corner = np.float32(-1.0), group
    for i in range(4):
        weight = (a if i & 1 else np.float32(1.0) - a) * (b if i >> 1 else np.float32(1.0) - b)
        if groups[5 + (i & 1) + 4 * (i >> 1)] == group and weight > best:
            best, corner = weight, i
    return corner


@njit(nogil=True, cache=True)
def gathered(patches: Patches, extra: Floats, uv: Floats, wanted: NDArray[np.bool_], out: Floats, more: Floats) -> None:
    """Carry the positions ``patches`` of a keyframe and ``extra`` (h, w, c) to the pixels ``wanted`` that see it at ``uv``."""
    source, h, w = patches.source, patches.source.shape[0], patches.source.shape[1]
    groups, ballot, weights = np.empty(16, np.int32), np.empty((4, 4), np.float32), np.empty(4, np.float32)
    for row in range(uv.shape[0]):
        for column in range(uv.shape[1]):
            if not wanted[row, column]:
                continue
            fx = min(max(uv[row, column, 0] * w - np.float32(0.5), np.float32(0.0)), np.float32(w - 1))
            fy = min(max(uv[row, column, 1] * h - np.float32(0.5), np.float32(0.0)), np.float32(h - 1))
            x, y = min(int(fx), w - 2), min(int(fy), h - 2)
            a, b = fx - x, fy - y
            if _whole(source, y, x):
                for c in range(2):
                    top = source[y, x, c] + a * (source[y, x + 1, c] - source[y, x, c])
                    low = source[y + 1, x, c] + a * (source[y + 1, x + 1, c] - source[y + 1, x, c])
                    out[row, column, c] = top + b * (low - top)
                for c in range(extra.shape[2]):
                    top = extra[y, x, c] + a * (extra[y, x + 1, c] - extra[y, x, c])
                    low = extra[y + 1, x, c] + a * (extra[y + 1, x + 1, c] - extra[y + 1, x, c])
                    more[row, column, c] = top + b * (low - top)
            else:  # the tone steps where patches meet
                _grouped(source, y, x, groups)
                _apart(patches.disparity, (y, x), 2 * int(b >= 0.5) + int(a >= 0.5), groups)
                _spline(b, weights)
                _ballot(groups, weights, ballot)
                _spline(a, weights)
                corner = _nearest(groups, _elected(ballot, weights, -1)[0], a, b)
                ny, nx = y + (corner >> 1), x + (corner & 1)
                for c in range(2):
                    out[row, column, c] = (
                        source[ny, nx, c]
                        + (fx - nx) * _slope(source, ny, nx, 0, 1, c)
                        + (fy - ny) * _slope(source, ny, nx, 1, 0, c)
                    )
                for c in range(extra.shape[2]):
                    more[row, column, c] = extra[ny, nx, c]


@njit(nogil=True, cache=True)
def octaves(steps: Floats) -> None:
    """Turn how far positions step from pixel to pixel, (h, w, 2), into log2 of magnifications."""
    for y in range(steps.shape[0]):
        for x in range(steps.shape[1]):
            for c in range(2):
                steps[y, x, c] = -math.log2(steps[y, x, c])


@njit(nogil=True, cache=True)
def stretches(source: Floats, out: Floats) -> None:
    """Log2 of the larger and the smaller magnification (h, w, 2) of the photo at ``source``: the Jacobian's singular values."""
    for y in range(source.shape[0]):
        for x in range(source.shape[1]):
            xu, xv = _slope(source, y, x, 0, 1, 0), _slope(source, y, x, 1, 0, 0)
            yu, yv = _slope(source, y, x, 0, 1, 1), _slope(source, y, x, 1, 0, 1)
            total, area = xu * xu + xv * xv + yu * yu + yv * yv, abs(xu * yv - xv * yu)
            larger = np.float32(0.5) * (total + np.sqrt(max(total * total - np.float32(4.0) * area * area, np.float32(0.0))))
            larger = max(np.sqrt(larger), np.float32(1e-3))
            out[y, x, 0], out[y, x, 1] = max(area / larger, np.float32(1e-3)), larger
    octaves(out)


@njit(nogil=True, cache=True)
def borders(source: Floats, out: Floats) -> None:
    """Write 1 where a pixel and those to its right and below are not of one patch, (h, w), and else 0."""
    out[:] = np.float32(0.0)
    for y in range(source.shape[0] - 1):
        for x in range(source.shape[1] - 1):
            if not _whole(source, y, x):
                out[y, x] = np.float32(1.0)


@njit(nogil=True, cache=True, inline="always")
def _within(source: Floats, cell: Pair, box: Box, scale: int, place: Floats) -> None:
    """Trace what lies between four pixels of one patch, ``cell`` (y, x) the upper left of them, into ``box`` of ``place``."""
    one, none, middle = np.float32(1.0), np.float32(0.0), np.float32(0.5)
    fine = one / np.float32(scale)
    y, x = cell
    ax, ay = source[y, x, 0], source[y, x, 1]
    bx, by = source[y, x + 1, 0] - ax, source[y, x + 1, 1] - ay
    gx, gy = source[y + 1, x, 0] - ax, source[y + 1, x, 1] - ay
    dx, dy = source[y + 1, x + 1, 0] - ax - bx - gx, source[y + 1, x + 1, 1] - ay - by - gy
    for row in range(box[0], box[1]):
        b = min(max((np.float32(row) + middle) * fine - middle - np.float32(y), none), one)
        for column in range(box[2], box[3]):
            a = min(max((np.float32(column) + middle) * fine - middle - np.float32(x), none), one)
            place[row, column, 0] = ax + a * bx + b * gx + a * b * dx
            place[row, column, 1] = ay + a * by + b * gy + a * b * dy


@njit(nogil=True, cache=True, inline="always")
def _between(patches: Patches, cell: Pair, box: Box, scale: int, place: Floats, seconds: Seconds, count: int, room: Room) -> int:
    """Trace what lies between four pixels of several patches; list the seconds after the first ``count``, return how many."""
    index, other, share = seconds
    source = patches.source
    one, none, middle = np.float32(1.0), np.float32(0.0), np.float32(0.5)
    fine = one / np.float32(scale)
    y, x = cell
    groups, own, ballot, ballots, weights, slopes, across = room
    _grouped(source, y, x, groups)
    for column in range(box[2], box[3]):
        _spline(min(max((np.float32(column) + middle) * fine - middle - np.float32(x), none), one), across[column - box[2]])
    for i in range(4):
        own[i] = groups
        _apart(patches.disparity, cell, i, own[i])
        for k in range(4):
            slopes[i, k] = _slope(source, y + (i >> 1), x + (i & 1), k >> 1, 1 - (k >> 1), k & 1)
    for row in range(box[0], box[1]):
        fy = (np.float32(row) + middle) * fine - middle - np.float32(y)
        b = min(max(fy, none), one)
        _spline(b, weights)
        _ballot(groups, weights, ballot)
        for side in range(2):  # of the surfaces of the corners to the left and to the right
            _ballot(own[2 * int(b > middle) + side], weights, ballots[side])
        for column in range(box[2], box[3]):
            fx = (np.float32(column) + middle) * fine - middle - np.float32(x)
            a = min(max(fx, none), one)
            group = _elected(ballots[int(a > middle)], across[column - box[2]], -1)[0]
            first = _nearest(groups, group, a, b)
            u, v = fx - np.float32(first & 1), fy - np.float32(first >> 1)
            n, m = y + (first >> 1), x + (first & 1)
            place[row, column, 0] = source[n, m, 0] + u * slopes[first, 0] + v * slopes[first, 2]
            place[row, column, 1] = source[n, m, 1] + u * slopes[first, 1] + v * slopes[first, 3]
            most = _votes(ballot, across[column - box[2]], group)
            group, less = _elected(ballot, across[column - box[2]], group)
            if less > np.float32(LEAST) * most:
                second = _nearest(groups, group, a, b)
                u, v = fx - np.float32(second & 1), fy - np.float32(second >> 1)
                n, m = y + (second >> 1), x + (second & 1)
                index[count] = row * scale * source.shape[1] + column
                other[count, 0] = source[n, m, 0] + u * slopes[second, 0] + v * slopes[second, 2]
                other[count, 1] = source[n, m, 1] + u * slopes[second, 1] + v * slopes[second, 3]
                share[count] = min(less * less / (less * less + most * most), middle)
                count += 1
    return count


@njit(nogil=True, cache=True)
def trace(patches: Patches, scale: int, place: Floats, index: NDArray[np.int32], other: Floats, share: Floats) -> int:
    """Trace the positions ``patches`` (h, w, 2) ``scale`` times as finely, into ``place`` (scale h, scale w, 2).

    Within a patch positions are interpolated. Between patches each pixel goes on with the one that has most votes around on its
    surface, and those that a second one reaches are listed: flat ``index`` of the pixel, its position there (n, 2), and what
    ``share`` of it shows that. Returns how many there are.
    """
    source, h, w = patches.source, patches.source.shape[0], patches.source.shape[1]
    half, count = scale // 2, 0
    square, votes = np.empty((4, 4, 4), np.float32), (np.empty(4, np.float32), np.empty((scale, 4), np.float32))
    groups = np.empty((5, 16), np.int32)
    room = (groups[0], groups[1:], square[0], square[1:3], votes[0], square[3], votes[1])
    for cy in range(-1, h):
        y = min(max(cy, 0), h - 2)
        top, bottom = max(scale * cy + half, 0), min(scale * (cy + 1) + half, scale * h)
        for cx in range(-1, w):
            x = min(max(cx, 0), w - 2)
            left, right = max(scale * cx + half, 0), min(scale * (cx + 1) + half, scale * w)
            box = (top, bottom, left, right)
            if _whole(source, y, x):
                _within(source, (y, x), box, scale, place)
            else:
                count = _between(patches, (y, x), box, scale, place, (index, other, share), count, room)
    return count


@njit(nogil=True, cache=True)
def mix(picture: Bytes, index: NDArray[np.int32], other: Bytes, share: Floats) -> None:
    """Mix ``other`` (n, 4) into the pixels ``index`` of ``picture`` (m, 4)."""
    for i in range(len(index)):
        at, weight = index[i], share[i]
        for c in range(4):
            own = np.float32(picture[at, c])
            picture[at, c] = np.uint8(own + weight * (np.float32(other[i, c]) - own) + np.float32(0.5))


@njit(nogil=True, cache=True)
def show_sky(picture: Bytes, sky: Bytes, index: NDArray[np.int32]) -> int:
    """Copy ``sky`` (n, 3) where ``picture`` (n, 4) is nothing else; list in ``index`` where it is both, and return how many."""
    count = 0
    for i in range(len(picture)):
        alpha = picture[i, 3]
        if alpha == 255:
            picture[i, 0], picture[i, 1], picture[i, 2] = sky[i, 0], sky[i, 1], sky[i, 2]
        elif alpha > 0:
            index[count] = i
            count += 1
    return count
