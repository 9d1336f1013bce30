"""Pilots: who moves the craft. The contract, the damped flight that all of them share, and the person at the controls.

A pilot names the motion it wants; ``glide`` lets the craft take it up gradually. As every pilot starts from the motion it finds,
any switch from one to another is smooth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from core.camera import Camera, angles, rigid, turn
from core.pilots.holds import Holds
from core.steering import Craft, Motion, Steering, Surroundings

if TYPE_CHECKING:
    from numpy.typing import NDArray

BASE_SPEED = 0.6  # scene units / s: the near ground lies 1.25 units away; at the paper's 0.94 a photo is used up in three seconds
_YAW_RATE, _PITCH_RATE, _ROLL_RATE = 0.9, 0.6, 0.6  # radians / s with a key held
_PITCH_LIMIT = math.radians(80.0)
_SOFTNESS = 0.5  # s in which limits are approached and roll is levelled; > 4 rotation constants, so without overshoot
_DRAG_TIME = 0.05  # s, smooths the mouse's coarse events
_DRAG_REST = 1e-5  # radians, far below a pixel: the rest of a drag is applied at once
_LEVEL = 1e-4  # radians of roll that nobody sees
CALM = 0.5  # times the usual rate of every turn, where calm is asked for


class Pilot(Protocol):
    """Turns (craft, time step) into the next craft."""

    @property
    def name(self) -> str:
        """What to call it on screen and on the command line."""

    @property
    def done(self) -> bool:
        """Whether it has arrived and the craft should be handed over to hover."""

    def advance(self, craft: Craft, steering: Steering, surroundings: Surroundings | None, dt: float) -> Craft:
        """Fly on for ``dt`` seconds (at most about 0.1); ``surroundings`` is None while nothing has been seen yet."""


@dataclass(frozen=True)
class Response:
    """How readily the craft follows: time constants in seconds, and the friction that ends the approach in finite time.

    A pure exponential never arrives. With friction a difference of size ``e`` to the wanted motion is gone after
    ``time constant * log(1 + e / friction)``.
    """

    translation: float = 0.12  # s
    rotation: float = 0.10  # s
    friction: float = 0.16  # units / s: rest after 0.19 s from base speed, 0.33 s from four times that
    spin_friction: float = 0.05  # radians / s: rest after 0.29 s from the fastest turn


def glide(craft: Craft, target: Motion, dt: float, response: Response, nudge: NDArray[np.float64] | None = None) -> Craft:
    """Fly ``dt`` seconds while the motion approaches ``target``.

    Motion is integrated exactly, so that two half steps are one whole step; only the turning of the velocity within a step is
    approximated, by the attitude at its middle (error below 1e-4 at 30 steps a second). ``nudge`` (3,) adds radians of yaw,
    pitch and roll, evenly over the step. The pose is rebuilt from angles, so it stays orthonormal for ever.
    """
    motion = craft.motion
    velocity, way = _approach(motion.velocity, target.velocity, response.translation, response.friction, dt)
    spin, turned = _approach(motion.spin, target.spin, response.rotation, response.spin_friction, dt)
    _, half_turned = _approach(motion.spin, target.spin, response.rotation, response.spin_friction, 0.5 * dt)
    if nudge is not None:
        turned, half_turned = turned + nudge, half_turned + 0.5 * nudge
    if not (way.any() or turned.any() or velocity.any() or spin.any()):
        return craft
    attitude = np.array(angles(craft.camera.rotation))
    position = craft.camera.position + turn(*(attitude + half_turned)) @ way
    return Craft(Camera(craft.camera.intrinsics, rigid(turn(*(attitude + turned)), position)), Motion(velocity, spin))


def _approach(
    now: NDArray[np.float64], target: NDArray[np.float64], tau: float, friction: float, dt: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rate after ``dt`` and its integral over ``dt``, of ``e' = -(e + friction) / tau`` until the difference e is zero."""
    error = now - target
    size = float(np.linalg.norm(error))
    if size == 0.0:
        return target, target * dt
    arrival = tau * math.log1p(size / friction)
    t = min(dt, arrival)
    fade = math.exp(-t / tau)
    left = 0.0 if dt >= arrival else max(0.0, (size + friction) * fade - friction)
    integral = (size + friction) * tau * (1.0 - fade) - friction * t
    return target + error * (left / size), target * dt + error * (integral / size)


class ManualPilot:
    """A person flies: keys set rates, the mouse turns in full, the ground is soft.

    Walking follows the camera's axes, climbing the world's vertical. Yaw is about the world's vertical too, so the horizon stays
    level; roll returns to level when it is not commanded.
    """

    name = "manual"
    done = False

    def __init__(self) -> None:
        self._drag = np.zeros(2)  # radians of mouse look not yet applied
        self._drag_spin = np.zeros(3)  # the part of the last reported spin that came from the mouse
        self._flown: Craft | None = None
        self._holds = Holds()

    def advance(self, craft: Craft, steering: Steering, surroundings: Surroundings | None, dt: float) -> Craft:
        """See ``Pilot``. Comes to rest within 0.4 s of the last key (1.3 s to level a strong roll), then exactly still."""
        if dt <= 0.0:
            return craft
        if craft is not self._flown:  # somebody else flew in between: the mouse has no part in this motion
            self._drag, self._drag_spin = np.zeros(2), np.zeros(3)
        steady = Craft(craft.camera, Motion(craft.motion.velocity, craft.motion.spin - self._drag_spin))
        gain = CALM if steering.calm else 1.0
        nudge = self._take_drag((gain * steering.drag[0], gain * steering.drag[1]), angles(craft.camera.rotation)[1], dt)
        response = Response(friction=Response.friction * steering.speed)
        flown = glide(steady, _wanted(steady, steering, surroundings, self._holds, dt), dt, response, nudge)
        self._drag_spin = nudge / dt
        if flown is not steady or craft.motion.spin.any():
            craft = Craft(flown.camera, Motion(flown.motion.velocity, flown.motion.spin + self._drag_spin))
        self._flown = craft
        return craft

    def _take_drag(self, drag: tuple[float, float], pitch: float, dt: float) -> NDArray[np.float64]:
        self._drag += drag
        low, high = min(-_PITCH_LIMIT - pitch, 0.0), max(_PITCH_LIMIT - pitch, 0.0)
        self._drag[1] = min(max(self._drag[1], low), high)
        share = 1.0 if np.abs(self._drag).max() < _DRAG_REST else 1.0 - math.exp(-dt / _DRAG_TIME)
        taken = self._drag * share
        self._drag = self._drag - taken
        return np.array([taken[0], taken[1], 0.0])


def _wanted(craft: Craft, steering: Steering, surroundings: Surroundings | None, holds: Holds, dt: float) -> Motion:
    """Return the motion that the controls ask for."""
    attitude = np.array(angles(craft.camera.rotation))
    pace = BASE_SPEED * steering.speed * steering.boost
    walk = np.array([steering.strafe, 0.0, steering.advance])
    walk *= pace / max(1.0, float(np.linalg.norm(walk)))
    climb = pace * steering.climb
    middle = turn(*(attitude + 0.5 * dt * craft.motion.spin))
    way = holds.way(middle, craft.motion.velocity, steering, walk, dt)
    if surroundings is not None:
        climb += math.hypot(float(np.linalg.norm(way)), climb) * ground_push(surroundings)
    level = holds.climb(craft, steering, climb)
    way[1] = way[1] - climb if level is None else -level
    velocity = middle.T @ way
    _, pitch, roll = attitude
    gain = CALM if steering.calm else 1.0
    pitch_rate = _within(gain * _PITCH_RATE * steering.pitch, pitch, -_PITCH_LIMIT, _PITCH_LIMIT)
    roll_rate = 0.0 if steering.calm else _ROLL_RATE * steering.roll
    if roll_rate == 0.0 and abs(roll) > _LEVEL:
        roll_rate = -roll / _SOFTNESS
    return Motion(velocity, np.array([gain * _YAW_RATE * steering.yaw, pitch_rate, roll_rate]))


def _within(rate: float, value: float, low: float, high: float) -> float:
    """Slow ``rate`` so that ``value`` comes to rest softly at its limits, or returns inside them."""
    return min(max(rate, (low - value) / _SOFTNESS), (high - value) / _SOFTNESS)


def ground_push(surroundings: Surroundings) -> float:
    """How strongly near ground lifts a moving craft: 0 clear of it, 1 at disparity 1 (as fast up as it flies), at most 2.

    A craft at rest is never moved: a photo with a near foreground must still hover.
    """
    h, w = surroundings.disparity.shape
    patch = np.s_[int(0.6 * h) :, int(0.35 * w) : max(int(0.65 * w), int(0.35 * w) + 1)]
    seen = surroundings.disparity[patch][surroundings.covered[patch]]
    if seen.size == 0:
        return 0.0
    return min(max((float(np.median(seen)) - 0.9) / 0.1, 0.0), 2.0)
