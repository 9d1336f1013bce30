"""Path: where the craft has been. Recorded while flying, flown back, and the source of films."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from core.camera import angles, rigid, turn
from core.pilots.follower import Follower

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from core.steering import Craft, Steering, Surroundings

_TOLERANCE = np.repeat([2e-3, 1e-3], 3)  # scene units, radians: about one pixel of a full-HD picture
_PENDING = 256  # samples between two keys at most
_WIDTH = 6  # position, then yaw, pitch, roll
_TURN = 2.0 * math.pi
_REWIND_SPEED = 3.0
_LONGEST_REWIND = 60.0  # s; an hour's flight is flown back faster than threefold
_RAMP = 1.0  # s to take up the rewind's speed, and to slow down at home


class Path:
    """A curve of poses over the time spent moving: keys with rates, cubic between them, at most a pixel off what was flown.

    Time at rest is not recorded. An hour of autopilot takes about 0.3 MB. Where a path looks straight up or down, yaw is not
    defined and the view may turn between two keys.
    """

    def __init__(self, start: NDArray[np.float64]) -> None:
        self.start = start.copy()  # (4, 4) world_from_camera, returned exactly at time 0
        self._times = array("d", [0.0])
        self._rows = array("d", [*_state(start), *[0.0] * _WIDTH])  # per key: state and its rate
        self._pending = np.empty((_PENDING, 1 + _WIDTH))  # time and state of the samples since the last key
        self._count = 0

    @classmethod
    def of_keys(cls, start: NDArray[np.float64], times: Iterable[float], rows: NDArray[np.float64]) -> Path:
        """Build a path from its keys: ascending ``times`` from 0 and (n, 12) ``rows`` of states and rates."""
        path = cls(start)
        path._times = array("d", times)
        path._rows = array("d", rows.ravel())
        return path

    @property
    def seconds(self) -> float:
        """Time spent moving."""
        return float(self._pending[self._count - 1, 0]) if self._count else self._times[-1]

    @property
    def nbytes(self) -> int:
        """Memory held by the keys."""
        return 8 * (len(self._times) + len(self._rows))

    @property
    def keys(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times (n,) and (n, 12) states (position, yaw, pitch, roll) with their rates."""
        self._settle()
        return np.array(self._times), np.array(self._rows).reshape(-1, 2 * _WIDTH)

    @property
    def trail(self) -> NDArray[np.float64]:
        """Where the craft has been, (n, 3), closely enough to be drawn; unlike ``keys`` it leaves the path as it is."""
        rows, times = np.array(self._rows).reshape(-1, 2 * _WIDTH), np.array(self._times)
        a, b, spans = rows[:-1], rows[1:], np.diff(times)[:, None]
        leave, arrive, rise = spans * a[:, _WIDTH : _WIDTH + 3], spans * b[:, _WIDTH : _WIDTH + 3], b[:, :3] - a[:, :3]
        curve, bend = 3.0 * rise - 2.0 * leave - arrive, leave + arrive - 2.0 * rise
        parts = [a[:, :3] + u * (leave + u * (curve + u * bend)) for u in np.arange(8.0) / 8.0]
        return np.concatenate([np.stack(parts, axis=1).reshape(-1, 3), rows[-1:, :3], self._pending[: self._count, 1:4]])

    def record(self, pose: NDArray[np.float64], dt: float) -> None:
        """Append ``pose``, reached ``dt`` > 0 seconds after the last one; nothing happens where the craft has not moved."""
        last = self._pending[self._count - 1, 1:] if self._count else np.array(self._rows[-2 * _WIDTH : -_WIDTH])
        state = _state(pose)
        state[3:] += _TURN * np.round((last[3:] - state[3:]) / _TURN)
        if np.array_equal(state, last):
            return
        self._pending[self._count] = self.seconds + dt, *state
        self._count += 1
        if self._count > 2 and not self._fits():
            self._commit(self._count - 3)  # the last that did fit
        elif self._count == _PENDING:
            self._commit(self._count - 2)

    def pose(self, time: float) -> NDArray[np.float64]:
        """Where the craft was after ``time`` seconds of motion, (4, 4) world_from_camera; the ends outside the path."""
        if time <= 0.0:
            return self.start.copy()
        state = self._at(time)[:_WIDTH]
        return rigid(turn(*state[3:]), state[:3])

    def cut(self, time: float) -> None:
        """Forget everything after ``time`` seconds."""
        if time >= self.seconds:
            return
        row = self._at(time)
        keep = bisect_right(self._times, max(time, 0.0))
        del self._times[keep:], self._rows[2 * _WIDTH * keep :]
        if time > self._times[-1]:
            self._times.append(time)
            self._rows.extend(row)

    def _at(self, time: float) -> NDArray[np.float64]:
        """State and rate at ``time``, (12,)."""
        self._settle()
        i = min(bisect_right(self._times, time), len(self._times) - 1)
        if i == 0 or time >= self._times[-1]:
            return np.array(self._rows[-2 * _WIDTH :])
        a, b = np.array(self._rows[2 * _WIDTH * (i - 1) : 2 * _WIDTH * (i + 1)]).reshape(2, -1)
        span = self._times[i] - self._times[i - 1]
        values, rates = _hermite(a, b, span, np.array([(max(time, 0.0) - self._times[i - 1]) / span]))
        return np.concatenate([values[0], rates[0]])

    def _fits(self) -> bool:
        """Whether one cubic from the last key to the last but one pending sample passes by all before it."""
        n = self._count - 1
        origin = self._times[-1]
        span = self._pending[n - 1, 0] - origin
        a = np.array(self._rows[-2 * _WIDTH :])
        values, _ = _hermite(a, self._key(n - 1), span, (self._pending[: n - 1, 0] - origin) / span)
        return bool((np.abs(values - self._pending[: n - 1, 1:]) < _TOLERANCE).all())

    def _key(self, i: int) -> NDArray[np.float64]:
        """State and rate of pending sample ``i``, the rate by its neighbours."""
        before = self._pending[i - 1] if i else np.array([self._times[-1], *self._rows[-2 * _WIDTH : -_WIDTH]])
        after = self._pending[min(i + 1, self._count - 1)]
        rate = (after[1:] - before[1:]) / (after[0] - before[0])
        return np.concatenate([self._pending[i, 1:], rate])

    def _commit(self, i: int) -> None:
        """Make pending sample ``i`` a key and keep those after it."""
        row = self._key(i)
        self._times.append(self._pending[i, 0])
        self._rows.extend(row)
        rest = self._count - i - 1
        self._pending[:rest] = self._pending[i + 1 : self._count].copy()
        self._count = rest

    def _settle(self) -> None:
        """Turn what is pending into keys."""
        if self._count > 1:
            self._commit(self._count - 2)
        if self._count:
            self._commit(self._count - 1)


def _state(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([*pose[:3, 3], *angles(pose[:3, :3])])


def _hermite(
    a: NDArray[np.float64], b: NDArray[np.float64], span: float, u: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and rates (n, 6) at ``u`` (n,) in [0, 1] of the cubic between two keys (12,), ``span`` seconds apart."""
    u = u[:, None]
    rise = b[:_WIDTH] - a[:_WIDTH]
    leave, arrive = span * a[_WIDTH:], span * b[_WIDTH:]
    curve, bend = 3.0 * rise - 2.0 * leave - arrive, leave + arrive - 2.0 * rise
    return a[:_WIDTH] + u * (leave + u * (curve + u * bend)), (leave + u * (2.0 * curve + 3.0 * u * bend)) / span


class RewindPilot(Follower):
    """Flies back along ``path`` at an eased threefold speed and arrives at its start exactly.

    The path is consumed on the way: whoever takes over continues it from there. Recording may go on meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._length = path.seconds
        self._speed = max(_REWIND_SPEED, self._length / _LONGEST_REWIND)
        cruise = self._length / self._speed
        self._ramp = max(min(_RAMP, cruise), 1e-9)
        super().__init__("rewind", lambda t: path.pose(self._place(t)), cruise + self._ramp)

    @property
    def place(self) -> tuple[float, float]:
        """Where on the path it is, and how long that was: seconds."""
        return self._place(self.time), self._length

    def advance(self, craft: Craft, steering: Steering, surroundings: Surroundings | None, dt: float) -> Craft:
        """See ``core.pilots.pilot.Pilot``."""
        craft = super().advance(craft, steering, surroundings, dt)
        self._path.cut(0.0 if self.done else self._place(self.time))
        return craft

    def _place(self, t: float) -> float:
        """Time on the path after ``t`` seconds of rewinding: speed rises and falls by smoothstep over the ramps."""
        seconds = self._length / self._speed + self._ramp
        if t >= seconds:
            return 0.0
        done = _ramped(t, self._ramp) - _ramped(t - seconds + self._ramp, self._ramp)
        return max(self._length - self._speed * done, 0.0)


def _ramped(t: float, ramp: float) -> float:
    """Integral over time of a smoothstep that lasts ``ramp`` seconds and stays at 1."""
    u = min(max(t / ramp, 0.0), 1.0)
    return ramp * u * u * u * (1.0 - 0.5 * u) + max(t - ramp, 0.0)


class HomePilot(Follower):
    """Returns to the start of ``path`` directly, within 2 s, and arrives exactly; the path is then empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__("home", lambda _: path.start.copy(), 0.0)

    def advance(self, craft: Craft, steering: Steering, surroundings: Surroundings | None, dt: float) -> Craft:
        """See ``core.pilots.pilot.Pilot``."""
        craft = super().advance(craft, steering, surroundings, dt)
        if self.done:
            self._path.cut(0.0)
        return craft
