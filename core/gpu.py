"""Gpu: an NVIDIA GPU through CuPy, and the kernels that are compiled for it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_OPTIONS = ("--std=c++14", "--fmad=false")  # fused multiply-adds would round differently from the twins on the processor


class Gpu:
    """CuPy's current device, as those see it who share its ``kernels``, by name."""

    def __init__(self, sources: Mapping[Path, Sequence[str]], purpose: str) -> None:
        """Compile the named kernels of ``sources``; ``purpose`` is the verb for what they do. Raises DeviceError."""
        self._purpose = purpose
        try:
            import cupy

            self.cupy = cupy
            self.kernels: dict[str, Any] = {}
            for source, names in sources.items():
                # CuPy keeps what it compiled on disk, by source, options and architecture
                module = cupy.RawModule(code=source.read_text(encoding="utf-8"), options=_OPTIONS)
                self.kernels |= {name: module.get_function(name) for name in names}
        except Exception as error:  # a driver, a compiler and their libraries are met here: anything may be wrong with them
            raise self._device_error(error) from error

    def copied_there(self, array: NDArray[Any], stream: Any) -> Any:  # noqa: ANN401
        """Return a copy of ``array`` on the device, made by ``stream``."""
        there = self.cupy.empty(array.shape, array.dtype)
        there.set(np.ascontiguousarray(array), stream=stream)
        return there

    def copied_here(self, array: Any, stream: Any) -> NDArray[Any]:  # noqa: ANN401
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
            raise self._device_error(error) from error

    def _device_error(self, error: Exception) -> DeviceError:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return DeviceError(f"the GPU cannot {self._purpose} ({reason}): the processor does, until the program is started anew")
