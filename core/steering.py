"""What a person does with the controls and what the craft does about it: the nouns that pilots and devices share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera


def _zero() -> NDArray[np.float64]:
    return np.zeros(3)


@dataclass(frozen=True)
class Steering:
    """The state of the controls during one time step, whatever the device."""

    strafe: float = 0.0  # -1 left .. 1 right
    climb: float = 0.0  # -1 down .. 1 up
    advance: float = 0.0  # -1 back .. 1 forward
    yaw: float = 0.0  # -1 left .. 1 right, as a rate
    pitch: float = 0.0  # -1 down .. 1 up, as a rate
    roll: float = 0.0  # -1 .. 1 clockwise, as a rate
    drag: tuple[float, float] = (0.0, 0.0)  # mouse look since the last step: radians right, radians up
    boost: float = 1.0  # momentary speed factor (Shift, Ctrl)
    speed: float = 1.0  # lasting speed factor (wheel)
    hold_speed: bool = False  # keep the speed ahead,
    hold_height: bool = False  # the height,
    hold_heading: bool = False  # the course, with the view free: see ``core.pilots.holds``
    calm: bool = False  # for people whom moving pictures make ill: no roll, slower turns, a narrower view while turning

    @property
    def touched(self) -> bool:
        """Whether a person is steering right now (speed, holds and calm alone are not steering)."""
        return any((self.strafe, self.climb, self.advance, self.yaw, self.pitch, self.roll, *self.drag))


@dataclass(frozen=True, eq=False)
class Motion:
    """Velocities of the camera: of its position in its own frame, and the rates of its ``core.camera.angles``.

    Yaw is therefore about the world's vertical.
    """

    velocity: NDArray[np.float64] = field(default_factory=_zero)  # (3,) scene units / s: right, down, forward
    spin: NDArray[np.float64] = field(default_factory=_zero)  # (3,) radians / s: yaw right, pitch up, roll clockwise

    @property
    def still(self) -> bool:
        """Whether the camera rests, to within what one could see (1 mm-scale units, 0.01 degrees a second)."""
        return bool(np.abs(self.velocity).max() < 1e-3 and np.abs(self.spin).max() < 2e-4)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the camera sees, coarsely (about 64 x 40), for pilots that look where they fly."""

    disparity: NDArray[np.float32]  # (h, w), 0 where sky
    sky: NDArray[np.float32]  # (h, w), [0, 1]
    covered: NDArray[np.bool_]  # (h, w), False where nothing is known


@dataclass(frozen=True, eq=False)
class Craft:
    """The state that every pilot advances."""

    camera: Camera
    motion: Motion = field(default_factory=Motion)
