"""Tone: what is added to copied colours, so that patches meet without a seam and land keeps the light that it had.

Patches are blended in the gradient domain (Perez et al. 2003): across a seam colours should step as both patches say on the
average. A screen pulls the result to what is wanted there (Bhat et al. 2008), over so many pixels that its low frequencies come
through and the copied texture stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import cv2
import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.exemplar.loops import Loops

    Floats: TypeAlias = NDArray[np.float32]
    Bytes: TypeAlias = NDArray[np.uint8]
    Flags: TypeAlias = NDArray[np.bool_]
    Labels: TypeAlias = NDArray[np.int32]

LARGEST = 0.5  # most by which a tone shifts a colour, [0, 1]
_SURFACE = 0.3  # of log disparity up to which neighbours are one surface
_SWEEPS = 12  # of relaxation, from a start that is blurred already
_START = 6.0  # pixels of that


class Linked(NamedTuple):
    """Which pixels have a tone, and share it with their neighbours, all (h, w)."""

    land: Flags
    right: Flags  # with the pixel to the right
    below: Flags

    @classmethod
    def of(cls, land: Flags, disparity: Floats) -> Linked:
        """Link neighbours on ``land`` (h, w) that are one surface by their ``disparity`` (h, w)."""
        depth = np.log(np.maximum(disparity, 0.01))
        right, below = np.zeros_like(land), np.zeros_like(land)
        right[:, :-1] = land[:, :-1] & land[:, 1:] & (np.abs(np.diff(depth, axis=1)) < _SURFACE)
        below[:-1] = land[:-1] & land[1:] & (np.abs(np.diff(depth, axis=0)) < _SURFACE)
        return cls(land, right, below)


class Copied(NamedTuple):
    """What a view copies."""

    labels: Labels  # (h, w, 2) where in ``exemplar`` it comes from: x, y
    bare: Bytes  # (h, w, 3) its colours
    exemplar: Bytes  # (H, W, 4)


def toned(tone: Floats, wanted: Floats, reach: Floats, linked: Linked, new: Flags, copied: Copied, loops: Loops) -> Floats:
    """Return the ``tone`` (h, w, 3) with that of ``new`` pixels found.

    ``wanted`` (h, w, 3) is what they should have, over ``reach`` (h, w) pixels, for what is ``copied``.
    """
    land = linked.land
    aim = np.where(new[..., None], wanted, tone) * land[..., None]
    mass = cv2.GaussianBlur(land.astype(np.float32), (0, 0), _START)
    start = cv2.GaussianBlur(aim, (0, 0), _START) / np.maximum(mass, 0.05)[..., None]
    out = np.where(new[..., None], start, tone).astype(np.float32)
    loops.close_seams(out, wanted, (1.0 / np.square(reach)).astype(np.float32), linked, new, copied, _SWEEPS)
    return np.clip(out, -LARGEST, LARGEST)


def close_seams(tone: Floats, wanted: Floats, screen: Floats, linked: Linked, new: Flags, copied: Copied, sweeps: int) -> None:
    """Relax the ``tone`` (h, w, 3) of ``new`` pixels to what is ``wanted`` (h, w, 3) by ``screen`` (h, w), without seams."""
    across, down = np.zeros_like(tone), np.zeros_like(tone)
    jumps(copied.labels, linked, new, copied.bare, copied.exemplar, across, down)
    relax(tone, wanted, screen, linked, new, across, down, sweeps)


@njit(nogil=True, cache=True)
def jumps(labels: Labels, linked: Linked, renewed: Flags, picture: Bytes, exemplar: Bytes, across: Floats, down: Floats) -> None:
    """How much the tone should rise from each pixel to its right and lower neighbour, (h, w, 3), to close the seam there."""
    h, w = linked.land.shape
    eh, ew = exemplar.shape[0], exemplar.shape[1]
    for y in range(h):
        for x in range(w):
            for k in range(2):
                ny, nx = y + k, x + 1 - k
                if not (linked.below[y, x] if k else linked.right[y, x]) or not (renewed[y, x] or renewed[ny, nx]):
                    continue
                u, v, p, q = labels[y, x, 0], labels[y, x, 1], labels[ny, nx, 0], labels[ny, nx, 1]
                if p == u + nx - x and q == v + ny - y:
                    continue
                for c in range(3):
                    total, count = np.float32(0.0), np.float32(0.0)
                    if renewed[y, x]:  # what the patch here says of the pixel there
                        a, b = min(max(u + nx - x, 0), ew - 1), min(max(v + ny - y, 0), eh - 1)
                        total += np.float32(exemplar[b, a, c]) - np.float32(picture[ny, nx, c])
                        count += np.float32(1.0)
                    if renewed[ny, nx]:
                        a, b = min(max(p - nx + x, 0), ew - 1), min(max(q - ny + y, 0), eh - 1)
                        total += np.float32(picture[y, x, c]) - np.float32(exemplar[b, a, c])
                        count += np.float32(1.0)
                    if k == 0:
                        across[y, x, c] = total / (count * np.float32(255.0))
                    else:
                        down[y, x, c] = total / (count * np.float32(255.0))


@njit(nogil=True, cache=True)
def relax(
    tone: Floats, wanted: Floats, screen: Floats, linked: Linked, renewed: Flags, across: Floats, down: Floats, sweeps: int
) -> None:
    """Gauss-Seidel, red and black pixels in turn: ``tone`` (h, w, 3) of ``renewed`` pixels, held fast elsewhere."""
    h, w = linked.land.shape
    for sweep in range(2 * sweeps):
        for y in range(h):
            for x in range((y + sweep) & 1, w, 2):
                if not renewed[y, x]:
                    continue
                weight = screen[y, x]
                red, green, blue = weight * wanted[y, x, 0], weight * wanted[y, x, 1], weight * wanted[y, x, 2]
                total = weight
                if linked.right[y, x]:
                    red += tone[y, x + 1, 0] - across[y, x, 0]
                    green += tone[y, x + 1, 1] - across[y, x, 1]
                    blue += tone[y, x + 1, 2] - across[y, x, 2]
                    total += np.float32(1.0)
                if x > 0 and linked.right[y, x - 1]:
                    red += tone[y, x - 1, 0] + across[y, x - 1, 0]
                    green += tone[y, x - 1, 1] + across[y, x - 1, 1]
                    blue += tone[y, x - 1, 2] + across[y, x - 1, 2]
                    total += np.float32(1.0)
                if linked.below[y, x]:
                    red += tone[y + 1, x, 0] - down[y, x, 0]
                    green += tone[y + 1, x, 1] - down[y, x, 1]
                    blue += tone[y + 1, x, 2] - down[y, x, 2]
                    total += np.float32(1.0)
                if y > 0 and linked.below[y - 1, x]:
                    red += tone[y - 1, x, 0] + down[y - 1, x, 0]
                    green += tone[y - 1, x, 1] + down[y - 1, x, 1]
                    blue += tone[y - 1, x, 2] + down[y - 1, x, 2]
                    total += np.float32(1.0)
                share = np.float32(1.0) / total
                tone[y, x, 0], tone[y, x, 1], tone[y, x, 2] = red * share, green * share, blue * share
