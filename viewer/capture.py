"""Capture: a framebuffer, as it is shown, goes into a recording."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from viewer.readback import ReadbackRing

if TYPE_CHECKING:
    import moderngl
    import numpy as np
    from numpy.typing import NDArray

    from viewer.recorder import Recorder

SETTLED = 0.03  # seconds after which a picture is surely drawn, so that a slow display need not wait for two more


class Capture:
    """Feeds ``recorder`` from the graphics device, reading back only pictures that the video has a frame for.

    Works only while the context is current, on its thread. The framebuffer may change its size while recording.
    """

    def __init__(self, context: moderngl.Context, recorder: Recorder) -> None:
        self.recorder = recorder
        self._context = context
        self._ring: ReadbackRing | None = None
        self._times: deque[float] = deque()  # of the pictures on their way through the ring
        self._slot = -1

    def shoot(self, framebuffer: moderngl.Framebuffer, seconds: float) -> None:
        """Record what ``framebuffer`` shows at ``seconds`` (any steady clock); never waits in a live recording."""
        if self._ring is not None and self._times and seconds - self._times[0] >= SETTLED:
            self._hand_over(self._ring.pull())
        slot = self.recorder.slot(seconds)
        if slot <= self._slot and not self.recorder.lockstep:
            return
        self._slot = slot
        if self._ring is None or self._ring.size != framebuffer.size:
            self._drain()
            self._ring = ReadbackRing(self._context, framebuffer.size)
        self._times.append(seconds)
        picture = self._ring.push(framebuffer)
        if picture is not None:
            self._hand_over(picture)

    def finish(self) -> None:
        """Hand over the pictures still on their way and end the recording, without waiting for the encoder."""
        self._drain()
        self.recorder.finish()

    def _drain(self) -> None:
        if self._ring is None:
            return
        for picture in self._ring.drain():
            self._hand_over(picture)
        self._ring.release()
        self._ring = None

    def _hand_over(self, picture: NDArray[np.uint8]) -> None:
        self.recorder.offer(picture, self._times.popleft())
