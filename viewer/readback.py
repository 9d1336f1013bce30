"""ReadbackRing: pictures come back from the graphics device without waiting for it to finish drawing.

A read into a pixel buffer object only queues a copy; mapping the buffer two pictures later finds it done. Waiting for
each picture at once would stall the display by the whole drawing time of a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import moderngl
    from numpy.typing import NDArray


class ReadbackRing:
    """A ring of ``depth`` pixel buffers for framebuffers of ``size`` (width, height), pixels.

    Works only while the context is current, on its thread.
    """

    def __init__(self, context: moderngl.Context, size: tuple[int, int], depth: int = 3) -> None:
        width, height = size
        self.size = size
        self._buffers = [context.buffer(reserve=3 * width * height) for _ in range(depth)]
        self._picture = np.empty((height, width, 3), np.uint8)
        self._pushed = 0
        self._pulled = 0

    def push(self, framebuffer: moderngl.Framebuffer) -> NDArray[np.uint8] | None:
        """Start reading ``framebuffer``; return the picture pushed ``depth - 1`` pushes ago, None while there is none.

        Pictures are (height, width, 3) uint8 sRGB, top row first, and valid only until the next push or pull: the
        array is reused.
        """
        buffer = self._buffers[self._pushed % len(self._buffers)]
        framebuffer.read_into(buffer, viewport=(0, 0, *self.size), components=3, alignment=1)
        self._pushed += 1
        return self.pull() if self._pushed - self._pulled == len(self._buffers) else None

    def pull(self) -> NDArray[np.uint8]:
        """Return the oldest picture on its way, waiting for it if it is still being drawn."""
        if self._pulled == self._pushed:
            raise ValueError("no picture is on its way; push one first")
        self._buffers[self._pulled % len(self._buffers)].read_into(self._picture)
        self._pulled += 1
        return self._picture[::-1]  # OpenGL's first row is the bottom one

    def release(self) -> None:
        """Free the buffers; the ring cannot be used afterwards."""
        for buffer in self._buffers:
            buffer.release()
