"""The warp: keyframes and a camera in, a lookup out. Colours are not touched: ``core.warp.sample`` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.camera import Camera
    from core.keyframe import Keyframe
    from core.warp.lookup import Lookup


class Warper(Protocol):
    """What makes lookups: ``cpu.CpuWarper``, ``cuda.CudaWarper``. Safe to call from several threads at once."""

    @property
    def fallback(self) -> str | None:
        """One line about why the CPU warps although there is a GPU; None where nothing failed."""
        ...

    def warp(self, layers: Sequence[Sequence[Keyframe]], camera: Camera, size: tuple[int, int]) -> list[Lookup]:
        """Make a frame's lookups: where the pixels of ``camera`` at ``size`` = (width, height) see the keyframes of each layer.

        There are one or two layers, each a lookup of its own whose ``slot`` indexes its keyframes. A keyframe that several layers
        share is rasterised once.
        """
        ...

    def prepare(self, keyframe: Keyframe) -> None:
        """Do beforehand what the first warp of ``keyframe`` would wait for; return when it is done."""
        ...

    def background(self) -> Warper:
        """Return the warper for another thread whose work must not delay this one's."""
        ...


def warp(keyframes: Sequence[Keyframe], camera: Camera, size: tuple[int, int], warper: Warper) -> Lookup:
    """Find where each pixel of ``camera`` at ``size`` = (width, height) sees ``keyframes``; ``Lookup.slot`` indexes them."""
    return warper.warp([keyframes], camera, size)[0]


def make_warper() -> Warper:
    """Return the fastest warper of this machine: CUDA where CuPy finds a GPU that works, else all CPU cores.

    A GPU that fails later is left for the CPU in the same way; ``Warper.fallback`` says why. Raises nothing.
    """
    from core.warp import cuda
    from core.warp.fallback import FallbackWarper

    if cuda.available():
        return FallbackWarper(cuda.CudaWarper)
    from core.warp.cpu import CpuWarper

    return CpuWarper()
