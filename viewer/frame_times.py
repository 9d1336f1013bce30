"""Frame times: how long every shown picture took, part by part, and why the late ones were late.

A frame's time runs from the picture before it to its own, both on the screen; a picture after a rest has none. All goes into a
ring of fixed size, so that flying for hours allocates nothing. A frame is late when it takes more than ``LATE`` times as long as
the display's period or, where that is longer, the median of the last second: a slow machine is slow, not late.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from core.frame import Frame

LATE = 1.5
CAPACITY = 1 << 14  # frames: four minutes at 60 Hz, one at 240 Hz; 0.6 MB
WINDOW, LEAST = 1.0, 30  # seconds, and frames at least, whose median a frame is compared with
JUDGE_SECONDS = 0.25  # between judgements: medians of a second for each single frame would cost more than they tell


class Part(IntEnum):
    """What a frame's time is spent on, in this order."""

    EVENTS = 0  # the window's events, taking up a photo that is ready, the actions of keys
    FLY = 1
    WARP = 2
    DRAW = 3  # giving OpenGL its commands; a GPU works them off later, software OpenGL in the flip
    RECORD = 4
    HUD = 5
    FLIP = 6  # waiting for OpenGL, for the display, and for the time of the next frame

    @property
    def word(self) -> str:
        """The name as a person reads it."""
        return self.name.lower()


COLLECTION = len(Part)  # the cause that is no part: Python's garbage collection, which stops all threads


class During(IntFlag):
    """What else happened in a frame, and may be why a part of it took long."""

    NOTHING = 0
    KEYFRAME = 1  # one is shown for the first time: its mesh and textures are new
    RESOLUTION = 2  # canvas or lookup have another size
    LOADING = 4  # a photo is being opened behind the flight
    RECORDING = 8
    KEY = 16  # a key's action was done

    @property
    def words(self) -> str:
        """All of it as a person reads it, separated by commas."""
        return ", ".join(_WORDS[each] for each in During if each and each in self)


_WORDS = {
    During.KEYFRAME: "new keyframe",
    During.RESOLUTION: "new resolution",
    During.LOADING: "loading a photo",
    During.RECORDING: "recording",
    During.KEY: "key pressed",
}


@dataclass(frozen=True)
class Summary:
    """The frames in the ring: times in seconds, and how many frames were late for which reason."""

    frames: int
    mean: float
    median: float
    p99: float
    p999: float
    longest: float
    late: Counter[str]

    @property
    def line(self) -> str:
        """The times as a person reads them."""
        times = (("p50", self.median), ("p99", self.p99), ("p99.9", self.p999), ("max", self.longest))
        return "  ".join(f"{name} {1e3 * value:.1f}" for name, value in times) + " ms"


class FrameTimes:
    """Clocks the display loop: ``begin``, then ``mark`` after each part, then ``shown`` or ``rested``.

    ``period`` is the display's, seconds. Garbage collection is watched until ``close``.
    """

    def __init__(
        self, period: float = 1.0 / 60.0, capacity: int = CAPACITY, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.period = period
        self.count = 0  # of frames so far; the ring holds the latest
        self.late = 0  # of them
        self.collections = 0  # of garbage so far
        self._clock = clock
        self._parts = np.zeros((capacity, len(Part)), np.float32)  # seconds
        self._collecting = np.zeros(capacity, np.float32)  # seconds, within the parts
        self._during = np.zeros(capacity, np.uint8)
        self._cause = np.full(capacity, -1, np.int8)  # of a late frame: a part or COLLECTION; -1 if in time
        self._judged = 0  # frames
        self._pending = 0.0  # seconds of frames not yet judged
        self._now = np.zeros(len(Part))
        self._now_during = During.NOTHING
        self._now_collecting = 0.0
        self._began = self._last = self._collection_began = clock()
        self._moving = False  # whether the loop's last turn showed a picture
        self._keyframes: set[int] = set()  # serials of those in the last frame
        gc.callbacks.append(self._collected)

    def close(self) -> None:
        """Watch garbage collection no longer; safe to call twice."""
        if self._collected in gc.callbacks:
            gc.callbacks.remove(self._collected)

    def begin(self) -> None:
        """Begin a turn of the loop: time since the last picture belongs to this one, time at rest to none."""
        if self._moving:
            self.mark(Part.FLIP)
        else:
            self._last = self._clock()
            self._clear()

    def mark(self, part: Part) -> None:
        """Book the time since the last mark to ``part``."""
        now = self._clock()
        self._now[part] += now - self._last
        self._last = now

    def note(self, during: During) -> None:
        """Remember for this frame what happened in it."""
        self._now_during |= during

    def note_keyframes(self, frame: Frame) -> None:
        """Remember it when ``frame`` shows a keyframe that the frame before did not."""
        layers = (frame.newer,) if frame.older is None else (frame.newer, frame.older)
        shown = {keyframe.serial for layer in layers for keyframe in layer.keyframes}
        if not shown <= self._keyframes:
            self.note(During.KEYFRAME)
        self._keyframes = shown

    def shown(self) -> None:
        """End a turn that has shown a picture."""
        self.mark(Part.FLIP)
        if self._moving:
            row = self.count % len(self._parts)
            self._parts[row] = self._now
            self._collecting[row] = self._now_collecting
            self._during[row] = self._now_during
            self._cause[row] = -1
            self.count += 1
            self._pending += self._last - self._began
            if self._pending >= JUDGE_SECONDS or self.count - self._judged == len(self._parts):
                self._judge()
        self._moving = True
        self._clear()

    def rested(self) -> None:
        """End a turn that has left the screen as it was."""
        self._moving = False

    def _clear(self) -> None:
        self._began = self._last
        self._now[:] = 0.0
        self._now_during = During.NOTHING
        self._now_collecting = 0.0

    def latest(self, seconds: float, least: int = 0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return what the frames of the last ``seconds``, and ``least`` at least, took, and which of them were late.

        The parts are (n, len(Part)), seconds, oldest first; (n,) tells late ones.
        """
        rows = self._rows(len(self._parts))
        age = np.cumsum(self._parts[rows[::-1]].sum(axis=1))
        count = max(int(np.searchsorted(age, seconds, side="right")), min(least, len(rows)))
        rows = rows[len(rows) - count :]
        return self._parts[rows], self._cause[rows] >= 0

    def summary(self) -> Summary:
        """Return what the ring holds in a few numbers."""
        self._judge()
        rows = self._rows(len(self._parts))
        times = self._parts[rows].sum(axis=1) if len(rows) else np.zeros(1)
        median, p99, p999, longest = (float(value) for value in np.percentile(times, (50.0, 99.0, 99.9, 100.0)))
        late = Counter(self._reason(row) for row in rows[self._cause[rows] >= 0])
        return Summary(len(rows), float(times.mean()), median, p99, p999, longest, late)

    def _judge(self) -> None:
        """Find the late ones among the frames since the last judgement, and their causes; it takes some to compare."""
        if self.count < LEAST:
            return
        fresh = self._rows(self.count - self._judged)
        self._judged, self._pending = self.count, 0.0
        if not len(fresh):
            return
        around, _ = self.latest(WINDOW, LEAST)
        usual, median = np.median(around, axis=0), float(np.median(around.sum(axis=1)))
        times = self._parts[fresh].sum(axis=1)
        for i in np.nonzero(times > LATE * max(self.period, median))[0]:
            row = fresh[i]
            collected = self._collecting[row] > 0.5 * (times[i] - median)
            self._cause[row] = COLLECTION if collected else int(np.argmax(self._parts[row] - usual))
            self.late += 1

    def _reason(self, row: int) -> str:
        if self._cause[row] == COLLECTION:
            return "garbage collection"
        during = During(int(self._during[row])).words
        return Part(int(self._cause[row])).word + (f" ({during})" if during else "")

    def _rows(self, count: int) -> NDArray[np.intp]:
        """Return the ring's rows of the last ``count`` frames, or as many as there are, oldest first."""
        return np.arange(max(0, self.count - count), self.count) % len(self._parts)

    def _collected(self, phase: str, info: dict[str, Any]) -> None:
        """Take the time of a garbage collection, in whatever thread: Python runs nothing else meanwhile."""
        del info
        if phase == "start":
            self._collection_began = self._clock()
        else:
            self._now_collecting += self._clock() - self._collection_began
            self.collections += 1
