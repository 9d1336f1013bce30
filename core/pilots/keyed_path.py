"""Keyed path: a few poses that somebody has chosen, and the smooth flight through all of them.

Positions and quaternions run along one interpolating cubic spline in time, twice continuously differentiable, from rest to rest;
a closed one goes round for ever without a seam. Tension takes the slopes back to nothing: at 1 the flight goes straight from key
to key and rests at each. Quaternions are interpolated by components and normalised, each on the side of the one before it, so
that the view turns the shorter way and never spins; a loop that has turned once about meets its own negative at the seam.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from core.camera import rigid
from core.errors import PilotError
from core.pilots.follower import Follower
from core.pilots.pilot import BASE_SPEED

if TYPE_CHECKING:
    import pathlib

    from numpy.typing import NDArray

PREFIX = "keys:"  # before the path's text, where a pilot is asked for
SHORTEST, LONGEST = 0.2, 600.0  # seconds from one key to the next
_TURN_RATE = 0.5  # radians / s: with ``BASE_SPEED`` how long the way between two keys takes unless told otherwise
_DIGITS = 7
_MOST = 1000  # keys
_NAME = "photoflight_keys"


@dataclass(frozen=True, eq=False)
class Key:
    """A pose to be passed through, (4, 4) world_from_camera, and the seconds from there to the next key."""

    pose: NDArray[np.float64]
    seconds: float = 2.0


@dataclass(frozen=True, eq=False)
class KeyedPath:
    """Keys in their order. ``tension`` in [0, 1]; ``closed``: from the last key on to the first."""

    keys: tuple[Key, ...] = ()
    tension: float = 0.0
    closed: bool = False

    @property
    def seconds(self) -> float:
        """How long the flight, or one round of it, takes."""
        return self._times[-1]

    def dropped(self, pose: NDArray[np.float64]) -> KeyedPath:
        """Return the path with another key at its end; the way to it takes as long as it is far."""
        keys = list(self.keys)
        if keys:
            keys[-1] = replace(keys[-1], seconds=_usual_seconds(keys[-1].pose, pose))
        keys.append(Key(pose.copy(), _usual_seconds(pose, keys[0].pose) if keys else 2.0))
        return replace(self, keys=tuple(keys))

    def without(self, index: int) -> KeyedPath:
        """Return the path without one of its keys."""
        return replace(self, keys=self.keys[:index] + self.keys[index + 1 :])

    def swapped(self, a: int, b: int) -> KeyedPath:
        """Return the path with two keys in each other's place; durations stay where they are."""
        keys = list(self.keys)
        keys[a], keys[b] = replace(keys[a], pose=keys[b].pose), replace(keys[b], pose=keys[a].pose)
        return replace(self, keys=tuple(keys))

    def timed(self, index: int, seconds: float) -> KeyedPath:
        """Return the path with another duration from one key to the next."""
        keys = list(self.keys)
        keys[index] = replace(keys[index], seconds=min(max(seconds, SHORTEST), LONGEST))
        return replace(self, keys=tuple(keys))

    def pose(self, time: float) -> NDArray[np.float64]:
        """Return world_from_camera, (4, 4), after ``time`` seconds: of the present round where closed, else within the ends."""
        times = self._times
        time = time % times[-1] if self.closed and times[-1] > 0.0 else min(max(time, 0.0), times[-1])
        i = max(min(bisect_right(times, time), len(times) - 1) - 1, 0)
        if time == times[i]:
            return rigid(_rotation(self._rows[i, 3:]), self._rows[i, :3])
        span = times[i + 1] - times[i]
        a, b, leave, arrive = self._rows[i], self._rows[i + 1], span * self._slopes[i], span * self._slopes[i + 1]
        u, rise = (time - times[i]) / span, b - a
        row = a + u * (leave + u * (3.0 * rise - 2.0 * leave - arrive + u * (leave + arrive - 2.0 * rise)))
        return rigid(_rotation(row[3:]), row[:3])

    @cached_property
    def _times(self) -> list[float]:
        """When each key is passed, and where closed the first one again."""
        if not self.keys:
            raise PilotError("no keys; drop some first")
        steps = [key.seconds for key in self.keys]
        return [0.0, *accumulate(steps if self.closed else steps[:-1])]

    @cached_property
    def _rows(self) -> NDArray[np.float64]:
        """Position and quaternion at each of ``_times``, (n, 7)."""
        around = [*self.keys, self.keys[0]] if self.closed else list(self.keys)
        rows = np.array([[*key.pose[:3, 3], *_quaternion(key.pose[:3, :3])] for key in around])
        for before, row in pairwise(rows):
            if before[3:] @ row[3:] < 0.0:
                row[3:] *= -1.0
        return rows

    @cached_property
    def _slopes(self) -> NDArray[np.float64]:
        """Rates of ``_rows`` at ``_times``, (n, 7): those that leave no step in the acceleration, taken back by the tension."""
        rows, spans = self._rows, np.diff(self._times)
        n = len(spans)
        slopes = np.zeros_like(rows)
        if n == 0:
            return slopes
        matrix, sides = np.zeros((n + 1, n + 1)), np.zeros_like(rows)
        pull = 3.0 * np.diff(rows, axis=0) / spans[:, None] ** 2
        for i in range(1, n):
            matrix[i, i - 1 : i + 2] = 1.0 / spans[i - 1], 2.0 / spans[i - 1] + 2.0 / spans[i], 1.0 / spans[i]
            sides[i] = pull[i - 1] + pull[i]
        matrix[0, 0] = matrix[n, n] = 1.0  # at rest
        if self.closed:
            sign = np.where(np.arange(7) < 3, 1.0, 1.0 if rows[0, 3:] @ rows[-1, 3:] > 0.0 else -1.0)
            for columns in (slice(0, 3), slice(3, 7)):
                slopes[:, columns] = _round(matrix, sides[:, columns], pull[:, columns], spans, sign[columns][0])
        else:
            slopes[:] = np.linalg.solve(matrix, sides)
        return (1.0 - self.tension) * slopes

    @property
    def text(self) -> str:
        """The path as compact JSON."""
        rows = [
            [*(round(float(x), _DIGITS) for x in (*key.pose[:3, 3], *_quaternion(key.pose[:3, :3]))), round(key.seconds, 3)]
            for key in self.keys
        ]
        document = {_NAME: rows, "tension": round(self.tension, 3), "closed": self.closed}
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> KeyedPath:
        """Read it back. Raises PilotError, one line, where ``text`` is no such path."""
        try:
            document = json.loads(text)
            rows = np.array(document[_NAME], dtype=np.float64)
            tension, closed = float(document.get("tension", 0.0)), bool(document.get("closed", False))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise PilotError(f"not a keyed path ({error}); drop keys in the window and save them") from error
        if rows.ndim != 2 or rows.shape[1] != 8 or not 0 < len(rows) <= _MOST or not np.isfinite(rows).all():
            raise PilotError(f"keys of shape {rows.shape}: 1 to {_MOST} rows of position, quaternion and seconds are needed")
        if not ((rows[:, 7] >= SHORTEST) & (rows[:, 7] <= LONGEST)).all() or not 0.0 <= tension <= 1.0:
            raise PilotError(f"keyed path: {SHORTEST} to {LONGEST:.0f} seconds between keys and a tension of 0 to 1 are needed")
        if not (np.abs(np.linalg.norm(rows[:, 3:7], axis=1) - 1.0) < 1e-3).all():
            raise PilotError("keyed path: a quaternion that is no rotation; its length must be 1")
        return cls(tuple(Key(rigid(_rotation(row[3:7]), row[:3]), float(row[7])) for row in rows), tension, closed)

    def save(self, file: pathlib.Path) -> None:
        """Write the path for ``film --pilot``. Raises PilotError if that cannot be."""
        try:
            file.write_text(self.text + "\n", encoding="utf-8")
        except OSError as error:
            raise PilotError(f"{file}: the keys cannot be saved ({error.strerror}); choose another place") from error

    @classmethod
    def load(cls, file: pathlib.Path) -> KeyedPath | None:
        """Read a file of ``save``; None where it is something else. Raises PilotError where the keys in it are damaged."""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        if not text.lstrip().startswith(f'{{"{_NAME}"'):
            return None
        try:
            return cls.of_text(text)
        except PilotError as error:
            raise PilotError(f"{file}: {error}") from error


class KeyedPilot(Follower):
    """Flies a keyed path, for ever where it is closed."""

    def __init__(self, path: KeyedPath) -> None:
        super().__init__("keys", path.pose, math.inf if path.closed else path.seconds)


def _round(
    matrix: NDArray[np.float64], sides: NDArray[np.float64], pull: NDArray[np.float64], spans: NDArray[np.float64], sign: float
) -> NDArray[np.float64]:
    """Solve for the slopes of a loop, whose last key is ``sign`` times its first."""
    matrix, sides = matrix.copy(), sides.copy()
    n = len(spans)
    matrix[0], matrix[n] = 0.0, 0.0
    matrix[0, 0] += 2.0 / spans[0] + 2.0 / spans[-1]
    matrix[0, 1] += 1.0 / spans[0]
    matrix[0, n - 1] += sign / spans[-1]
    sides[0] = pull[0] + sign * pull[-1]
    matrix[n, 0], matrix[n, n] = -sign, 1.0
    return np.asarray(np.linalg.solve(matrix, sides), dtype=np.float64)


def _usual_seconds(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """How long the way from pose to pose takes at the usual pace; half as long again, as it begins and ends at rest."""
    way = float(np.linalg.norm(b[:3, 3] - a[:3, 3]))
    turned = 2.0 * math.acos(min(abs(float(_quaternion(a[:3, :3]) @ _quaternion(b[:3, :3]))), 1.0))
    return round(min(max(1.5 * max(way / BASE_SPEED, turned / _TURN_RATE), 1.0), LONGEST), 1)


def _quaternion(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (w, x, y, z) of a rotation matrix: the eigenvector of Bar-Itzhack's matrix, exact wherever the trace lies."""
    m = rotation
    k = np.array(
        [
            [m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1]],
        ]
    )
    q: NDArray[np.float64] = np.linalg.eigh(k)[1][:, -1]
    return q if q[0] >= 0.0 else -q


def _rotation(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 3x3 rotation of a quaternion (w, x, y, z) of any length but zero."""
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
            [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
            [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )
