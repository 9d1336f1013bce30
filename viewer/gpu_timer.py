"""Timing of a GPU, by CUDA's events and OpenGL's queries: what it works, apart from what it waits for the processor."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    import moderngl

    from core.neural.accelerator import Executor
    from core.neural.network import GeneratorNetwork
    from core.warp import Warper

REPEATS = 20
COPY_BYTES = 256 << 20  # of one copy: more than the caches hold
AHEAD = 16  # copies that keep the GPU busy, for milliseconds, until what is measured has been queued


class Timer(Protocol):
    """Measures what a stream of the GPU works."""

    def milliseconds(self, action: Callable[[], object], stream: Any) -> float:  # noqa: ANN401
        """Return the median time that ``stream`` works on what ``action`` puts on it."""
        ...

    def bandwidth(self) -> float:
        """Return the bytes a millisecond that copies within the device read and write."""
        ...


class CudaTimer:
    """Measures by events. Copies run ahead of what is measured, or the GPU would wait for the processor in the midst of it."""

    def __init__(self, cupy: Any) -> None:  # noqa: ANN401
        self._cupy = cupy
        self._from, self._to = (cupy.zeros(COPY_BYTES, np.uint8) for _ in range(2))

    def milliseconds(self, action: Callable[[], object], stream: Any) -> float:  # noqa: ANN401
        """See ``Timer``."""
        action()  # what is compiled, captured or allocated once is not measured
        began, ended = self._cupy.cuda.Event(), self._cupy.cuda.Event()
        times = []
        for _ in range(REPEATS):
            with stream:
                for _ in range(AHEAD):
                    self._copy()
            began.record(stream)
            action()
            ended.record(stream)
            ended.synchronize()
            times.append(float(self._cupy.cuda.get_elapsed_time(began, ended)))
        return median(times)

    def bandwidth(self) -> float:
        """See ``Timer``."""
        return 2 * COPY_BYTES / self.milliseconds(self._copy, self._cupy.cuda.get_current_stream())

    def _copy(self) -> None:
        self._cupy.copyto(self._to, self._from)


@dataclass(frozen=True, eq=False)
class Rig:
    """What is measured on."""

    context: moderngl.Context
    warper: Warper
    executor: Callable[[GeneratorNetwork], Executor]
    timer: Timer
    stream: Any  # CuPy's, and the one that torch works on
    device: str  # torch's name of it
    finish: Callable[[], None]  # waits until CUDA and OpenGL are done
    clock: Callable[[], float] = time.perf_counter

    @classmethod
    def of_this_machine(cls) -> Rig:
        """Return the GPU of this machine; raises DeviceError where there is no CUDA, or where it fails."""
        import torch

        from core.warp import cuda

        if not (cuda.available() and torch.cuda.is_available()):
            raise DeviceError("no CUDA here: an NVIDIA GPU, CuPy and a PyTorch for CUDA are needed, see `photoflight doctor`")
        import cupy

        from core.neural.accelerator import GraphedExecutor
        from viewer.headless import headless_context

        context = headless_context()

        def finish() -> None:
            cupy.cuda.runtime.deviceSynchronize()
            context.finish()

        warper = cuda.CudaWarper()  # and not one that goes on on the processor
        return cls(context, warper, GraphedExecutor, CudaTimer(cupy), cupy.cuda.Stream.null, "cuda", finish)

    def drawn(self, action: Callable[[], object]) -> float:
        """Return the median time that OpenGL works on ``action``, milliseconds."""
        action()
        query, times = self.context.query(time=True), []
        for _ in range(REPEATS):
            with query:
                action()
            times.append(1e-6 * query.elapsed)
        return median(times)

    def waited(self, action: Callable[[], object]) -> float:
        """Return the median time from asking for ``action`` until it is done, milliseconds."""
        self.span(action)
        return 1e3 * median(self.span(action) for _ in range(REPEATS))

    def span(self, action: Callable[[], object]) -> float:
        """Return the time from asking for ``action`` until it is done, seconds."""
        began = self.clock()
        action()
        self.finish()
        return self.clock() - began
