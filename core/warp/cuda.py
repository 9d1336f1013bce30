"""The warp on an NVIDIA GPU: ``kernels.cu`` launched through CuPy. The twin of ``core.warp.cpu``."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from core.errors import DeviceError
from core.warp.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe
    from core.warp.lookup import Lookup

_KERNELS = ("project", "rasterise", "rasterise_large", "resolve")
_OPTIONS = ("--std=c++14", "--fmad=false")  # fused multiply-adds would round differently from the twin
_FIRST, _LAST = -5, 0  # priorities of streams, from the highest to the lowest that there are on GPUs; CUDA clamps what is beyond


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
class Resident:
    """What the kernels read of a keyframe, on the device."""

    vertices: Any
    quads: Any
    veiled: Any
    sky: Any


class Device:
    """What the warpers of one GPU share: the compiled kernels and the keyframes that live there."""

    def __init__(self) -> None:
        import cupy

        self.cupy = cupy
        source = Path(__file__).with_name("kernels.cu").read_text(encoding="utf-8")
        # CuPy keeps what it compiled on disk, by source, options and architecture
        module = cupy.RawModule(code=source, options=_OPTIONS)
        self.kernels = [module.get_function(name) for name in _KERNELS]
        self._residents: WeakKeyDictionary[Keyframe, Resident] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def resident(self, keyframe: Keyframe, stream: Any) -> Resident:  # noqa: ANN401
        """Return the keyframe's arrays on the device; they stay there as long as it lives. Waits where they have to be copied."""
        with self._lock:
            found = self._residents.get(keyframe)
        if found is None:
            mesh = keyframe.mesh
            arrays = (mesh.vertices, mesh.quads, mesh.veiled.view(np.uint8), keyframe.sky)
            found = Resident(*(self._copied_there(np.ascontiguousarray(array), stream) for array in arrays))
            stream.synchronize()  # other threads' streams know nothing of this one
            with self._lock:
                self._residents[keyframe] = found
        return found

    def _copied_there(self, array: np.ndarray[Any, Any], stream: Any) -> Any:  # noqa: ANN401
        there = self.cupy.empty(array.shape, array.dtype)
        there.set(array, stream=stream)
        return there

    def copied_here(self, array: Any, stream: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """Return a NumPy copy of ``array`` once the work on ``stream`` is done."""
        with self.errors():
            return np.asarray(self.cupy.asnumpy(array, stream=stream))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what CuPy raises of a lost or full GPU into DeviceError."""
        cuda = self.cupy.cuda
        try:
            yield
        except (cuda.runtime.CUDARuntimeError, cuda.driver.CUDADriverError, cuda.memory.OutOfMemoryError) as error:
            raise _device_error(error) from error


class CudaWarper:
    """Makes lookups on CuPy's current device; they are ``DeviceLookup``s. Safe to call from several threads at once.

    Every thread has a workspace of its own, with a stream. ``warp`` returns when the work is on the stream. All methods raise
    DeviceError when the GPU fails, the constructor also when the kernels do not compile.
    """

    fallback: str | None = None  # as in ``Warper``

    def __init__(self, device: Device | None = None, priority: int = _FIRST) -> None:
        """Warp on the GPU, on streams of ``priority``; ``device`` is another warper's, to share."""
        self._device = device or _opened()
        self._priority = priority
        self._local = threading.local()

    def background(self) -> CudaWarper:
        """Return the warper for work that must not delay this one's: its streams come last. Keyframes are shared."""
        return CudaWarper(self._device, _LAST)

    def prepare(self, keyframe: Keyframe) -> None:
        """Build the mesh of ``keyframe`` and copy it to the device."""
        with self._device.errors():
            self._device.resident(keyframe, self._workspace().stream)

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


def _opened() -> Device:
    try:
        return Device()
    except Exception as error:  # a driver, a compiler and their libraries are met here: anything may be wrong with them
        raise _device_error(error) from error


def _device_error(error: Exception) -> DeviceError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return DeviceError(f"the GPU cannot warp ({reason}): the processor does, until the program is started anew")
