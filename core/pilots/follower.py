"""Follower: the pilot that flies a given track exactly, having joined it smoothly from wherever it was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.camera import Camera, angles, inverse, rigid, turn
from core.steering import Craft, Motion

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from core.steering import Steering, Surroundings

    Track = Callable[[float], NDArray[np.float64]]  # seconds >= 0 to world_from_camera; a matrix of its own at every call

_INSTANT = 1e-3  # s, over which velocities are measured


def smootherstep(u: float) -> float:
    """Ease [0, 1] to [0, 1] with zero velocity and acceleration at both ends."""
    u = min(max(u, 0.0), 1.0)
    return u * u * u * (10.0 - 15.0 * u + 6.0 * u * u)


@dataclass(frozen=True, eq=False)
class _Join:
    """The difference between the craft and the track when it was taken up, fading by a quintic within ``seconds``.

    Position in the world frame and the three angles, in one (6,) vector; likewise their rates.
    """

    offset: NDArray[np.float64]
    rate: NDArray[np.float64]
    seconds: float

    @classmethod
    def between(cls, craft: Craft, track: Track) -> _Join:
        pose = craft.camera.world_from_camera
        velocity = pose[:3, :3] @ craft.motion.velocity
        offset = _difference(track(0.0), pose)
        rate = np.concatenate([velocity, craft.motion.spin]) - _difference(track(0.0), track(_INSTANT)) / _INSTANT
        far = float(np.linalg.norm(offset[:3])), float(np.linalg.norm(offset[3:]))
        return cls(offset, rate, min(0.6 + 0.4 * far[0] + 0.6 * far[1], 2.0))

    def applied(self, pose: NDArray[np.float64], t: float) -> NDArray[np.float64]:
        """Return ``pose`` displaced by what is left of the difference after ``t`` seconds."""
        if t >= self.seconds:
            return pose
        u = t / self.seconds
        away = self.seconds * u * (1.0 - u * u * (6.0 - 8.0 * u + 3.0 * u * u))
        left = self.offset * (1.0 - smootherstep(u)) + self.rate * away
        if not left.any():
            return pose
        return rigid(turn(*(np.array(angles(pose[:3, :3])) + left[3:])), pose[:3, 3] + left[:3])


def _difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """World translation and angles from pose ``a`` to pose ``b``, (6,), angles by the shorter way."""
    turned = np.array(angles(b[:3, :3])) - angles(a[:3, :3])
    return np.concatenate([b[:3, 3] - a[:3, 3], (turned + math.pi) % (2.0 * math.pi) - math.pi])


class Follower:
    """Flies ``track`` for ``seconds``, or for ever where that is infinite.

    The craft may start anywhere in any motion: the difference fades within 0.6 to 2 s, after which the craft is on the track
    exactly, and at its end it has exactly the track's last pose.
    """

    def __init__(self, name: str, track: Track, seconds: float) -> None:
        self.name = name
        self._track = track
        self._seconds = seconds
        self._time = 0.0
        self._join: _Join | None = None

    @property
    def time(self) -> float:
        """Seconds flown."""
        return self._time

    @property
    def done(self) -> bool:
        """Whether the end of the track has been reached."""
        return self._join is not None and self._time >= max(self._seconds, self._join.seconds)

    def advance(self, craft: Craft, steering: Steering, surroundings: Surroundings | None, dt: float) -> Craft:
        """See ``core.pilots.pilot.Pilot``; steering and surroundings are not heeded."""
        del steering, surroundings
        if dt <= 0.0 or self.done:
            return craft
        if self._join is None:
            self._join = _Join.between(craft, self._track)
        self._time += dt
        pose = self._pose(self._join, self._time)
        motion = motion_between(self._pose(self._join, self._time - _INSTANT), pose, _INSTANT)
        return Craft(Camera(craft.camera.intrinsics, pose), Motion() if motion.still else motion)

    def _pose(self, join: _Join, time: float) -> NDArray[np.float64]:
        return join.applied(self._track(min(max(time, 0.0), self._seconds)), max(time, 0.0))


def motion_between(before: NDArray[np.float64], after: NDArray[np.float64], dt: float) -> Motion:
    """Return the motion that leads from one pose to the other in ``dt`` seconds, in the frame of ``after``."""
    change = _difference(before, after) / dt
    return Motion(inverse(after)[:3, :3] @ change[:3], change[3:])
