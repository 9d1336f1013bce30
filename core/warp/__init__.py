"""The warp: keyframes and a camera in, a lookup out. Colours are not touched: ``core.warp.sample`` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.camera import Camera
    from core.keyframe import Keyframe
    from core.warp.lookup import Lookup
    from core.warp.visibility import Visibility


class Warper(Protocol):
    """What rasterises keyframes and resolves them into a lookup: ``cpu.CpuWarper``, ``cuda.CudaWarper``."""

    def rasterise(self, keyframe: Keyframe, camera: Camera, size: tuple[int, int]) -> Visibility:
        """See what ``keyframe`` shows of its land in ``camera`` at ``size`` = (width, height) pixels."""
        ...

    def resolve(self, views: Sequence[Visibility], size: tuple[int, int]) -> Lookup:
        """Weigh ``views`` of one camera against each other; ``Lookup.slot`` indexes them."""
        ...


def warp(keyframes: Sequence[Keyframe], camera: Camera, size: tuple[int, int], warper: Warper) -> Lookup:
    """Find where each pixel of ``camera`` at ``size`` = (width, height) sees ``keyframes``; ``Lookup.slot`` indexes them."""
    return warper.resolve([warper.rasterise(keyframe, camera, size) for keyframe in keyframes], size)


def make_warper() -> Warper:
    """Return the fastest warper of this machine: CUDA where CuPy finds a GPU, else all CPU cores."""
    from core.warp import cuda

    if cuda.available():
        return cuda.CudaWarper()
    from core.warp.cpu import CpuWarper

    return CpuWarper()
