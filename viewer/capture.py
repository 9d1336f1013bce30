"""Capture: a framebuffer, as it is shown, goes into a recording."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from core.errors import DeviceError
from viewer.device_readback import DeviceReadback, device_readback
from viewer.mp4 import even
from viewer.readback import ReadbackRing
from viewer.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import moderngl

SETTLED = 0.03  # seconds after which a picture is surely drawn, so that it need not wait for two more
SLOW = 0.05  # seconds between pictures from which on waiting for each costs little and delay loses more in a crash


def record(context: moderngl.Context, path: Path, size: tuple[int, int], metadata: Mapping[str, str]) -> Capture:
    """Start a recording of framebuffers of ``size``, on the shortest way there is to an encoder. Raises RecordingError."""
    readback = device_readback(context)
    blank = readback.blank(even(size)) if readback is not None else None
    return Capture(context, Recorder(path, size, metadata=metadata, blank=blank), readback)


class Capture:
    """Feeds ``recorder`` from the graphics device, reading back only pictures that the video has a frame for.

    With a ``readback`` pictures stay on the device, if the recorder finds that it can encode them there; until it knows, a
    fraction of a second, none are taken.

    Works only while the context is current, on its thread. The framebuffer may change its size while recording.
    """

    def __init__(self, context: moderngl.Context, recorder: Recorder, readback: DeviceReadback | None = None) -> None:
        self.recorder = recorder
        self._readback = readback
        self._context = context
        self._ring: ReadbackRing | None = None
        self._times: deque[float] = deque()  # of the pictures on their way through the ring
        self._slot = -1
        self._before = math.inf  # when the last picture was shown

    def shoot(self, framebuffer: moderngl.Framebuffer, seconds: float) -> None:
        """Record what ``framebuffer`` shows at ``seconds`` (any steady clock)."""
        if self.recorder.on_device is None:
            return
        if self.recorder.on_device and self._readback is not None:
            self._shoot_on_device(self._readback, framebuffer, seconds)
            return
        if self._times and seconds - self._times[0] >= SETTLED:
            self._hand_over(1)
        slow, self._before = seconds - self._before >= SLOW, seconds
        slot = self.recorder.slot(seconds)
        if slot <= self._slot:
            return
        self._slot = slot
        if self._ring is not None and self._ring.size != framebuffer.size:
            self._release()
        if self._ring is None:
            self._ring = ReadbackRing(self._context, framebuffer.size)
        picture = self._ring.push(framebuffer)
        self._times.append(seconds)
        if picture is not None:
            self.recorder.offer(picture, self._times.popleft())
        if slow:
            self._hand_over(len(self._times))

    def _shoot_on_device(self, readback: DeviceReadback, framebuffer: moderngl.Framebuffer, seconds: float) -> None:
        slot = self.recorder.slot(seconds)
        if slot <= self._slot:
            return
        self._slot = slot
        try:
            self.recorder.offer(readback.picture(framebuffer, self.recorder.size), seconds)
        except DeviceError as error:
            self.recorder.fail(error)

    def finish(self) -> None:
        """Hand over the pictures still on their way and end the recording, without waiting for the encoder."""
        self._release()
        if self._readback is not None:
            self._readback.release()
        self.recorder.finish()

    def _hand_over(self, count: int) -> None:
        """Give the recorder the oldest ``count`` pictures that are on their way."""
        if self._ring is not None:
            for _ in range(count):
                self.recorder.offer(self._ring.pull(), self._times.popleft())

    def _release(self) -> None:
        if self._ring is not None:
            self._hand_over(len(self._times))
            self._ring.release()
            self._ring = None
