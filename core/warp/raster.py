"""The compiled inner loops of the CPU warp: project, rasterise, decode, and the choice among keyframes.

Every kernel works on a band of rows, holds no lock and keeps no state, so bands run on as many threads as there are. Target
positions lie on a fine grid and quads are small, so all edge functions are exact in float64: neighbouring triangles leave no
crack, and the result does not depend on how the rows are banded. ``kernels.cu`` is the same program for a GPU.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numba import njit

from core.warp.lookup import HOLE
from core.warp.visibility import (
    AGREEMENT,
    BEHIND,
    CLEAR,
    CRACK,
    FINER,
    GRID,
    LAND,
    MAGNIFICATION,
    NOTHING,
    OUTSIDE,
    SKY,
    STREAK,
    VEILED,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes: TypeAlias = NDArray[np.uint8]
    Floats: TypeAlias = NDArray[np.float32]
    Doubles: TypeAlias = NDArray[np.float64]
    Indices: TypeAlias = NDArray[np.int32]
    Keys: TypeAlias = NDArray[np.uint64]
    Flags: TypeAlias = NDArray[np.bool_]
    View: TypeAlias = tuple[Bytes, Floats, Floats, Floats]  # surface, uv, disparity, stretch
    Witness: TypeAlias = tuple[Doubles, Floats, Floats]  # the way back from the target to a keyframe, its disparity, its sky
    Chosen: TypeAlias = tuple[NDArray[np.int8], Floats, Floats, Floats]  # slot, uv, disparity, stretch

_LAND_BIT = np.uint64(1 << 63)
_ID_MASK = np.uint64(0xFFFFFFFF)
_THIRTY_TWO = np.uint64(32)


@njit(nogil=True, cache=True)
def project(vertices: Floats, matrix: Doubles, cell: Doubles, points: Floats, first: int, last: int) -> None:
    """Project ``vertices`` (n, 5) to ``points`` (n, 5): target x, y in pixels, disparity there, q = z / z', stretch.

    q is 0 for vertices that cannot be used: behind the camera, too close, or not finite. ``cell`` is the size of
    a geometry pixel in uv. Stretch comes from the Jacobian from geometry to target pixels, by the slopes of the vertex's plane:
    the root of its determinant, or ``STREAK`` times its larger singular value where a surface is drawn out to streaks.
    """
    for i in range(first, last):
        u, v, d = np.float64(vertices[i, 0]), np.float64(vertices[i, 1]), np.float64(vertices[i, 2])
        depth = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2] + matrix[2, 3] * d
        points[i, 3] = 0.0
        q = 1.0 / depth if depth != 0.0 else 0.0
        x = (matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2] + matrix[0, 3] * d) * q
        y = (matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2] + matrix[1, 3] * d) * q
        if q > 0.0 and q <= MAGNIFICATION and abs(x) < OUTSIDE and abs(y) < OUTSIDE:
            points[i, 0] = math.floor(x * GRID + 0.5) / GRID
            points[i, 1] = math.floor(y * GRID + 0.5) / GRID
            points[i, 2] = d * q
            points[i, 3] = q
            g, h = np.float64(vertices[i, 3]), np.float64(vertices[i, 4])
            along_u, along_v = matrix[2, 0] + matrix[2, 3] * g, matrix[2, 1] + matrix[2, 3] * h
            xu = (matrix[0, 0] + matrix[0, 3] * g - x * along_u) * cell[0]
            xv = (matrix[0, 1] + matrix[0, 3] * h - x * along_v) * cell[1]
            yu = (matrix[1, 0] + matrix[1, 3] * g - y * along_u) * cell[0]
            yv = (matrix[1, 1] + matrix[1, 3] * h - y * along_v) * cell[1]
            total, area = xu * xu + xv * xv + yu * yu + yv * yv, xu * yv - xv * yu
            longer = 0.5 * (total + math.sqrt(max(total * total - 4.0 * area * area, 0.0)))
            points[i, 4] = q * math.sqrt(max(abs(area), longer * STREAK * STREAK))


@njit(nogil=True, cache=True)
def _rasterise_triangle(
    points: Floats, corners: tuple[int, int, int], keys: Keys, top: int, label: np.uint64, land_bit: np.uint64
) -> None:
    """Put the triangle of points ``corners`` (clockwise on screen) into ``keys``, whose first row is row ``top``."""
    a, b, c = corners
    ax, ay = np.float64(points[a, 0]), np.float64(points[a, 1])
    bx, by = np.float64(points[b, 0]), np.float64(points[b, 1])
    cx, cy = np.float64(points[c, 0]), np.float64(points[c, 1])
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if not area > 0.0:
        return  # seen from behind, or edge-on
    left = max(math.ceil(min(ax, bx, cx) - 0.5), 0)
    right = min(math.floor(max(ax, bx, cx) - 0.5), keys.shape[1] - 1)
    upper = max(math.ceil(min(ay, by, cy) - 0.5), top)
    lower = min(math.floor(max(ay, by, cy) - 0.5), top + keys.shape[0] - 1)
    da, db, dc = points[a, 2] / area, points[b, 2] / area, points[c, 2] / area
    for y in range(upper, lower + 1):
        ea = (cx - bx) * (y + 0.5 - by) - (cy - by) * (left + 0.5 - bx)
        eb = (ax - cx) * (y + 0.5 - cy) - (ay - cy) * (left + 0.5 - cx)
        ec = (bx - ax) * (y + 0.5 - ay) - (by - ay) * (left + 0.5 - ax)
        for x in range(left, right + 1):
            if ea >= 0.0 and eb >= 0.0 and ec >= 0.0:
                disparity = np.float32(ea * da + eb * db + ec * dc)
                key = land_bit | (np.uint64(disparity.view(np.uint32)) << _THIRTY_TWO) | label
                if key > keys[y - top, x]:  # noqa: PLR1730 - most of what is hidden needs no store
                    keys[y - top, x] = key
            ea -= cy - by
            eb -= ay - cy
            ec -= by - ay


@njit(nogil=True, cache=True)
def rasterise(points: Floats, quads: Indices, veiled: Flags, keys: Keys, top: int, limit: Doubles) -> None:
    """Leave in ``keys`` (rows, width), whose first row is row ``top``, the nearest triangle of each pixel.

    A key is land bit | disparity bits | triangle number: land before veils, then near before far, then high number before low.
    """
    bottom, right = top + keys.shape[0], keys.shape[1]
    for i in range(len(quads)):
        a, b, c, d = quads[i, 0], quads[i, 1], quads[i, 2], quads[i, 3]
        upper = min(points[a, 1], points[b, 1], points[c, 1], points[d, 1])
        lower = max(points[a, 1], points[b, 1], points[c, 1], points[d, 1])
        if not (lower >= top and upper <= bottom and lower - upper <= limit[1]):
            continue
        first = min(points[a, 0], points[b, 0], points[c, 0], points[d, 0])
        last = max(points[a, 0], points[b, 0], points[c, 0], points[d, 0])
        if not (last >= 0.0 and first <= right and last - first <= limit[0]):
            continue
        if min(points[a, 3], points[b, 3], points[c, 3], points[d, 3]) > 0.0:
            land_bit = np.uint64(0) if veiled[i] else _LAND_BIT
            _rasterise_triangle(points, (a, b, c), keys, top, np.uint64(2 * i), land_bit)
            _rasterise_triangle(points, (d, c, b), keys, top, np.uint64(2 * i + 1), land_bit)


@njit(nogil=True, cache=True)
def decode(points: Floats, vertices: Floats, quads: Indices, keys: Keys, top: int, view: View) -> None:
    """Turn ``keys`` into the same rows of ``view``.

    uv is interpolated with weights e_i q_i: the homography of the triangle's plane.
    """
    surface, uv, disparity, stretch = view
    for row in range(keys.shape[0]):
        y = top + row + 0.5
        for column in range(keys.shape[1]):
            key = keys[row, column]
            if key == 0:
                surface[row, column] = NOTHING
                uv[row, column, 0] = uv[row, column, 1] = disparity[row, column] = stretch[row, column] = 0.0
                continue
            label = key & _ID_MASK
            quad, odd = label >> np.uint64(1), label & np.uint64(1)
            a, c = quads[quad, 3 * odd], quads[quad, 2 - odd]
            b = quads[quad, 1 + odd]
            x = column + 0.5
            ax, ay, bx, by = points[a, 0] - x, points[a, 1] - y, points[b, 0] - x, points[b, 1] - y
            cx, cy = points[c, 0] - x, points[c, 1] - y
            ea, eb, ec = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
            wa, wb, wc = ea * points[a, 3], eb * points[b, 3], ec * points[c, 3]
            total = wa + wb + wc
            au, av, bu, bv = vertices[a, 0], vertices[a, 1], vertices[b, 0], vertices[b, 1]
            cu, cv = vertices[c, 0], vertices[c, 1]
            surface[row, column] = LAND if key & _LAND_BIT else VEILED
            uv[row, column, 0] = (wa * au + wb * bu + wc * cu) / total
            uv[row, column, 1] = (wa * av + wb * bv + wc * cv) / total
            disparity[row, column] = np.uint32((key & ~_LAND_BIT) >> _THIRTY_TWO).view(np.float32)
            stretch[row, column] = (ea * points[a, 4] + eb * points[b, 4] + ec * points[c, 4]) / (ea + eb + ec)


@njit(nogil=True, cache=True)
def led_back(back: Doubles, u: float, v: float, d: float) -> tuple[float, float, float]:
    """Where a keyframe has the point of disparity ``d`` at (u, v) of the target: u, v, and z' / z, 0 if out of sight."""
    depth = back[2, 0] * u + back[2, 1] * v + back[2, 2] + back[2, 3] * d
    if not depth > 1e-6:
        return 0.0, 0.0, 0.0
    su = (back[0, 0] * u + back[0, 1] * v + back[0, 2] + back[0, 3] * d) / depth
    sv = (back[1, 0] * u + back[1, 1] * v + back[1, 2] + back[1, 3] * d) / depth
    if not (su >= 0.0 and su <= 1.0 and sv >= 0.0 and sv <= 1.0):
        return 0.0, 0.0, 0.0
    return su, sv, depth


@njit(nogil=True, cache=True)
def sky_at(sky: Floats, u: float, v: float) -> float:
    """Soft sky at (u, v)."""
    return float(sky[min(int(v * sky.shape[0]), sky.shape[0] - 1), min(int(u * sky.shape[1]), sky.shape[1] - 1)])


@njit(nogil=True, cache=True)
def _place(witness: Witness, u: float, v: float, d: float) -> tuple[int, int, float]:
    """Where ``witness`` has the point of disparity ``d`` at (u, v) of the target: column, row, disparity; -1 out of sight."""
    rows, columns = witness[1].shape
    su, sv, depth = led_back(witness[0], u, v, d)
    if depth == 0.0:
        return -1, -1, 0.0
    return min(int(su * columns), columns - 1), min(int(sv * rows), rows - 1), d / depth


@njit(nogil=True, cache=True)
def seen_through(witness: Witness, u: float, v: float, d: float) -> bool:
    """Whether ``witness`` sees sky or farther land where the point of disparity ``d`` at (u, v) of the target would be.

    It may be there where something nearer hides it, where the same surface is beside it, and out of sight. Not in the sky, also
    beside its surface: the skylines of two keyframes lie a pixel apart, and what is between them would be dashes.
    """
    x, y, there = _place(witness, u, v, d)
    if x < 0:
        return False
    _, disparity, sky = witness
    rows, columns = disparity.shape
    if sky_at(sky, (x + 0.5) / columns, (y + 0.5) / rows) >= SKY:
        return True
    for row in range(max(y - 1, 0), min(y + 2, rows)):
        for column in range(max(x - 1, 0), min(x + 2, columns)):
            seen = disparity[row, column]
            if not seen >= AGREEMENT * there:
                continue
            alpha = sky_at(sky, (column + 0.5) / columns, (row + 0.5) / rows)
            if alpha < SKY and AGREEMENT * seen <= there:
                return False
            if alpha < CLEAR and AGREEMENT * seen > there and row == y and column == x:
                return False
    return True


@njit(nogil=True, cache=True)
def hidden(witness: Witness, u: float, v: float, d: float) -> bool:
    """Whether ``witness`` cannot know what is at the point of disparity ``d`` at (u, v) of the target.

    It is out of its sight, or well behind what is nearer: near a rim, surfaces of older keyframes would peek through.
    """
    x, y, there = _place(witness, u, v, d)
    if x < 0:
        return True
    _, disparity, sky = witness
    rows, columns = disparity.shape
    for row in range(max(y - BEHIND, 0), min(y + BEHIND + 1, rows)):
        for column in range(max(x - BEHIND, 0), min(x + BEHIND + 1, columns)):
            if not AGREEMENT * disparity[row, column] > there:
                return False
            if not sky_at(sky, (column + 0.5) / columns, (row + 0.5) / rows) < CLEAR:
                return False
    return True


@njit(nogil=True, cache=True)
def agree(one: float, other: float) -> bool:
    """Whether two disparities are of the same surface."""
    return AGREEMENT * one <= other and AGREEMENT * other <= one


@njit(nogil=True, cache=True)
def looks_at_land(witness: Witness, u: float, v: float) -> bool:
    """Whether ``witness`` has land in the direction of (u, v) of the target."""
    su, sv, depth = led_back(witness[0], u, v, 0.0)
    return depth > 0.0 and sky_at(witness[2], su, sv) < SKY


@njit(nogil=True, cache=True)
def is_crack(surface: Bytes, x: int, y: int, reach: int) -> bool:
    """Whether nothing is in pixel (x, y) of ``surface`` and land within ``reach`` on both sides of it, along or across."""
    if surface[y, x] != NOTHING:
        return False
    height, width = surface.shape
    left = right = above = below = False
    for step in range(1, reach + 1):
        left |= x >= step and surface[y, x - step] == LAND
        right |= x + step < width and surface[y, x + step] == LAND
        above |= y >= step and surface[y - step, x] == LAND
        below |= y + step < height and surface[y + step, x] == LAND
    return (left and right) or (above and below)


@njit(nogil=True, cache=True)
def keep_land(view: View, first: View, witness: Witness, top: int, land: Flags) -> None:
    """Leave in ``land``, whose first row is row ``top``, where ``view`` has land that the keyframe of ``first`` has room for.

    That is ``witness``: what it sees through would be crumbs of older keyframes, torn off at edges of depth; what shows in its
    cracks would draw every edge of depth that parts a little; and before its own land or soft skyline there is only what is
    hidden from it. Both are whole views.
    """
    height, width = view[0].shape
    reach = max(width // CRACK, 1)
    for row in range(land.shape[0]):
        y = top + row
        v = (y + 0.5) / height
        for x in range(width):
            land[row, x] = view[0][y, x] == LAND
            if not land[row, x]:
                continue
            u, d = (x + 0.5) / width, view[2][y, x]
            if first[0][y, x] == LAND:
                land[row, x] = AGREEMENT * d <= first[2][y, x] or hidden(witness, u, v, np.float64(d))
            elif first[0][y, x] == VEILED and d >= AGREEMENT * first[2][y, x]:
                land[row, x] = hidden(witness, u, v, np.float64(d))
            elif is_crack(first[0], x, y, reach) and looks_at_land(witness, u, v):
                land[row, x] = False
            else:
                land[row, x] = not seen_through(witness, u, v, np.float64(d))


@njit(nogil=True, cache=True)
def keep_nearest(land: Flags, view: View, top: int, nearest: Floats) -> None:
    """Fold the ``land`` of a whole ``view`` into the nearest of all, 0 where there is none; ``top`` is the first row of both."""
    for row in range(land.shape[0]):
        for x in range(land.shape[1]):
            if land[row, x] and view[2][top + row, x] > nearest[row, x]:
                nearest[row, x] = view[2][top + row, x]


@njit(nogil=True, cache=True)
def take_finest(
    land: Flags, view: View, slot: int, coarseness: float, top: int, nearest: Floats, finest: Floats, chosen: Chosen
) -> None:
    """Take the ``land`` of keyframe ``slot`` that agrees with the nearest, if sampled much more finely than what came before.

    ``view`` is whole, the other arrays begin at row ``top``.
    """
    _, view_uv, view_disparity, view_stretch = view
    slots, uv, disparity, stretch = chosen
    for row in range(land.shape[0]):
        y = top + row
        for x in range(land.shape[1]):
            d = view_disparity[y, x]
            if not land[row, x] or d < AGREEMENT * nearest[row, x]:
                continue
            fineness = np.float32(view_stretch[y, x] * coarseness)  # as it is kept, or an equal one would seem finer
            if fineness < finest[row, x] * FINER:
                finest[row, x] = fineness
                slots[row, x] = slot
                uv[row, x, 0], uv[row, x, 1] = view_uv[y, x, 0], view_uv[y, x, 1]
                disparity[row, x] = d
                stretch[row, x] = view_stretch[y, x]


@njit(nogil=True, cache=True)
def show_sky(
    view: View, witness: Witness, slot: int, coarseness: float, top: int, nearest: Floats, finest: Floats, chosen: Chosen
) -> None:
    """Where no land is chosen, show a veil of keyframe ``slot``, or its sky if rotation alone leads there.

    The first keyframe that looks there decides: no sky opens between two ridges because an older one had some there, and no
    veil of another is a crumb in its sky. Where it has a veil, the finest one of that surface is shown, as of the land below; one
    of another surface would be dashes above the skyline. ``view`` is whole, the other arrays begin at row ``top``.
    """
    surface, view_uv, view_disparity, view_stretch = view
    slots, uv, disparity, stretch = chosen
    height, width = surface.shape
    for row in range(slots.shape[0]):
        y = top + row
        for x in range(width):
            if (
                surface[y, x] == VEILED
                and nearest[row, x] == 0.0
                and (slots[row, x] == HOLE or (disparity[row, x] > 0.0 and agree(view_disparity[y, x], disparity[row, x])))
            ):
                fineness = np.float32(view_stretch[y, x] * coarseness)
                if fineness < finest[row, x] * FINER:
                    finest[row, x] = fineness
                    slots[row, x] = slot
                    uv[row, x, 0], uv[row, x, 1] = view_uv[y, x, 0], view_uv[y, x, 1]
                    disparity[row, x] = view_disparity[y, x]
                    stretch[row, x] = view_stretch[y, x]
            if slots[row, x] != HOLE or finest[row, x] == 0.0:
                continue
            su, sv, depth = led_back(witness[0], (x + 0.5) / width, (y + 0.5) / height, 0.0)
            if depth == 0.0:
                continue
            finest[row, x] = 0.0  # decided: sky, or a hole before its land
            if sky_at(witness[2], su, sv) >= SKY:
                slots[row, x] = slot
                uv[row, x, 0], uv[row, x, 1] = su, sv
                disparity[row, x] = 0.0
                stretch[row, x] = 1.0
