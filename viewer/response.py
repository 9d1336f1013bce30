"""Response: how far a stick acts for how far it is pushed."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Response:
    """The curve of one device: radial dead zone, rescaled, then expo, and a gain for each axis, negative where inverted."""

    dead_zone: float = 0.12  # of the stick's way, at which worn sticks still rest
    expo: float = 0.35  # 0: straight, 1: the cube, for fine motion about the middle
    look: tuple[float, float] = (1.0, 1.0)  # times the usual rate at which the view turns right, and up
    move: tuple[float, float] = (1.0, 1.0)  # times the usual speed to the right, and ahead

    def strength(self, way: float) -> float:
        """Return how strongly a stick acts that is pushed ``way``, 0 .. 1, of its whole way: 0 .. 1, never falling."""
        if way <= self.dead_zone:
            return 0.0
        t = min((way - self.dead_zone) / (1.0 - self.dead_zone), 1.0)
        return (1.0 - self.expo) * t + self.expo * t**3

    def of_stick(self, x: float, y: float) -> tuple[float, float]:
        """Return the strengths along both axes of a stick at (x, y), -1 .. 1 each.

        The direction is kept and the strength depends on the distance alone, so a circle of the stick is a circle. Corners beyond
        the circle, which sticks in square gates reach, act as its rim.
        """
        way = math.hypot(x, y)
        if way <= self.dead_zone:
            return 0.0, 0.0
        scale = self.strength(way) / way
        return x * scale, y * scale

    def of_look(self, x: float, y: float) -> tuple[float, float]:
        """Return the rates that a stick at (x, y) turns the view with: right and up, 1 for the usual full rate."""
        u, v = self.of_stick(x, y)
        return self.look[0] * u, self.look[1] * v

    def of_move(self, x: float, y: float) -> tuple[float, float]:
        """Return the speeds that a stick at (x, y) flies with: right and ahead, 1 for the usual full speed."""
        u, v = self.of_stick(x, y)
        return self.move[0] * u, self.move[1] * v

    def of_axis(self, value: float) -> float:
        """Return the strength of a single axis or trigger, -1 .. 1."""
        return math.copysign(self.strength(abs(value)), value)
