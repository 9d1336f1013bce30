"""DeviceReadback: what OpenGL has drawn becomes an encoder's picture without leaving the GPU."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DeviceError
from viewer.interop import checked, sharing_runtime
from viewer.mp4 import fitted
from viewer.nv12 import DevicePicture, nv12, scaled

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
        self._reading, self._converting = (cupy.cuda.Stream(non_blocking=True) for _ in range(2))
        self._copy: moderngl.Framebuffer | None = None
        self._resource: Any = None

    def picture(self, framebuffer: moderngl.Framebuffer, size: tuple[int, int]) -> DevicePicture:
        """Start reading ``framebuffer``, fitted to ``size`` = (width, height), both even. Raises DeviceError."""
        with _errors():
            pixels, done = self._read(framebuffer)
        return DevicePicture(partial(self._planes, pixels, done, size))

    def blank(self, size: tuple[int, int]) -> DevicePicture:
        """Return a picture to try an encoder with."""
        pixels = self._cupy.zeros((size[1], size[0], 4), np.uint8)
        return DevicePicture(partial(self._planes, pixels, self._cupy.cuda.get_current_stream().record(), size))

    def try_out(self) -> None:
        """Read one colour and look whether it is that; raises DeviceError if not."""
        texture = self._context.texture((2, 2), 4)
        framebuffer = self._context.framebuffer([texture])
        try:
            framebuffer.clear(1.0, 1.0, 1.0, 1.0)
            pixels, done = self._read(framebuffer)
            done.synchronize()
            arrived = int(pixels[0, 0, 0])
            if arrived != 255:
                raise DeviceError(f"white that OpenGL drew is {arrived} in CUDA")
        finally:
            self._unbind()
            framebuffer.release()
            texture.release()

    def _planes(self, pixels: Any, done: Any, size: tuple[int, int]) -> tuple[Any, Any]:  # noqa: ANN401
        """Convert ``pixels`` (h, w, 4), there when the event ``done`` is; on the thread that encodes."""
        self._cupy.cuda.Device().use()  # CUDA's context is current on this thread from now on, as FFmpeg wants it
        done.synchronize()
        with self._converting:
            upright = pixels[::-1, :, :3]  # OpenGL's first row is the bottom one
            planes = nv12(scaled(fitted(upright, size), size), self._cupy)
        self._converting.synchronize()
        return planes

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

    def _read(self, framebuffer: moderngl.Framebuffer) -> tuple[Any, Any]:
        """Map the texture, copy it, unmap it, in the order of the stream; return the copy and an event of its end."""
        self._take(framebuffer)
        width, height = framebuffer.size
        with self._reading:
            pixels = self._cupy.empty((height, width, 4), np.uint8)
        runtime, resource, stream = self._runtime, self._resource, self._reading.ptr
        checked(runtime, runtime.cudaGraphicsMapResources(1, resource, stream))
        try:
            array = checked(runtime, runtime.cudaGraphicsSubResourceGetMappedArray(resource, 0, 0))
            target, within = (pixels.data.ptr, 4 * width), runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
            checked(runtime, runtime.cudaMemcpy2DFromArrayAsync(*target, array, 0, 0, 4 * width, height, within, stream))
        finally:
            checked(runtime, runtime.cudaGraphicsUnmapResources(1, resource, stream))
        return pixels, self._reading.record()

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
