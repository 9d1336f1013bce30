"""Holds: what a person wants kept while steering the rest: the speed ahead, the height, the course."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.camera import angles, turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.steering import Craft, Steering

_TAKE_UP = 1.0  # s in which steering ahead or back changes the held speed by as much as it flies otherwise
_RETURN = 0.5  # s in which a lost height is made good; > 4 constants of translation, so without overshoot
_AT_REST = 0.01  # scene units / s
_BEND = 0.9  # radians / s by which the held course turns with a key held


class Holds:
    """Set points; each is taken from what is flown when its flag goes up, and moved by steering what is held.

    While the heading is held the craft flies level along it and the view is free; strafing bends the course instead.
    """

    def __init__(self) -> None:
        self._speed: float | None = None  # ahead, scene units / s
        self._height: float | None = None  # of the world, scene units
        self._heading: float | None = None  # radians
        self._climbing = False  # by hand, or still coming to rest from it

    def way(
        self,
        rotation: NDArray[np.float64],
        velocity: NDArray[np.float64],
        steering: Steering,
        walk: NDArray[np.float64],
        dt: float,
    ) -> NDArray[np.float64]:
        """Return the velocity in the world that is wanted where ``walk`` is steered, (3,) right, down, ahead, scene units / s.

        ``rotation`` is the camera's in the world and ``velocity`` its own, in its frame.
        """
        if not steering.hold_heading:
            self._heading = None
        elif self._heading is None:
            self._heading = angles(rotation)[0]
        else:
            self._heading += _BEND * steering.strafe * dt
        along = rotation if self._heading is None else turn(self._heading)
        if not steering.hold_speed:
            self._speed = None
        elif self._speed is None:
            self._speed = float(along[:, 2] @ rotation @ velocity)
        else:
            self._speed += walk[2] * dt / _TAKE_UP
        right = walk[0] if self._heading is None else 0.0
        ahead = walk[2] if self._speed is None else self._speed
        return np.asarray(along @ np.array([right, 0.0, ahead]), dtype=np.float64)

    def climb(self, craft: Craft, steering: Steering, asked: float) -> float | None:
        """Return the vertical speed that keeps the height; ``asked`` is what is steered, and where that ends becomes the height.

        None where the height is not held.
        """
        if not steering.hold_height:
            self._height = None
            return None
        height = -float(craft.camera.position[1])
        rising = -float(craft.camera.rotation[1] @ craft.motion.velocity)
        self._climbing = asked != 0.0 or (self._climbing and abs(rising) > _AT_REST)
        if self._climbing or self._height is None:
            self._height = height
        return asked + (self._height - height) / _RETURN
