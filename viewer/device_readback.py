"""DeviceReadback: what OpenGL has drawn becomes an encoder's picture without leaving the GPU."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DeviceError
from viewer.interop import checked, sharing_runtime
from viewer.mp4 import fitted
from viewer.nv12 import Planes, nv12, scaled

if TYPE_CHECKING:
    from collections.abc import Iterator

    import moderngl

_TEXTURE_2D = 0x0DE1  # OpenGL's number


def device_readback(context: moderngl.Context) -> DeviceReadback | None:
    """Return the readback of ``context``, which must be current; None where CUDA does not read what it draws."""
    from core.warp import cuda

    if not cuda.available():
        return None
    import cupy

    try:
        with _errors():
            readback = DeviceReadback(context, sharing_runtime(context), cupy)
            readback.try_out()
    except DeviceError:  # pictures go through the processor's memory, as the lookups do, which the window tells
        return None
    return readback


@contextmanager
def _errors() -> Iterator[None]:
    """Turn what CuPy raises into DeviceError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # CuPy's errors are kinds of these
        raise DeviceError(f"the GPU does not give its picture ({' '.join(str(error).split())[:120]})") from error


class DeviceReadback:
    """Reads framebuffers into CUDA's memory. Works only while the context is current, on its thread; waits for nothing.

    A framebuffer is first copied to a texture of its own, which stays registered as long as the size does: others may release
    theirs at any time.
    """

    def __init__(self, context: moderngl.Context, runtime: Any, cupy: Any) -> None:  # noqa: ANN401
        self._context, self._runtime, self._cupy = context, runtime, cupy
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._copy: moderngl.Framebuffer | None = None
        self._resource: Any = None

    def planes(self, framebuffer: moderngl.Framebuffer, size: tuple[int, int]) -> Planes:
        """Start reading ``framebuffer``, fitted to ``size`` = (width, height), both even. Raises DeviceError."""
        width, height = framebuffer.size
        with _errors(), self._stream:
            self._take(framebuffer)
            pixels = self._cupy.empty((height, width, 4), np.uint8)
            self._read(pixels)
            upright = pixels[::-1, :, :3]  # OpenGL's first row is the bottom one
            luma, chroma = nv12(scaled(fitted(upright, size), size), self._cupy)
            done = self._stream.record()

        def wait() -> None:
            self._cupy.cuda.Device().use()  # CUDA's context is current on this thread from now on, as FFmpeg wants it
            done.synchronize()

        return Planes(luma, chroma, wait)

    def blank(self, size: tuple[int, int]) -> Planes:
        """Return a picture to try an encoder with."""
        luma = self._cupy.zeros((size[1], size[0]), np.uint8)
        chroma = self._cupy.zeros((size[1] // 2, size[0] // 2, 2), np.uint8)
        return Planes(luma, chroma, self._cupy.cuda.Device().use)

    def try_out(self) -> None:
        """Read one colour and look whether it is that; raises DeviceError if not."""
        texture = self._context.texture((2, 2), 4)
        framebuffer = self._context.framebuffer([texture])
        try:
            framebuffer.clear(1.0, 1.0, 1.0, 1.0)
            planes = self.planes(framebuffer, (2, 2))
            planes.wait()
            arrived = int(planes.luma[0, 0])
            if arrived != 235:
                raise DeviceError(f"white that OpenGL drew is {arrived} in CUDA")
        finally:
            self._unbind()
            framebuffer.release()
            texture.release()

    def _take(self, framebuffer: moderngl.Framebuffer) -> None:
        """Copy ``framebuffer`` to the registered texture, which is made anew where the size has changed."""
        if self._copy is None or self._copy.size != framebuffer.size:
            self.release()
            self._copy = self._context.framebuffer([self._context.texture(framebuffer.size, 4)])
            texture = self._copy.color_attachments[0]
            flags = self._runtime.cudaGraphicsRegisterFlags.cudaGraphicsRegisterFlagsReadOnly
            registered = self._runtime.cudaGraphicsGLRegisterImage(texture.glo, _TEXTURE_2D, flags)
            try:
                self._resource = checked(self._runtime, registered)
            except DeviceError:
                self.release()
                raise
        self._context.copy_framebuffer(self._copy, framebuffer)

    def _read(self, pixels: Any) -> None:  # noqa: ANN401
        """Put on the stream: map the texture, copy it to ``pixels``, unmap it."""
        runtime, resource, stream = self._runtime, self._resource, self._stream.ptr
        height, pitch = pixels.shape[0], pixels.strides[0]
        checked(runtime, runtime.cudaGraphicsMapResources(1, resource, stream))
        try:
            array = checked(runtime, runtime.cudaGraphicsSubResourceGetMappedArray(resource, 0, 0))
            target, within = (pixels.data.ptr, pitch), runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
            checked(runtime, runtime.cudaMemcpy2DFromArrayAsync(*target, array, 0, 0, pitch, height, within, stream))
        finally:
            checked(runtime, runtime.cudaGraphicsUnmapResources(1, resource, stream))

    def _unbind(self) -> None:
        """Leave moderngl nothing to bind again that is about to be released."""
        (self._context.screen or self._context.detect_framebuffer(0)).use()

    def release(self) -> None:
        """Unregister the texture and give it back."""
        if self._resource is not None:
            self._runtime.cudaGraphicsUnregisterResource(self._resource)  # an error would be an old one
            self._resource = None
        if self._copy is not None:
            self._unbind()
            (texture,) = self._copy.color_attachments
            self._copy.release()
            texture.release()
            self._copy = None
