"""Stand-ins for a GPU that shares textures with OpenGL: a context by NVIDIA, device arrays, a stream, calls of the CUDA runtime.

As on a GPU, work on a stream happens only when somebody waits for it, mapping a texture that was registered for writing only
leaves garbage in it, and calls in the wrong order are errors.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from types import SimpleNamespace

import numpy as np

GARBAGE = 0x77


class Context:
    """An OpenGL context that says it is by NVIDIA and remembers its textures by name."""

    def __init__(self, context):
        vars(self).update(context=context, info=context.info | {"GL_VENDOR": "NVIDIA Corporation"}, textures={})

    def __getattr__(self, name):
        return getattr(self.context, name)

    def __setattr__(self, name, value):
        setattr(self.context, name, value)

    def texture(self, *arguments, **options):
        return self._kept(self.context.texture(*arguments, **options))

    def texture_array(self, *arguments, **options):
        return self._kept(self.context.texture_array(*arguments, **options))

    def _kept(self, texture):
        self.textures[texture.glo] = texture
        return texture


class LostError(RuntimeError):
    """What CuPy raises."""


class Stream:
    def __init__(self):
        self.ptr = id(self)
        self._work = []

    def put(self, work):
        self._work.append(work)

    def synchronize(self):
        while self._work:
            self._work.pop(0)()


class DeviceArray:
    """A CuPy array that holds ``values`` once ``stream`` has come so far; its rows may be padded."""

    def __init__(self, values, stream, padding=0):
        rows, columns, components = values.shape
        self._memory = np.full((rows, columns + padding, components), GARBAGE, values.dtype)
        self._values = self._memory[:, :columns]
        self.shape, self.dtype, self.nbytes = values.shape, values.dtype, values.nbytes
        self.strides = self._values.strides
        self.data = SimpleNamespace(ptr=self._memory.ctypes.data)
        self.lost = False
        stream.put(lambda: np.copyto(self._values, values))

    def get(self, stream, out):
        if self.lost:
            raise LostError("cudaErrorIllegalAddress:\nan illegal memory access was encountered")
        stream.synchronize()
        np.copyto(out, self._values)


class Cupy:
    """What interop needs of ``import cupy``; ``pinned`` counts allocations."""

    def __init__(self, stream):
        self.pinned = 0
        self.cuda = SimpleNamespace(
            alloc_pinned_memory=self._alloc,
            get_current_stream=lambda: stream,
            runtime=SimpleNamespace(CUDARuntimeError=LostError),
        )
        self.full = lambda shape, value, dtype: DeviceArray(np.full(shape, value, dtype), stream)

    def _alloc(self, size):
        self.pinned += 1
        return bytearray(size)


class Error(IntEnum):
    cudaSuccess = 0  # noqa: N815 - CUDA's names
    cudaErrorInvalidResourceHandle = 400  # noqa: N815
    cudaErrorUnknown = 999  # noqa: N815


class Flags(IntEnum):
    cudaGraphicsRegisterFlagsNone = 0  # noqa: N815
    cudaGraphicsRegisterFlagsWriteDiscard = 2  # noqa: N815


class Runtime:
    """``cuda.bindings.runtime`` for the textures of a ``Context``.

    ``log`` holds its calls, ``refused`` names one that fails from now on, ``garbled`` makes copies go nowhere.
    """

    cudaError_t = Error  # noqa: N815
    cudaGraphicsRegisterFlags = Flags  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDeviceToDevice=3)  # noqa: N815

    def __init__(self, context):
        self.context = context
        self.log, self.refused, self.garbled = [], None, False
        self.stream = Stream()
        self.streams = {self.stream.ptr: self.stream}
        self.registered = {}  # resource: (name of the texture, flags)
        self.mapped = {}  # resource: {layer: pixels}

    def _fails(self, call, wrong=False):
        self.log.append(call)
        return wrong or call == self.refused

    def cudaGetErrorName(self, error):  # noqa: N802
        return Error.cudaSuccess, error.name.encode()

    def cudaGetErrorString(self, _):  # noqa: N802
        return Error.cudaSuccess, b"some text"

    def cudaGraphicsGLRegisterImage(self, image, target, flags):  # noqa: N802
        assert target == (0x0DE1 if len(self.context.textures[image].size) == 2 else 0x8C1A)
        if self._fails("register", image in {name for name, _ in self.registered.values()}):
            return Error.cudaErrorUnknown, None
        resource = object()
        self.registered[resource] = image, flags
        return Error.cudaSuccess, resource

    def cudaGraphicsUnregisterResource(self, resource):  # noqa: N802
        failed = self._fails("unregister", resource not in self.registered)
        self.registered.pop(resource, None)
        return (Error.cudaErrorInvalidResourceHandle if failed else Error.cudaSuccess,)

    def cudaGraphicsMapResources(self, count, resource, stream):  # noqa: N802
        assert count == 1
        assert stream in self.streams
        if self._fails("map", resource not in self.registered or resource in self.mapped):
            return (Error.cudaErrorUnknown,)
        self.mapped[resource] = {}
        name, flags = self.registered[resource]
        if flags == Flags.cudaGraphicsRegisterFlagsWriteDiscard:
            texture = self.context.textures[name]
            texture.write(bytes([GARBAGE]) * len(texture.read()))
        return (Error.cudaSuccess,)

    def cudaGraphicsSubResourceGetMappedArray(self, resource, index, level):  # noqa: N802
        if self._fails("array", resource not in self.mapped or level != 0):
            return Error.cudaErrorUnknown, None
        return Error.cudaSuccess, (resource, index)

    def cudaMemcpy2DToArrayAsync(self, array, x, y, source, pitch, width, height, kind, stream):  # noqa: N802, PLR0917
        assert (x, y, kind) == (0, 0, 3)
        if self._fails("copy", width > pitch):
            return (Error.cudaErrorUnknown,)
        resource, layer = array

        def run():
            self.mapped[resource][layer] = b"".join(ctypes.string_at(source + row * pitch, width) for row in range(height))

        self.streams[stream].put(run)
        return (Error.cudaSuccess,)

    def cudaGraphicsUnmapResources(self, count, resource, stream):  # noqa: N802
        assert count == 1
        if self._fails("unmap", resource not in self.mapped):
            return (Error.cudaErrorUnknown,)
        self.streams[stream].synchronize()  # so that what OpenGL does next finds the copy done
        texture = self.context.textures[self.registered[resource][0]]
        for layer, pixels in self.mapped.pop(resource).items():
            if self.garbled:
                continue
            whole = len(texture.size) == 2
            texture.write(pixels, viewport=None if whole else (0, 0, layer, *texture.size[:2], 1))
        return (Error.cudaSuccess,)
