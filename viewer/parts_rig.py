"""What parts are measured on, and how they are timed: a GPU by CUDA's events and OpenGL's queries, the processor by the clock."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core.errors import DeviceError
from core.machine import cores
from viewer.bench import timed

if TYPE_CHECKING:
    from collections.abc import Callable

    import moderngl

    from core.neural.accelerator import Executor
    from core.neural.network import GeneratorNetwork
    from core.warp import Warper

REPEATS, HOST_REPEATS = 20, 5  # splatting to 4K takes the processor seconds
COPY_BYTES = 256 << 20  # of one copy: more than the caches hold
AHEAD = 16  # copies that keep the GPU busy, for milliseconds, until what is measured has been queued


class Timer(Protocol):
    """Measures what a stream of the GPU works, or the processor, which has no streams."""

    def milliseconds(self, action: Callable[[], object], stream: Any) -> float:  # noqa: ANN401
        """Return the median time that ``stream`` works on what ``action`` puts on it."""
        ...

    def bandwidth(self) -> float:
        """Return the bytes a millisecond that copies within the memory read and write."""
        ...


class HostTimer:
    """Measures by the clock."""

    def milliseconds(self, action: Callable[[], object], stream: Any) -> float:  # noqa: ANN401
        """See ``Timer``."""
        del stream
        return timed(action, HOST_REPEATS)

    def bandwidth(self) -> float:
        """See ``Timer``; copies by all cores at once."""
        source, target = (np.ones(COPY_BYTES, np.uint8) for _ in range(2))  # of zeros nobody would make room
        parts = list(zip(np.array_split(target, cores()), np.array_split(source, cores()), strict=True))
        with ThreadPoolExecutor(len(parts)) as pool:
            copies = self.milliseconds(lambda: list(pool.map(lambda part: np.copyto(*part), parts)), None)
        return 2 * COPY_BYTES / copies


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
    stream: Any  # CuPy's, and the one that torch works on; None on the processor
    device: str  # torch's name of it
    finish: Callable[[], None]  # waits until CUDA and OpenGL are done
    clock: Callable[[], float] = time.perf_counter

    @classmethod
    def of_processor(cls) -> Rig:
        """Return the processor of this machine, and whatever OpenGL it has."""
        from core.neural.accelerator import PlainExecutor
        from core.warp.cpu import CpuWarper
        from viewer.headless import headless_context

        context = headless_context()
        return cls(context, CpuWarper(), PlainExecutor, HostTimer(), None, "cpu", context.finish)

    @classmethod
    def of_gpu(cls) -> Rig:
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

    @property
    def repeats(self) -> int:
        """How often a time is taken."""
        return HOST_REPEATS if self.stream is None else REPEATS

    def drawn(self, action: Callable[[], object]) -> float:
        """Return the median time that OpenGL works on ``action``, milliseconds."""
        if self.stream is None:  # software OpenGL may work when it is waited for
            return self.waited(action)
        action()
        query, times = self.context.query(time=True), []
        for _ in range(self.repeats):
            with query:
                action()
            times.append(1e-6 * query.elapsed)
        return median(times)

    def waited(self, action: Callable[[], object]) -> float:
        """Return the median time from asking for ``action`` until it is done, milliseconds."""
        self.span(action)
        return 1e3 * median(self.span(action) for _ in range(self.repeats))

    def span(self, action: Callable[[], object]) -> float:
        """Return the time from asking for ``action`` until it is done, seconds."""
        began = self.clock()
        action()
        self.finish()
        return self.clock() - began
