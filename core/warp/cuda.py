"""The warp on an NVIDIA GPU: ``kernels.cu`` launched through CuPy. The twin of ``core.warp.cpu``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from core.warp.lookup import Lookup
from core.warp.visibility import Visibility, largest_quad, projection, rotation_homography

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.camera import Camera
    from core.keyframe import Keyframe

_BLOCK = 256  # threads; registers, not this, bound the occupancy of all four kernels
_OPTIONS = ("--std=c++14", "--fmad=false")  # fused multiply-adds would round differently from the twin

_VIEW = np.dtype(
    [
        *((name, np.uint64) for name in ("surface", "uv", "disparity", "stretch", "sky")),
        ("homography", np.float64, 9),
        ("coarseness", np.float64),
        ("sky_width", np.int32),
        ("sky_height", np.int32),
    ]
)  # struct View of kernels.cu


def available() -> bool:
    """Whether CuPy is installed and finds an NVIDIA GPU."""
    try:
        import cupy
    except ImportError:
        return False
    try:
        return bool(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError:  # no driver
        return False


@dataclass(frozen=True, eq=False)
class _Resident:
    """What the kernels read of a keyframe, on the device."""

    vertices: Any
    quads: Any
    veiled: Any
    sky: Any


class CudaWarper:
    """Rasterises keyframes and weighs them against each other on the current device. Safe to call from several threads at once.

    The arrays of its ``Visibility`` are CuPy arrays; those of its ``Lookup`` are NumPy arrays on the host.
    """

    def __init__(self) -> None:
        import cupy

        self._cupy = cupy
        source = Path(__file__).with_name("kernels.cu").read_text(encoding="utf-8")
        module = cupy.RawModule(code=source, options=_OPTIONS)
        self._project, self._rasterise, self._decode, self._resolve = (
            module.get_function(name) for name in ("project", "rasterise", "decode", "resolve")
        )
        self._residents: WeakKeyDictionary[Keyframe, _Resident] = WeakKeyDictionary()

    def rasterise(self, keyframe: Keyframe, camera: Camera, size: tuple[int, int]) -> Visibility:
        """See what ``keyframe`` shows of its land in ``camera`` at ``size`` = (width, height) pixels."""
        cupy, (width, height) = self._cupy, size
        mesh, resident = keyframe.mesh, self._resident(keyframe)
        vertex_count, quad_count = np.int32(len(mesh.vertices)), np.int32(len(mesh.quads))
        matrix = projection(keyframe.camera, camera, size)
        numbers = cupy.asarray(np.array([*matrix.ravel(), 1.0 / mesh.shape[1], 1.0 / mesh.shape[0]]))
        points = cupy.empty((len(mesh.vertices), 4), np.float32)
        growth = cupy.empty(len(mesh.vertices), np.float32)
        _launch(self._project, len(mesh.vertices), resident.vertices, vertex_count, numbers, points, growth)

        keys = cupy.zeros((height, width), np.uint64)
        limits = (np.float64(limit) for limit in largest_quad(keyframe, camera, size))
        target = (np.int32(width), np.int32(height))
        quads = (resident.quads, resident.veiled, quad_count)
        _launch(self._rasterise, len(mesh.quads), points, *quads, keys, *target, *limits)

        surface = cupy.empty((height, width), np.uint8)
        uv = cupy.empty((height, width, 2), np.float32)
        disparity, stretch = (cupy.empty((height, width), np.float32) for _ in range(2))
        geometry = (points, growth, resident.vertices, resident.quads)
        _launch(self._decode, width * height, *geometry, keys, *target, surface, uv, disparity, stretch)
        return Visibility(keyframe, camera, surface, uv, disparity, stretch)

    def resolve(self, views: Sequence[Visibility], size: tuple[int, int]) -> Lookup:
        """Weigh ``views`` of one camera against each other, as ``CpuWarper.resolve`` does."""
        cupy, (width, height) = self._cupy, size
        table = np.zeros(len(views), _VIEW)
        skies = [self._resident(view.keyframe).sky for view in views]
        for row, view, sky in zip(table, views, skies, strict=True):
            arrays = (view.surface, view.uv, view.disparity, view.stretch, sky)
            for name, array in zip(("surface", "uv", "disparity", "stretch", "sky"), arrays, strict=True):
                row[name] = array.data.ptr
            row["homography"] = rotation_homography(view.keyframe.camera, view.camera).ravel()
            row["coarseness"] = view.coarseness
            row["sky_height"], row["sky_width"] = sky.shape
        slot = cupy.empty((height, width), np.int8)
        uv = cupy.empty((height, width, 2), np.float32)
        disparity, stretch = (cupy.empty((height, width), np.float32) for _ in range(2))
        target = (np.int32(width), np.int32(height))
        device_table = cupy.asarray(table.view(np.uint8))
        count = np.int32(len(views))
        _launch(self._resolve, width * height, device_table, count, *target, slot, uv, disparity, stretch)
        return Lookup(*(cupy.asnumpy(array) for array in (uv, disparity, stretch, slot)))

    def _resident(self, keyframe: Keyframe) -> _Resident:
        """Return the keyframe's arrays on the device; they stay there as long as it lives."""
        found = self._residents.get(keyframe)
        if found is None:
            mesh = keyframe.mesh
            arrays = (mesh.vertices, mesh.quads, mesh.veiled.view(np.uint8), keyframe.sky)
            found = _Resident(*(self._cupy.asarray(np.ascontiguousarray(array)) for array in arrays))
            self._residents[keyframe] = found
        return found


def _launch(kernel: Any, count: int, *arguments: Any) -> None:  # noqa: ANN401
    """Run ``kernel`` with one thread for each of ``count`` items."""
    if count:
        kernel(((count + _BLOCK - 1) // _BLOCK,), (_BLOCK,), arguments)
