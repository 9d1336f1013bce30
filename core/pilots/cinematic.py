"""Cinematic moves: short eased flights by name, relative to where they start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.camera import rigid, turn
from core.pilots.follower import Follower, smootherstep

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from core.camera import Intrinsics
    from core.steering import Craft, Steering, Surroundings

_NEAR, _FAR = 1.25, 6.0  # scene units: the reach a move is scaled to stays within these
UNKNOWN_REACH = 2.5  # scene units: the usual photo


@dataclass(frozen=True)
class Cinematic:
    """A move: ``pose(u, reach)`` is start_from_camera at u in [0, 1], the identity and at rest at u = 0.

    ``reach`` is the scene's middle depth in scene units. A cyclic move is smooth across its end and goes on for ever.
    """

    pose: Callable[[float, float], NDArray[np.float64]]
    seconds: float
    what: str
    cyclic: bool = False
    aimed: bool = False  # turns on its way to where the view is deepest


def _pose(right: float, up: float, forward: float, yaw: float = 0.0, pitch: float = 0.0) -> NDArray[np.float64]:
    return rigid(turn(yaw, pitch), np.array([right, -up, forward]))


def _dolly(u: float, reach: float) -> NDArray[np.float64]:
    e = smootherstep(u)
    return _pose(0.0, 0.03 * reach * e, 0.5 * reach * e)


def _through(u: float, reach: float) -> NDArray[np.float64]:
    """Far ahead, most of the way to what stands at the reach, rising a little over the land between."""
    e = smootherstep(u)
    return _pose(0.0, 0.06 * reach * e, 0.75 * reach * e)  # from 0.9 on a forest's trunks fill the view


def _orbit(u: float, reach: float) -> NDArray[np.float64]:
    """Swing a quarter of a right angle about what stands at the reach, which stays in the middle of the picture."""
    angle = 0.4 * smootherstep(u)
    return _pose(reach * math.sin(angle), 0.0, reach * (1.0 - math.cos(angle)), yaw=-angle)


def _rise(u: float, reach: float) -> NDArray[np.float64]:
    """Up and slightly on, looking down by as much as keeps what stands at the reach in place."""
    e = smootherstep(u)
    up, forward = 0.25 * reach * e, 0.1 * reach * e
    return _pose(0.0, up, forward, pitch=-0.6 * math.atan2(up, reach - forward))


def _sweep(u: float, reach: float) -> NDArray[np.float64]:
    """Along a circle that leaves straight ahead and bends to the right."""
    angle, radius = 0.4 * smootherstep(u), 1.6 * reach  # turning further would leave little of the photo in view
    return _pose(radius * (1.0 - math.cos(angle)), 0.05 * reach * smootherstep(u), radius * math.sin(angle), yaw=angle)


def _loop(u: float, reach: float) -> NDArray[np.float64]:
    """Fly a drop-shaped round, out on the right, back on the left; it rests for an instant where it closes, so it can begin."""
    phase = 2.0 * math.pi * u
    out = 0.5 * (1.0 - math.cos(phase))
    side = math.sin(phase) * out
    return _pose(0.16 * reach * side, 0.04 * reach * out, 0.3 * reach * out, yaw=-0.16 * side)


CINEMATICS: dict[str, Cinematic] = {
    "dolly": Cinematic(_dolly, 8.0, "straight into the picture"),
    "through": Cinematic(_through, 12.0, "through the gap ahead and on", aimed=True),
    "orbit": Cinematic(_orbit, 8.0, "around what stands in the middle"),
    "rise": Cinematic(_rise, 8.0, "up, looking down"),
    "sweep": Cinematic(_sweep, 10.0, "ahead along a bend"),
    "loop": Cinematic(_loop, 10.0, "a seamless round that ends where it began", cyclic=True),
}


def _bent(pose: NDArray[np.float64], u: float, aim: float) -> NDArray[np.float64]:
    """Turn a move about its start, gradually, until half of its time is over."""
    if aim == 0.0:
        return pose
    return rigid(turn(aim * smootherstep(2.0 * u)), np.zeros(3)) @ pose


def gap(surroundings: Surroundings, lens: Intrinsics) -> float:
    """Return the angle to the right, radians, at which a camera finds the land deepest, within the middle of its view.

    Columns are judged by the nearest land in the band about the middle row, so that a valley is chosen before a hill behind it.
    """
    h, w = surroundings.disparity.shape
    band = surroundings.disparity[int(0.4 * h) : int(0.65 * h), int(0.2 * w) : int(0.8 * w)]
    depth = 1.0 / np.maximum(np.percentile(band, 80, axis=0), 0.05)
    side = (np.arange(len(depth)) + 0.5) / len(depth) - 0.5
    weight = (depth / depth.max()) ** 8  # the deepest columns count, without jumping from gap to gap
    return math.atan(0.6 * float((weight * side).sum() / weight.sum()) / lens.fx)


def scene_reach(disparity: NDArray[np.float32], sky: NDArray[np.float32]) -> float:
    """Depth in scene units by which moves are scaled: the median of the land, within what can be flown without tearing the scene.

    ``disparity`` and ``sky`` are (h, w), as in a keyframe.
    """
    land = disparity[sky < 0.5]
    if land.size == 0:
        return UNKNOWN_REACH
    return min(max(1.0 / max(float(np.median(land)), 1e-6), _NEAR), _FAR)


class CinematicPilot(Follower):
    """Flies one of ``CINEMATICS`` from wherever the craft is when it takes over.

    ``seconds`` replaces the move's own duration; for a cyclic move, that of one round.
    """

    def __init__(self, name: str, reach: float = UNKNOWN_REACH, seconds: float | None = None) -> None:
        move = CINEMATICS[name]
        length = seconds or move.seconds
        self._start: NDArray[np.float64] = np.eye(4)
        self._move, self._aim = move, 0.0  # radians to the right

        def track(t: float) -> NDArray[np.float64]:
            u = t / length
            return self._start @ _bent(move.pose(u % 1.0 if move.cyclic else u, reach), u, self._aim)

        super().__init__(name, track, math.inf if move.cyclic else length)
        self._begun = False

    def advance(self, craft: Craft, steering: Steering, surroundings: Surroundings | None, dt: float) -> Craft:
        """See ``core.pilots.pilot.Pilot``."""
        if not self._begun:
            self._start, self._begun = craft.camera.world_from_camera, True
            if self._move.aimed and surroundings is not None:
                self._aim = gap(surroundings, craft.camera.intrinsics)
        return super().advance(craft, steering, surroundings, dt)
