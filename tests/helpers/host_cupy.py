"""A stand-in for CuPy whose device is the host: arrays are NumPy's, kernels are ours, compiled by the C++ compiler.

As on a GPU, nothing on a stream happens before somebody waits for it; a captured graph does its launches anew with what is then
in memory; fresh memory holds garbage, and so does memory that was given back.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import threading
import weakref
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np

HELPERS = Path(__file__).parent
GARBAGE = 77
TO_DEVICE, TO_HOST = 1, 2


class RuntimeLostError(RuntimeError):
    pass


class DriverLostError(RuntimeError):
    pass


class FullError(MemoryError):
    pass


def compiled(folder, source, more=None):
    """Compile the kernels of ``source``, and a header that comes after it, into a library and load it."""
    names = re.findall(r"__global__ void (\w+)\(", source.read_text())
    lines = [f'#include "{path}"' for path in (HELPERS / "cuda.h", source, more) if path] + [f"HOST({name})" for name in names]
    host, library = folder / f"{source.stem}.cpp", folder / f"{source.stem}.so"
    host.write_text("\n".join(lines) + "\n")
    options = ("-O2", "-ffp-contract=off", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")
    subprocess.run(["c++", *options, host, "-o", library], check=True)
    return ctypes.CDLL(str(library))


class HostCupy:
    """What ``import cupy`` gives; ``count`` counts its calls, and ``broken`` is raised by the next ones when set."""

    def __init__(self, libraries):
        """``libraries`` are the compiled ones by their sources."""
        self.libraries = {source.read_text(): library for source, library in libraries.items()}
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
        self.use("compile")
        library = self.libraries[code]
        return SimpleNamespace(get_function=lambda name: self._kernel(getattr(library, f"host_{name}")))

    def _kernel(self, function):
        def launch(grid, block, arguments):
            assert all(isinstance(argument, Array | np.generic) for argument in arguments)
            values = [np.array(argument.data.ptr if isinstance(argument, Array) else argument) for argument in arguments]
            places = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))

            def run(_=values):  # which live as long
                self.use("kernel")
                function(*map(ctypes.c_uint, (*(*grid, 1)[:2], *block)), places)

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
