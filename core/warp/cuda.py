"""The warp on an NVIDIA GPU: ``kernels.cu`` launched through CuPy. The twin of ``core.warp.cpu``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from core.machine import nvidia_gpus
from core.warp.device import Device
from core.warp.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.camera import Camera
    from core.keyframe import Keyframe
    from core.warp.lookup import Lookup

_FIRST, _LAST = -5, 0  # priorities of streams, from the highest to the lowest that there are on GPUs; CUDA clamps what is beyond


def available() -> bool:
    """Whether there is an NVIDIA GPU and CuPy finds it. Without one CuPy is not imported."""
    if not nvidia_gpus():
        return False
    try:
        import cupy
    except ImportError:
        return False
    try:
        return bool(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError:  # a driver older than CuPy's CUDA
        return False


class CudaWarper:
    """Makes lookups on CuPy's current device; they are ``DeviceLookup``s. Safe to call from several threads at once.

    Every thread has a workspace of its own, with a stream. ``warp`` returns when the work is on the stream. All methods raise
    DeviceError when the GPU fails, the constructor also when the kernels do not compile.
    """

    fallback: str | None = None  # as in ``Warper``

    def __init__(self, device: Device | None = None, priority: int = _FIRST) -> None:
        """Warp on the GPU, on streams of ``priority``; ``device`` is another warper's, to share."""
        self._device = device or Device()
        self._priority = priority
        self._local = threading.local()

    def background(self) -> CudaWarper:
        """Return the warper for work that must not delay this one's: its streams come last. Keyframes are shared."""
        return CudaWarper(self._device, _LAST)

    def prepare(self, keyframe: Keyframe) -> None:
        """Build the mesh of ``keyframe`` and copy it and the picture to the device, where they stay."""
        with self._device.errors():
            stream = self._workspace().stream
            self._device.resident(keyframe, stream)
            self._device.keep_picture(keyframe, stream)

    def warp(self, layers: Sequence[Sequence[Keyframe]], camera: Camera, size: tuple[int, int]) -> list[Lookup]:
        """See ``Warper.warp``."""
        with self._device.errors():
            workspace = self._workspace()
            keyframes = dict.fromkeys(keyframe for layer in layers for keyframe in layer)
            residents = {keyframe: self._device.resident(keyframe, workspace.stream) for keyframe in keyframes}
            return workspace.warp(layers, residents, camera, size)

    def _workspace(self) -> Workspace:
        found: Workspace | None = getattr(self._local, "workspace", None)
        if found is None:
            found = self._local.workspace = Workspace(self._device, self._priority)
        return found
