"""Interop: how pixels get into OpenGL textures, on the shortest way that this machine allows.

``Registered``: CUDA writes what it has computed into the texture itself. ``Staged``: through pinned memory and a pixel buffer,
where the driver will not share the texture (WSL, hybrid graphics, software OpenGL). ``Plain``: from ordinary memory, where CUDA
computes nothing; under software OpenGL a pixel buffer is but one copy more (0.13 ms for 480x270 texels instead of 0.05 ms).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import moderngl
import numpy as np

from core.errors import DeviceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Texture = moderngl.Texture | moderngl.TextureArray

_BUFFERS = 4  # two lookups a frame: a buffer is written again when the frame before last has been drawn
_TEXTURE_2D, _TEXTURE_2D_ARRAY = 0x0DE1, 0x8C1A  # OpenGL's numbers


class Transfer(Protocol):
    """A way into the textures of one OpenGL context, used on its thread while it is current.

    ``reason`` says in one line which way it is, and why none is shorter; ``fell_back`` is whether a GPU would have one.
    """

    reason: str
    fell_back: bool

    def write(self, texture: Texture, pixels: Any, layer: int = 0, stream: Any = None) -> None:  # noqa: ANN401 - NumPy's or CuPy's
        """Replace ``texture``, or one ``layer`` of an array, at its finest level by ``pixels`` (h, w, 4) of its size and type.

        ``pixels`` are NumPy's, or, with a ``stream``, CuPy's as the work on that ``cupy.cuda.Stream`` leaves them; what is put
        on it later may overwrite them. Raises DeviceError when the GPU is lost.
        """
        ...

    def forget(self, texture: Texture) -> None:
        """Let go of ``texture``; to be called before it is released."""
        ...

    def release(self) -> None:
        """Give everything back."""
        ...


def make_transfer(context: moderngl.Context) -> Transfer:
    """Return the shortest way of this machine into the textures of ``context``, which must be current."""
    from core.warp import cuda

    if not cuda.available():
        return Plain("lookups come from the processor's memory: no NVIDIA GPU warps here")
    try:
        transfer = Registered(context, sharing_runtime(context))
        _try_out(transfer, context)
    except DeviceError as error:
        return Staged(context, _copied(error))
    return transfer


class Plain:
    """From the processor's memory, as OpenGL takes it."""

    fell_back = False

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def write(self, texture: Texture, pixels: Any, layer: int = 0, stream: Any = None) -> None:  # noqa: ANN401
        """Write NumPy's ``pixels``; see ``Transfer``."""
        del stream
        _put(texture, pixels, layer)

    def forget(self, texture: Texture) -> None:
        """Nothing is kept."""

    def release(self) -> None:
        """Nothing is kept."""


class Staged:
    """Through a ring of pixel buffers, from which OpenGL copies when it comes to it; what is on the device by pinned memory."""

    fell_back = True

    def __init__(self, context: moderngl.Context, reason: str) -> None:
        self.reason = reason
        self._context = context
        self._buffers: list[moderngl.Buffer] = []
        self._pinned: NDArray[np.uint8] = np.empty(0, np.uint8)

    def write(self, texture: Texture, pixels: Any, layer: int = 0, stream: Any = None) -> None:  # noqa: ANN401
        """Write ``pixels``, waiting for ``stream`` if they are on the GPU; see ``Transfer``."""
        buffer = self._next_buffer(pixels.nbytes)
        buffer.write(pixels if stream is None else self._on_host(pixels, stream))
        _put(texture, buffer, layer)

    def _next_buffer(self, size: int) -> moderngl.Buffer:
        """Take the least recently used buffer, with room for ``size`` bytes."""
        if len(self._buffers) < _BUFFERS:
            buffer = self._context.buffer(reserve=size)
        else:
            buffer = self._buffers.pop(0)
            if buffer.size < size:
                buffer.release()
                buffer = self._context.buffer(reserve=size)
        self._buffers.append(buffer)
        return buffer

    def _on_host(self, pixels: Any, stream: Any) -> NDArray[Any]:  # noqa: ANN401
        import cupy

        try:
            if self._pinned.size < pixels.nbytes:
                self._pinned = np.frombuffer(cupy.cuda.alloc_pinned_memory(pixels.nbytes), np.uint8, pixels.nbytes)
            host: NDArray[Any] = self._pinned[: pixels.nbytes].view(pixels.dtype).reshape(pixels.shape)
            pixels.get(stream=stream, out=host)
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise DeviceError(f"the GPU was lost while a lookup was read from it ({' '.join(str(error).split())})") from error
        return host

    def forget(self, texture: Texture) -> None:
        """Nothing is kept of a texture."""

    def release(self) -> None:
        """Free the buffers."""
        for buffer in self._buffers:
            buffer.release()
        self._buffers.clear()


class Registered:
    """Within the GPU: the texture is registered with CUDA once, and mapped for each copy.

    Mapping makes the stream wait until OpenGL has drawn with the texture's old contents; unmapping makes OpenGL wait for the
    copy; the processor waits for neither. Where CUDA refuses any of it, this and all that follows is staged. What comes from the
    host always is.
    """

    def __init__(self, context: moderngl.Context, runtime: Any) -> None:  # noqa: ANN401 - the module cuda.bindings.runtime
        self.reason = "lookups stay on the GPU"
        self.fell_back = False
        self._staged = Staged(context, self.reason)
        self._runtime = runtime
        self._resources: dict[int, Any] = {}  # by OpenGL's name of the texture

    def write(self, texture: Texture, pixels: Any, layer: int = 0, stream: Any = None) -> None:  # noqa: ANN401
        """Write ``pixels``; see ``Transfer``."""
        if stream is not None and not self.fell_back:
            try:
                self.copy(texture, pixels, layer, stream)
            except DeviceError as error:
                self._unregister_all()
                self.reason, self.fell_back = _copied(error), True
            else:
                return
        self._staged.write(texture, pixels, layer, stream)

    def copy(self, texture: Texture, pixels: Any, layer: int, stream: Any) -> None:  # noqa: ANN401
        """Copy CuPy's ``pixels`` within the GPU; raises DeviceError where CUDA refuses."""
        runtime, resource = self._runtime, self._resource(texture)
        height, pitch = pixels.shape[0], pixels.strides[0]
        width = pixels.shape[1] * pixels.strides[1]  # bytes
        checked(runtime, runtime.cudaGraphicsMapResources(1, resource, stream.ptr))
        try:
            array = checked(runtime, runtime.cudaGraphicsSubResourceGetMappedArray(resource, layer, 0))
            within = runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
            source = (pixels.data.ptr, pitch, width, height)
            checked(runtime, runtime.cudaMemcpy2DToArrayAsync(array, 0, 0, *source, within, stream.ptr))
        finally:
            checked(runtime, runtime.cudaGraphicsUnmapResources(1, resource, stream.ptr))

    def _resource(self, texture: Texture) -> Any:  # noqa: ANN401
        if texture.glo not in self._resources:
            flags = self._runtime.cudaGraphicsRegisterFlags
            if isinstance(texture, moderngl.Texture):  # all of it is written each time
                how = (_TEXTURE_2D, flags.cudaGraphicsRegisterFlagsWriteDiscard)
            else:  # the other layers must stay as they are
                how = (_TEXTURE_2D_ARRAY, flags.cudaGraphicsRegisterFlagsNone)
            self._resources[texture.glo] = checked(self._runtime, self._runtime.cudaGraphicsGLRegisterImage(texture.glo, *how))
        return self._resources[texture.glo]

    def forget(self, texture: Texture) -> None:
        """Unregister ``texture``."""
        resource = self._resources.pop(texture.glo, None)
        if resource is not None:
            self._runtime.cudaGraphicsUnregisterResource(resource)  # an error would be an old one: there is nothing left to lose

    def _unregister_all(self) -> None:
        for resource in self._resources.values():
            self._runtime.cudaGraphicsUnregisterResource(resource)
        self._resources.clear()

    def release(self) -> None:
        """Unregister everything and free the buffers."""
        self._unregister_all()
        self._staged.release()


def sharing_runtime(context: moderngl.Context) -> Any:  # noqa: ANN401
    """Return the module cuda.bindings.runtime; raises DeviceError where it cannot share textures with ``context``."""
    vendor = context.info["GL_VENDOR"]
    if "NVIDIA" not in vendor:
        raise DeviceError(f"OpenGL is by {vendor} ({context.info['GL_RENDERER']}), not by the NVIDIA GPU")
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise DeviceError("cuda-python is not installed (pip install photoflight[cuda])") from error
    return runtime


def checked(runtime: Any, result: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """Return what a call of ``runtime`` returned beside its error code; raises DeviceError naming the code if it is one."""
    error, *values = result
    if error != runtime.cudaError_t.cudaSuccess:
        _, name = runtime.cudaGetErrorName(error)
        _, text = runtime.cudaGetErrorString(error)
        raise DeviceError(f"CUDA does not share textures with OpenGL here ({name.decode()}: {text.decode()})")
    return values[0] if values else None


def _try_out(transfer: Registered, context: moderngl.Context) -> None:
    """Send one texel and look whether it arrives; raises DeviceError if not."""
    import cupy

    texture = context.texture((1, 1), 4, bytes(16), dtype="f4")
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)  # one that would want mipmaps cannot be registered
    try:
        stream = cupy.cuda.get_current_stream()
        transfer.copy(texture, cupy.full((1, 1, 4), 0.25, np.float32), 0, stream)
        arrived = np.frombuffer(texture.read(), np.float32)
        if not (arrived == np.float32(0.25)).all():
            raise DeviceError(f"a texel that CUDA wrote as 0.25 reads {arrived[0]} in OpenGL")
    finally:
        transfer.forget(texture)
        texture.release()


def _put(texture: Texture, data: Any, layer: int) -> None:  # noqa: ANN401 - an array or a buffer
    if isinstance(texture, moderngl.Texture):
        texture.write(data)
    else:
        width, height, _ = texture.size
        texture.write(data, viewport=(0, 0, layer, width, height, 1))


def _copied(why: DeviceError) -> str:
    return f"lookups are copied through the processor's memory: {why}"
