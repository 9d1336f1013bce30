"""FallbackWarper: the GPU as long as it works, then the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.camera import Camera
    from core.keyframe import Keyframe
    from core.warp import Warper
    from core.warp.lookup import Lookup


class FallbackWarper:
    """The warper that ``make`` makes, until it raises DeviceError: from then on the CPU warps. See ``Warper``."""

    def __init__(self, make: Callable[[], Warper]) -> None:
        self.fallback: str | None = None
        self._warper: Warper
        try:
            self._warper = make()
        except DeviceError as error:
            self._fall_back(error)

    def warp(self, layers: Sequence[Sequence[Keyframe]], camera: Camera, size: tuple[int, int]) -> list[Lookup]:
        """See ``Warper.warp``."""
        try:
            return self._warper.warp(layers, camera, size)
        except DeviceError as error:
            self._fall_back(error)
            return self._warper.warp(layers, camera, size)

    def prepare(self, keyframe: Keyframe) -> None:
        """See ``Warper.prepare``."""
        try:
            self._warper.prepare(keyframe)
        except DeviceError as error:
            self._fall_back(error)
            self._warper.prepare(keyframe)

    def background(self) -> FallbackWarper:
        """See ``Warper.background``."""
        return self if self.fallback else FallbackWarper(self._warper.background)

    def _fall_back(self, error: DeviceError) -> None:
        from core.warp.cpu import CpuWarper

        self._warper, self.fallback = CpuWarper(), str(error)
