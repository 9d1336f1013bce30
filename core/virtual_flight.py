"""Virtual flights: step by step through the world of one photo, without a window or a clock. Training and evaluation fly them.

A step is the paper's, 0.1875 scene units at base speed: see, refine, keep the refined view as a keyframe, move on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from core.camera import Camera
from core.compose import compose
from core.flight import REFINE_STEP
from core.frame import Layer
from core.pilots import make_pilot
from core.pilots.holds import Holds
from core.pilots.pilot import BASE_SPEED, ManualPilot
from core.refiner import as_keyframe
from core.sight import coarse
from core.sky import Dome
from core.steering import Craft, Steering
from core.warp import make_warper, warp
from core.world import BUDGET_BYTES, World

if TYPE_CHECKING:
    from core.generator import RefinedView, WarpedView
    from core.keyframe import Keyframe
    from core.pilots.pilot import Pilot
    from core.steering import Surroundings
    from core.warp import Warper

STEP_SECONDS = REFINE_STEP / BASE_SPEED  # 0.31 s of flight
SIZE = 256, 160  # width, height
_SUBSTEPS = 8  # the pilots' damping wants steps below 0.1 s

# what the hands do on each course that is not the autopilot's; sides are changed by the seed
_HANDS = {
    "turn": Steering(yaw=0.5),  # 8 degrees a step, in place: a full circle in 45 steps
    "curve": Steering(yaw=0.3, advance=1.0),
    "strafe": Steering(strafe=1.0, advance=0.4),
    "climb": Steering(climb=0.35, advance=1.0, yaw=0.08),
}
COURSES = ("autopilot", *_HANDS)


class VirtualFlight:
    """One flight into ``photo``: ``look`` moves a step on and tells what is known there, ``accept`` takes the refined view.

    ``steps`` counts the calls of ``look``; ``layer`` holds what the last of them saw, and through which lookup. The same photo,
    course, seed, size and refined views give the same flight.
    """

    def __init__(
        self,
        photo: Keyframe,
        course: str,
        seed: int = 0,
        size: tuple[int, int] = SIZE,
        budget_bytes: int = BUDGET_BYTES,
        warper: Warper | None = None,
        dome: Dome | None = None,
    ) -> None:
        """Start at the pose of ``photo``, with views of ``size`` (width, height).

        Many flights should share one ``warper``, those from one photo its ``dome``. Raises ValueError if ``course`` is none of
        ``COURSES``.
        """
        if course not in COURSES:
            raise ValueError(f"no course {course!r}: choose one of {', '.join(COURSES)}")
        self.photo, self.course, self.size, self.steps = photo, course, size, 0
        self.world = World(photo, budget_bytes)
        self.dome = dome or Dome.of(photo)
        self._warper = warper or make_warper()
        self.craft = Craft(Camera(photo.camera.intrinsics.covered_by(size[0] / size[1])))
        manual = course in _HANDS
        self._pilot: Pilot = ManualPilot() if manual else make_pilot(course, seed)
        self._steering = _sided(_HANDS[course], seed) if manual else Steering()
        self.layer = self._layer()
        self.surroundings = coarse(self.layer)

    @property
    def camera(self) -> Camera:
        """Where the flight is."""
        return self.craft.camera

    def look(self) -> WarpedView:
        """Move one step on and return what the world shows there."""
        for _ in range(_SUBSTEPS):
            self.craft = self._pilot.advance(self.craft, self._steering, self.surroundings, STEP_SECONDS / _SUBSTEPS)
        return self._seen()

    def look_from(self, camera: Camera) -> WarpedView:
        """Move to ``camera``, through this flight's lens, and return what the world shows there."""
        self.craft = Craft(self.camera.at(camera.world_from_camera))
        return self._seen()

    def pilot_state(self) -> dict[str, Any]:
        """Return what the pilot remembers between steps, as plain data; nothing is ever held on these courses."""
        return {name: value for name, value in vars(self._pilot).items() if not isinstance(value, Craft | Holds)}

    def resume(self, craft: Craft, steps: int, surroundings: Surroundings, pilot_state: dict[str, Any]) -> None:
        """Go on as another flight with the same photo, course, seed and keyframes would after ``steps``."""
        self.craft, self.steps, self.surroundings = craft, steps, surroundings
        vars(self._pilot).update(pilot_state)

    def accept(self, view: RefinedView) -> Keyframe:
        """Keep the refined ``view`` of where the flight is. Raises ValueError if it is not finite."""
        keyframe = as_keyframe(self.camera, view)
        if keyframe is None:
            raise ValueError(f"the refined view of step {self.steps} is not finite")
        self.world.add(keyframe)
        return keyframe

    def _seen(self) -> WarpedView:
        self.steps += 1
        self.layer = self._layer()
        self.surroundings = coarse(self.layer)
        return compose(self.layer, self.camera, self.dome)

    def _layer(self) -> Layer:
        keyframes = self.world.choose(self.camera)
        return Layer(keyframes, warp(keyframes, self.camera, self.size, self._warper))


def _sided(steering: Steering, seed: int) -> Steering:
    side = float(np.random.default_rng(seed).choice((-1.0, 1.0)))
    return Steering(strafe=side * steering.strafe, climb=steering.climb, advance=steering.advance, yaw=side * steering.yaw)
