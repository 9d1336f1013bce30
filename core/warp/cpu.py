"""The warp on the CPU: Numba kernels over bands of target rows on a few threads. The twin of ``core.warp.cuda``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from core.machine import cores
from core.warp import raster
from core.warp.lookup import HOLE, Lookup
from core.warp.recycler import Recycler
from core.warp.visibility import LAND, Visibility, coarseness, largest_quad, projection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.camera import Camera
    from core.keyframe import Keyframe

_BANDS_PER_THREAD = 2  # evens out rows with many and few triangles


class CpuWarper:
    """Rasterises keyframes and weighs them against each other. Safe to call from several threads at once."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or cores()
        self._recycler = Recycler()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="warp")

    fallback: str | None = None  # as in ``Warper``

    def prepare(self, keyframe: Keyframe) -> None:
        """Build the mesh of ``keyframe``."""
        _ = keyframe.mesh

    def background(self) -> CpuWarper:
        """Return itself: the threads of the CPU are shared out by the system."""
        return self

    def warp(self, layers: Sequence[Sequence[Keyframe]], camera: Camera, size: tuple[int, int]) -> list[Lookup]:
        """Find where each pixel of ``camera`` at ``size`` = (width, height) sees the keyframes of each layer."""
        views = {keyframe: self._rasterise(keyframe, camera, size) for keyframe in {key for layer in layers for key in layer}}
        return [self._resolve([views[keyframe] for keyframe in layer], size) for layer in layers]

    def _rasterise(self, keyframe: Keyframe, camera: Camera, size: tuple[int, int]) -> Visibility:
        """See what ``keyframe`` shows of its land in ``camera`` at ``size`` = (width, height) pixels."""
        width, height = size
        mesh = keyframe.mesh
        matrix = projection(keyframe.camera, camera, size)
        limit = np.array(largest_quad(keyframe, camera, size))
        empty = self._recycler.empty
        cell = 1.0 / np.array(mesh.shape[::-1], np.float64)
        points = empty((len(mesh.vertices), 5), np.float32)
        self._in_bands(len(points), lambda first, last: raster.project(mesh.vertices, matrix, cell, points, first, last))
        view = Visibility(
            keyframe,
            camera,
            empty((height, width), np.uint8),
            empty((height, width, 2), np.float32),
            empty((height, width), np.float32),
            empty((height, width), np.float32),
        )

        def band(top: int, bottom: int) -> None:
            keys = empty((bottom - top, width), np.uint64)
            keys.fill(0)
            raster.rasterise(points, mesh.quads, mesh.veiled, keys, top, limit)
            raster.decode(points, mesh.vertices, mesh.quads, keys, top, _rows(view, top, bottom))

        self._in_bands(height, band)
        return view

    def _resolve(self, views: Sequence[Visibility], size: tuple[int, int]) -> Lookup:
        """Weigh ``views`` of one camera against each other: ``Lookup.slot`` indexes them, the best first.

        The nearest land wins that the first does not see through; where other land agrees with it, the earlier, unless a later
        one samples it much more finely. What no land covers shows what the first keyframe has there that looks that way: a veil
        of land that is mostly sky, or sky if rotation alone leads to it.
        """
        width, height = size
        empty = self._recycler.empty
        slot = empty((height, width), np.int8)
        uv = empty((height, width, 2), np.float32)
        disparity = empty((height, width), np.float32)
        stretch = empty((height, width), np.float32)
        wholes = [(view.surface, view.uv, view.disparity, view.stretch) for view in views]
        witnesses, coarsenesses = [view.witness for view in views], [coarseness(view.keyframe) for view in views]

        def band(top: int, bottom: int) -> None:
            chosen = (slot[top:bottom], uv[top:bottom], disparity[top:bottom], stretch[top:bottom])
            shape = chosen[0].shape
            nearest, finest = empty(shape, np.float32), empty(shape, np.float32)
            chosen[0].fill(HOLE)
            finest.fill(np.inf)
            for array in (*chosen[1:], nearest):
                array.fill(0)
            lands = [empty(shape, np.bool_) for _ in views]
            for view, whole, land in zip(views, wholes, lands, strict=True):
                if view is views[0]:
                    np.equal(view.surface[top:bottom], LAND, out=land)
                else:
                    raster.keep_land(whole, wholes[0], witnesses[0], top, land)
                raster.keep_nearest(land, whole, top, nearest)
            for i, land in enumerate(lands):
                raster.take_finest(land, wholes[i], i, coarsenesses[i], top, nearest, finest, chosen)
            for i, whole in enumerate(wholes):
                raster.show_sky(whole, witnesses[i], i, coarsenesses[i], top, nearest, finest, chosen)

        self._in_bands(height, band)
        return Lookup(uv, disparity, stretch, slot)

    def _in_bands(self, count: int, work: Callable[[int, int], Any]) -> None:
        """Call ``work(first, last)`` on bands that share ``range(count)`` out, on all threads, and wait."""
        bands = min(count, _BANDS_PER_THREAD * self._threads)
        borders = [count * i // bands for i in range(bands + 1)]
        for _ in self._pool.map(work, borders[:-1], borders[1:]):
            pass


def _rows(view: Visibility, top: int, bottom: int) -> raster.View:
    return view.surface[top:bottom], view.uv[top:bottom], view.disparity[top:bottom], view.stretch[top:bottom]
