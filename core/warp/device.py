"""Device: an NVIDIA GPU as the warp sees it, its compiled kernels and the keyframes that live there."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from core.errors import DeviceError
from core.texels import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from core.keyframe import Keyframe

_KERNELS = ("project", "rasterise", "rasterise_large", "resolve")
_OPTIONS = ("--std=c++14", "--fmad=false")  # fused multiply-adds would round differently from the twin


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
        self._pictures: WeakKeyDictionary[Keyframe, Any] = WeakKeyDictionary()
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

    def picture(self, keyframe: Keyframe) -> Any | None:  # noqa: ANN401
        """Return what is shown of a keyframe at its finest, (h, w, 4) uint8, if ``keep_picture`` has brought them there."""
        with self._lock:
            return self._pictures.get(keyframe)

    def keep_picture(self, keyframe: Keyframe, stream: Any) -> None:  # noqa: ANN401
        """Copy the picture of ``keyframe`` to the device, where it stays as long as the keyframe lives; wait for that."""
        if self.picture(keyframe) is None:
            found = self._copied_there(np.ascontiguousarray(shown(keyframe)[0]), stream)
            stream.synchronize()
            with self._lock:
                self._pictures[keyframe] = found

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


def opened() -> Device:
    """Return the GPU, ready to warp; raises DeviceError."""
    try:
        return Device()
    except Exception as error:  # a driver, a compiler and their libraries are met here: anything may be wrong with them
        raise _device_error(error) from error


def _device_error(error: Exception) -> DeviceError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return DeviceError(f"the GPU cannot warp ({reason}): the processor does, until the program is started anew")
