"""A stand-in for CuPy whose device is the host: arrays are NumPy's, kernels are ``kernels.cu`` compiled by the C++ compiler.

As on a GPU, nothing on a stream happens before somebody waits for it; a captured graph does its launches anew with what is then
in memory; fresh memory holds garbage, and so does memory that was given back.
"""

from __future__ import annotations

import ctypes
import subprocess
import threading
import weakref
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np

SHIM = Path(__file__).parent
KERNELS = SHIM.parents[3] / "core" / "warp" / "kernels.cu"
GARBAGE = 77
TO_DEVICE, TO_HOST = 1, 2


class RuntimeLostError(RuntimeError):
    pass


class DriverLostError(RuntimeError):
    pass


class FullError(MemoryError):
    pass


def compiled(folder):
    """Compile the kernels into a library and load it."""
    library = folder / "kernels.so"
    options = ("-O2", "-ffp-contract=off", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")
    sources = ("-I", SHIM, "-I", KERNELS.parent, SHIM / "host.cpp", "-o", library)
    subprocess.run(["c++", *options, *sources], check=True)
    return ctypes.CDLL(str(library))


class HostCupy:
    """What ``import cupy`` gives; ``count`` counts its calls, and ``broken`` is raised by the next ones when set."""

    def __init__(self, library):
        self.library = library
        self.count = Counter()
        self.broken = None
        self.streams = weakref.WeakValueDictionary()
        self.local = threading.local()
        self.cuda = SimpleNamespace(
            Stream=lambda **options: Stream(self, **options),
            Event=Event,
            alloc_pinned_memory=self._pinned,
            runtime=SimpleNamespace(
                CUDARuntimeError=RuntimeLostError,
                getDeviceCount=lambda: 1,
                memcpyAsync=self._memcpy,
                memcpyHostToDevice=TO_DEVICE,
                memcpyDeviceToHost=TO_HOST,
            ),
            driver=SimpleNamespace(CUDADriverError=DriverLostError),
            memory=SimpleNamespace(OutOfMemoryError=FullError),
        )

    def use(self, what):
        self.count[what] += 1
        if self.broken is not None:
            raise self.broken

    def RawModule(self, code, options):  # noqa: N802
        assert "--fmad=false" in options
        assert "rasterise_large" in code
        self.use("compile")
        return SimpleNamespace(get_function=self._kernel)

    def _kernel(self, name):
        function = getattr(self.library, f"host_{name}")

        def launch(grid, block, arguments):
            (table,) = arguments
            columns, rows = (*grid, 1)[:2]
            place = table.data.ptr

            def run():
                self.use("kernel")
                function(*map(ctypes.c_uint, (columns, rows, *block)), ctypes.c_void_p(place))

            self.local.stream.put(run)

        return launch

    def empty(self, shape, dtype):
        self.use("allocation")
        memory = np.full(np.prod(shape, dtype=int) * np.dtype(dtype).itemsize, GARBAGE, np.uint8)
        weakref.finalize(memory, ctypes.memset, memory.ctypes.data, GARBAGE, memory.nbytes)
        return memory.view(dtype).reshape(shape).view(Array)

    def _pinned(self, size):
        self.use("pinned")
        return Pinned(size)

    def _memcpy(self, target, source, size, kind, stream):
        assert kind in {TO_DEVICE, TO_HOST}
        self.use("summary" if kind == TO_HOST else "table")
        self.streams[stream].put(lambda: ctypes.memmove(target, source, size))

    def asnumpy(self, array, stream):
        self.use("copy")
        stream.synchronize()
        return np.array(array, copy=True).view(np.ndarray)


class Array(np.ndarray):
    """A device array: ``data.ptr`` is its address."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)

    def set(self, array, stream):
        staged = array.tobytes()
        stream.put(lambda: ctypes.memmove(self.ctypes.data, staged, len(staged)))


class Pinned(bytearray):
    """Page-locked host memory."""

    @property
    def ptr(self):
        return ctypes.addressof(ctypes.c_char.from_buffer(self))


class Stream:
    """What was put on it runs, in order, when somebody waits."""

    def __init__(self, cupy, *, non_blocking, priority):
        assert non_blocking, "or it would wait for the default stream"
        self.priority = priority
        self._cupy, self._queue, self._captured = cupy, [], None
        self._done = 0
        self._running = threading.RLock()
        cupy.use("stream")
        cupy.streams[self.ptr] = self

    @property
    def ptr(self):
        return id(self)

    def put(self, work):
        (self._queue if self._captured is None else self._captured).append(work)

    def synchronize(self):
        self.run(self.end)

    @property
    def end(self):
        return self._done + len(self._queue)

    def run(self, end):
        """Do what was put on the stream before it was so long."""
        assert self._captured is None, "no waiting during capture"
        self._cupy.use("wait")
        with self._running:
            while self._done < end:
                self._queue.pop(0)()
                self._done += 1

    def record(self, event):
        event.stream, event.end = self, self.end

    def begin_capture(self):
        self._captured = []

    def end_capture(self):
        work, self._captured = self._captured, None

        def launch(stream):
            self._cupy.use("graph")
            for step in work:
                stream.put(step)

        return SimpleNamespace(launch=launch)

    def __enter__(self):
        self._cupy.local.stream = self

    def __exit__(self, *_):
        del self._cupy.local.stream


class Event:
    """Where a stream was when it was recorded."""

    def __init__(self, *, disable_timing):
        assert disable_timing
        self.stream = None

    def synchronize(self):
        if self.stream is not None:
            self.stream.run(self.end)
