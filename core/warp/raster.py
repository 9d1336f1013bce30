"""The compiled inner loops of the CPU warp: project, rasterise, decode, and the choice among keyframes.

Every kernel works on a band of rows, holds no lock and keeps no state, so bands run on as many threads as there are. Target positions
lie on a fine grid and quads are small, so all edge functions are exact in float64: neighbouring triangles leave no crack, and the
result does not depend on how the rows are banded. ``kernels.cu`` is the same program for a GPU.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from core.warp.lookup import HOLE
from core.warp.visibility import AGREEMENT, GRID, LAND, MAGNIFICATION, NOTHING, SKY, VEILED

_LAND_BIT = np.uint64(1 << 63)
_ID_MASK = np.uint64(0xFFFFFFFF)
_THIRTY_TWO = np.uint64(32)


@njit(nogil=True, cache=True)
def project(vertices, matrix, points, first, last):
    """Project ``vertices`` (n, 3) to ``points`` (n, 4): target x, y in pixels, target disparity, q = z / z' (0 where unusable)."""
    for i in range(first, last):
        u, v, d = vertices[i]
        depth = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2] + matrix[2, 3] * d
        points[i, 3] = 0.0
        if depth >= 1.0 / MAGNIFICATION and depth < math.inf:
            q = 1.0 / depth
            x = (matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2] + matrix[0, 3] * d) * q
            y = (matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2] + matrix[1, 3] * d) * q
            points[i, 0] = math.floor(x * GRID + 0.5) / GRID
            points[i, 1] = math.floor(y * GRID + 0.5) / GRID
            points[i, 2] = d * q
            points[i, 3] = q


@njit(nogil=True, cache=True)
def _rasterise_triangle(a, b, c, keys, top, label, land_bit):
    """Put the triangle of points ``a``, ``b``, ``c`` (clockwise on screen) into ``keys``, whose first row is row ``top``."""
    ax, ay = float(a[0]), float(a[1])
    bx, by = float(b[0]), float(b[1])
    cx, cy = float(c[0]), float(c[1])
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if not area > 0.0:
        return  # seen from behind, or edge-on
    da, db, dc = float(a[2]) / area, float(b[2]) / area, float(c[2]) / area
    left = int(max(math.ceil(min(ax, bx, cx) - 0.5), 0.0))
    right = int(min(math.floor(max(ax, bx, cx) - 0.5), keys.shape[1] - 1.0))
    upper = int(max(math.ceil(min(ay, by, cy) - 0.5), float(top)))
    lower = int(min(math.floor(max(ay, by, cy) - 0.5), top + keys.shape[0] - 1.0))
    for y in range(upper, lower + 1):
        ea = (cx - bx) * (y + 0.5 - by) - (cy - by) * (left + 0.5 - bx)
        eb = (ax - cx) * (y + 0.5 - cy) - (ay - cy) * (left + 0.5 - cx)
        ec = (bx - ax) * (y + 0.5 - ay) - (by - ay) * (left + 0.5 - ax)
        for x in range(left, right + 1):
            if ea >= 0.0 and eb >= 0.0 and ec >= 0.0:
                disparity = np.float32(ea * da + eb * db + ec * dc)
                key = land_bit | (np.uint64(disparity.view(np.uint32)) << _THIRTY_TWO) | label
                if key > keys[y - top, x]:
                    keys[y - top, x] = key
            ea -= cy - by
            eb -= ay - cy
            ec -= by - ay


@njit(nogil=True, cache=True)
def rasterise(points, quads, veiled, keys, top, limit):
    """Leave in ``keys`` (rows, width), whose first row is row ``top``, the nearest triangle of each pixel.

    A key is land bit | disparity bits | triangle number: land before veils, then near before far, then high number before low.
    """
    bottom, right = top + keys.shape[0], keys.shape[1]
    for i in range(len(quads)):
        a, b, c, d = points[quads[i, 0]], points[quads[i, 1]], points[quads[i, 2]], points[quads[i, 3]]
        upper, lower = min(a[1], b[1], c[1], d[1]), max(a[1], b[1], c[1], d[1])
        if not (lower >= top and upper <= bottom and lower - upper <= limit[1]):
            continue
        first, last = min(a[0], b[0], c[0], d[0]), max(a[0], b[0], c[0], d[0])
        if not (last >= 0.0 and first <= right and last - first <= limit[0]):
            continue
        if min(a[3], b[3], c[3], d[3]) > 0.0:
            land_bit = np.uint64(0) if veiled[i] else _LAND_BIT
            _rasterise_triangle(a, b, c, keys, top, np.uint64(2 * i), land_bit)
            _rasterise_triangle(d, c, b, keys, top, np.uint64(2 * i + 1), land_bit)


@njit(nogil=True, cache=True)
def decode(points, vertices, quads, keys, top, shape, surface, uv, disparity, stretch):  # noqa: PLR0913
    """Turn ``keys`` into surface, uv, disparity and stretch of the same rows; ``shape`` is that of the geometry.

    uv is interpolated with weights e_i q_i, the homography of the triangle's plane; the determinant of its Jacobian gives the stretch.
    """
    texels = float(shape[0] * shape[1])
    for row in range(keys.shape[0]):
        y = top + row + 0.5
        for column in range(keys.shape[1]):
            key = keys[row, column]
            if key == 0:
                surface[row, column] = NOTHING
                uv[row, column, 0] = uv[row, column, 1] = disparity[row, column] = stretch[row, column] = 0.0
                continue
            label = key & _ID_MASK
            quad, odd = quads[label >> np.uint64(1)], label & np.uint64(1)
            i, j, k = (quad[3], quad[2], quad[1]) if odd else (quad[0], quad[1], quad[2])
            a, b, c = points[i], points[j], points[k]
            x = column + 0.5
            ea = (c[0] - b[0]) * (y - b[1]) - (c[1] - b[1]) * (x - b[0])
            eb = (a[0] - c[0]) * (y - c[1]) - (a[1] - c[1]) * (x - c[0])
            ec = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
            area = ea + eb + ec
            wa, wb, wc = ea * a[3], eb * b[3], ec * c[3]
            total = wa + wb + wc
            p, q, r = vertices[i], vertices[j], vertices[k]
            surface[row, column] = LAND if key & _LAND_BIT else VEILED
            uv[row, column, 0] = (wa * p[0] + wb * q[0] + wc * r[0]) / total
            uv[row, column, 1] = (wa * p[1] + wb * q[1] + wc * r[1]) / total
            disparity[row, column] = np.uint32((key & ~_LAND_BIT) >> _THIRTY_TWO).view(np.float32)
            source = ((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])) * texels
            scale = total / area
            growth = area / source * scale * scale * scale / (float(a[3]) * b[3] * c[3])
            stretch[row, column] = math.sqrt(growth)


@njit(nogil=True, cache=True)
def keep_nearest(surface, disparity, top_surface, nearest):
    """Fold one keyframe into the nearest surface of all: land before veils, then near before far."""
    for y in range(surface.shape[0]):
        for x in range(surface.shape[1]):
            s, d = surface[y, x], disparity[y, x]
            if s > top_surface[y, x] or (s == top_surface[y, x] and d > nearest[y, x]):
                top_surface[y, x] = s
                nearest[y, x] = d


@njit(nogil=True, cache=True)
def take_finest(view, chosen, top_surface, nearest, finest, slot, coarseness):
    """Take the pixels of keyframe ``slot`` that agree with the nearest surface and sample it more finely than those before.

    ``view`` and ``chosen`` are (surface, uv, disparity, stretch) and (slot, uv, disparity, stretch).
    """
    surface, view_uv, view_disparity, view_stretch = view
    slots, uv, disparity, stretch = chosen
    for y in range(surface.shape[0]):
        for x in range(surface.shape[1]):
            s, d = surface[y, x], view_disparity[y, x]
            if s == NOTHING or s != top_surface[y, x] or d < AGREEMENT * nearest[y, x]:
                continue
            fineness = view_stretch[y, x] * coarseness
            if fineness < finest[y, x]:
                finest[y, x] = fineness
                slots[y, x] = slot
                uv[y, x, 0], uv[y, x, 1] = view_uv[y, x, 0], view_uv[y, x, 1]
                disparity[y, x] = d
                stretch[y, x] = view_stretch[y, x]


@njit(nogil=True, cache=True)
def show_sky(sky, homography, slot, top, size, chosen):
    """Where nothing is chosen yet and rotation alone leads to sky of keyframe ``slot``, show that; ``top`` is the first row."""
    slots, uv, disparity, stretch = chosen
    width, height = size
    for row in range(slots.shape[0]):
        v = (top + row + 0.5) / height
        for x in range(slots.shape[1]):
            if slots[row, x] != HOLE:
                continue
            u = (x + 0.5) / width
            depth = homography[2, 0] * u + homography[2, 1] * v + homography[2, 2]
            if not depth > 1e-6:
                continue
            su = (homography[0, 0] * u + homography[0, 1] * v + homography[0, 2]) / depth
            sv = (homography[1, 0] * u + homography[1, 1] * v + homography[1, 2]) / depth
            if not (su >= 0.0 and su <= 1.0 and sv >= 0.0 and sv <= 1.0):
                continue
            column = min(int(su * sky.shape[1]), sky.shape[1] - 1)
            line = min(int(sv * sky.shape[0]), sky.shape[0] - 1)
            if sky[line, column] >= SKY:
                slots[row, x] = slot
                uv[row, x, 0], uv[row, x, 1] = su, sv
                disparity[row, x] = 0.0
                stretch[row, x] = 1.0
