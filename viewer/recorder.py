"""Recorder: what is on screen becomes a video, at a constant frame rate, without ever holding up the display.

Pictures are copied into a bounded queue and encoded on a thread of their own. Video time equals wall time: a
slow display has its pictures repeated, a fast one has some of them skipped, and what finds the queue full is
dropped and counted.
"""

from __future__ import annotations

import atexit
import math
from fractions import Fraction
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Self

import numpy as np

from core.errors import RecordingError
from viewer.mp4 import Mp4Writer, encodes_on_device, even, playable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from viewer.nv12 import DevicePicture

QUEUE_BYTES = 128 << 20
LONGEST_QUEUE = 30  # pictures, one second of video: longer would only delay what a killed process keeps


class Recorder:
    """A recording under way.

    ``size`` is (width, height) of the pictures, pixels; an odd last column or row is cut. ``metadata`` goes into
    the file (title, comment). With ``lockstep`` every picture becomes one video frame and ``offer`` waits for room
    (films); without, pictures are placed by their time (live). ``blank`` is what a GPU could offer instead of pictures
    on the host: ``on_device`` tells whether that can be encoded where it is, None until that is known. Raises
    RecordingError when the file cannot be created; whatever goes wrong later ends the recording, keeps the file up to
    there and is told by ``error``.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float = 30.0,
        metadata: Mapping[str, str] | None = None,
        *,
        lockstep: bool = False,
        capacity: int | None = None,
        blank: DevicePicture | None = None,
    ) -> None:
        if min(size) < 2:
            raise RecordingError(f"cannot record {size[0]}x{size[1]} pixels; make the picture larger")
        _create(path)
        self.path = path
        self.size = even(size)
        self.fps = Fraction(fps).limit_denominator(1001)
        self.lockstep = lockstep
        self.frames = 0  # video frames encoded so far
        self.dropped = 0  # video frames that show an older picture because the encoder was busy
        self.encoder: str | None = None  # FFmpeg's name of the encoder, once it is open
        self.error: RecordingError | None = None
        self.on_device: bool | None = None if blank is not None else False
        room = min(LONGEST_QUEUE, max(4, QUEUE_BYTES // (3 * size[0] * size[1])))
        self._queue: SimpleQueue[tuple[int, NDArray[np.uint8] | DevicePicture] | Exception | None] = SimpleQueue()
        self._blank = blank
        self._room = Semaphore(capacity or room)
        self._spare: SimpleQueue[NDArray[np.uint8]] = SimpleQueue()
        self._start: float | None = None
        self._slot = -1  # of the newest picture taken
        self._ending = False
        self._metadata = dict(metadata or {})
        self._thread = Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # whoever forgets to close it, or ends by an exception, still keeps it all

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    @property
    def seconds(self) -> float:
        """Length of the video so far, seconds."""
        return float((self._slot + 1) / self.fps)

    @property
    def done(self) -> bool:
        """Whether the file is closed, in peace or by an error."""
        return not self._thread.is_alive()

    def slot(self, seconds: float) -> int:
        """Index of the video frame for a picture shown at ``seconds`` on any steady clock; the first is 0."""
        if self._start is None:
            self._start = seconds
        return math.floor((seconds - self._start) * float(self.fps) + 0.5)

    def offer(self, picture: NDArray[np.uint8] | DevicePicture, seconds: float = 0.0) -> bool:
        """Take a copy of ``picture``, (h, w, 3) uint8 sRGB, top row first, shown at ``seconds``, if due.

        Where ``on_device``, pictures are ``DevicePicture``s of the recording's size, and kept as they are.

        Returns whether it was taken. Live, this never waits: a picture for a frame that has one is skipped, and one
        that finds the queue full is dropped and counted. A picture whose size has changed meanwhile (a resized
        window) is fitted to the recording.
        """
        slot = self._slot + 1 if self.lockstep else self.slot(seconds)
        if self._ending or self.error is not None or slot <= self._slot:
            return False
        missed, self._slot = slot - self._slot, slot
        if not self._room.acquire(blocking=self.lockstep):
            self.dropped += missed
            return False
        self._queue.put((slot, self._copy(picture) if isinstance(picture, np.ndarray) else picture))
        return True

    def fail(self, error: Exception) -> None:
        """End the recording because its pictures have come to an end; what there is stays."""
        self._queue.put(error)

    def finish(self) -> None:
        """End the recording without waiting: what is queued is still encoded; ``done`` tells when."""
        if not self._ending:
            self._ending = True
            self._queue.put(None)

    def close(self) -> None:
        """End the recording and wait until the file is closed."""
        self.finish()
        self._thread.join()

    def _copy(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Copy into an array that the encoder is done with, if there is one of this size."""
        try:
            copy = self._spare.get_nowait()
        except Empty:
            copy = np.empty(picture.shape, np.uint8)
        if copy.shape != picture.shape:
            copy = np.empty(picture.shape, np.uint8)
        np.copyto(copy, picture)
        return copy

    def _run(self) -> None:
        try:
            self._encode()
        except Exception as error:  # noqa: BLE001 - it is told, and the flight goes on
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            kept = playable(self.path) / float(self.fps)
            self.error = RecordingError(f"recording to {self.path} stopped: {reason}; {kept:.1f} s are kept")
            self._room.release()  # whoever waits for room need not: from now on nothing is taken
        if self.frames == 0 and self.path.is_file():
            self.path.unlink()
        atexit.unregister(self.close)  # or it would hold this and its arrays until then

    def _encode(self) -> None:
        on_device = self._blank is not None and encodes_on_device(self._blank, self.size, self.fps)
        self._blank = None
        writer = Mp4Writer(self.path, self.size, self.fps, self._metadata, film=self.lockstep, on_device=on_device)
        self.on_device = on_device
        self.encoder = writer.encoder
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                self._room.release()
                slot, picture = item
                self._repeat(writer, slot)
                writer.write(picture, slot)
                self.frames += 1
                if isinstance(picture, np.ndarray):
                    self._spare.put(picture)
            if self.frames > 0:
                self._repeat(writer, self._slot + 1)  # the last may have been dropped
        finally:
            writer.close()

    def _repeat(self, writer: Mp4Writer, until: int) -> None:
        """Show the last picture again up to frame ``until``: nothing new was shown, or it was dropped."""
        while self.frames < until:
            writer.repeat(self.frames)
            self.frames += 1


def _create(path: Path) -> None:
    """Make sure that the file can be written, or raise RecordingError."""
    if not path.parent.is_dir():
        raise RecordingError(f"cannot record to {path}: there is no folder {path.parent}; create it or name another")
    try:
        path.open("wb").close()
    except OSError as error:
        raise RecordingError(f"cannot record to {path}: {error.strerror}; name another place") from error
