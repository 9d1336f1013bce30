"""Rollouts: many virtual flights kept in the air at once, each moved a step at a time (paper section 3.2).

The paper unrolls T steps anew for every sample. Here a pool of flights is kept instead, every step of which is a sample: T then
is where a flight happens to be, uniform up to its own length, at a tenth of the cost for rollouts of twenty steps. The frames
that a flight remembers were made by somewhat older weights.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from core.camera import Camera
from core.classical import ClassicalGenerator
from core.keyframe import Keyframe
from core.neural.generator import RENEWAL
from core.steering import Craft, Motion, Surroundings
from core.virtual_flight import COURSES, VirtualFlight
from core.warp import make_warper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.classical.generator import Completion
    from core.generator import RefinedView
    from core.training.photos import PhotoSet

SHARES = {"autopilot": 0.5, "curve": 0.2, "strafe": 0.1, "climb": 0.1, "turn": 0.1}  # of flights, by course
REPEATS = 3  # flights from one photo in a row: its dome takes 0.3 s to make
BUDGET = 3 * 2**20  # bytes of keyframes a flight remembers: five of 256x160
_THREADS = 2


@dataclass(eq=False)
class Rollout:
    """One flight of the pool."""

    photo_index: int
    seed: int
    length: int  # steps after which it is over
    flights_left: int  # from the same photo
    flight: VirtualFlight
    classical: ClassicalGenerator
    texture: list[Tensor] = field(default_factory=list)  # of the start photo, once it has been looked at

    @property
    def over(self) -> bool:
        """Whether another should take its place."""
        return self.flight.steps >= self.length


@dataclass(frozen=True, eq=False)
class Step:
    """What a rollout sees after its next step."""

    rollout: Rollout
    done: Completion


@dataclass(frozen=True)
class RolloutSettings:
    """How a pool flies."""

    size: tuple[int, int]  # (width, height) of views
    flights: int = 24
    sky: bool = True  # False: the ablation without sky; sky is land far away
    seed: int = 0


class RolloutPool:
    """Flights from ``photos``. ``steps(count)`` moves the next of them on; ``accept`` gives each its refined view."""

    def __init__(self, photos: PhotoSet, settings: RolloutSettings) -> None:
        self._photos, self._settings = photos, settings
        self.warper = make_warper()
        self._random = np.random.default_rng((settings.seed, 2))
        self._rollouts: list[Rollout | None] = [None] * settings.flights
        self._next = 0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="rollout")

    def steps(self, count: int, longest: int) -> list[Step]:
        """Move the next ``count`` flights a step on. New ones take the place of those over, up to ``longest`` steps long."""
        places = [(self._next + i) % len(self._rollouts) for i in range(count)]
        self._next = (self._next + count) % len(self._rollouts)
        plans = [self._plan(self._rollouts[place], longest) for place in places]
        made = list(self._threads.map(lambda plan: plan(), plans))
        for place, rollout in zip(places, made, strict=True):
            self._rollouts[place] = rollout
        return list(self._threads.map(_moved, made))

    def onwards(self, steps: Sequence[Step]) -> list[Step]:
        """Move the same flights another step on."""
        return list(self._threads.map(_moved, [step.rollout for step in steps]))

    def accept(self, steps: Sequence[Step], views: Sequence[RefinedView]) -> list[Keyframe]:
        """Give every flight its refined view. Raises ValueError if one is not finite."""
        return list(self._threads.map(lambda pair: pair[0].rollout.flight.accept(pair[1]), zip(steps, views, strict=True)))

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Apply ``function`` on the pool's threads."""
        return list(self._threads.map(function, items))

    def stranger(self, generator: torch.Generator) -> Keyframe:
        """Draw a start photo that need not have anything to do with the flights."""
        return self._photo(int(torch.randint(len(self._photos), (1,), generator=generator)))

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly here, as plain data and arrays."""
        rollouts = [None if rollout is None else _rollout_state(rollout) for rollout in self._rollouts]
        return {"random": self._random.bit_generator.state, "next": self._next, "rollouts": rollouts}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self._random.bit_generator.state = state["random"]
        self._next = state["next"]
        for place, saved in enumerate(state["rollouts"]):
            self._rollouts[place] = None if saved is None else self._restored(saved)

    def _photo(self, index: int) -> Keyframe:
        photo = self._photos[index]
        return photo if self._settings.sky else photo.without_sky()

    def _plan(self, old: Rollout | None, longest: int) -> Callable[[], Rollout]:
        """Draw, in order, what takes the place of ``old``; making it may happen on any thread."""
        if old is not None and not old.over:
            return lambda: old
        index, seed = int(self._random.integers(len(self._photos))), int(self._random.integers(2**31))
        length = int(self._random.integers(1, longest + 1))
        course = str(self._random.choice(COURSES, p=[SHARES[name] for name in COURSES]))
        if old is not None and old.flights_left > 0:
            return lambda: self._again(old, seed, length, course)
        return lambda: self._fresh(index, seed, length, course, REPEATS - 1)

    def _again(self, old: Rollout, seed: int, length: int, course: str) -> Rollout:
        flight = VirtualFlight(old.flight.photo, course, seed, self._settings.size, BUDGET, self.warper, old.flight.dome)
        return Rollout(old.photo_index, seed, length, old.flights_left - 1, flight, old.classical, old.texture)

    def _fresh(self, index: int, seed: int, length: int, course: str, left: int) -> Rollout:
        photo = self._photo(index)
        classical = ClassicalGenerator(RENEWAL)
        classical.begin(photo, index)
        flight = VirtualFlight(photo, course, seed, self._settings.size, BUDGET, self.warper)
        return Rollout(index, seed, length, left, flight, classical)

    def _restored(self, saved: dict[str, Any]) -> Rollout:
        rollout = self._fresh(saved["photo"], saved["seed"], saved["length"], saved["course"], saved["left"])
        flight = rollout.flight
        for key in saved["keyframes"]:
            camera = Camera(flight.camera.intrinsics, key["pose"])
            flight.world.add(Keyframe(camera, key["image"], key["disparity"], key["sky"], key["debt"]))
        craft = Craft(Camera(flight.camera.intrinsics, saved["pose"]), Motion(*saved["motion"]))
        flight.resume(craft, saved["steps"], Surroundings(*saved["surroundings"]), saved["pilot"])
        return rollout


def _moved(rollout: Rollout) -> Step:
    return Step(rollout, rollout.classical.complete(rollout.flight.look()))


def _rollout_state(rollout: Rollout) -> dict[str, Any]:
    flight = rollout.flight
    keyframes = [
        {"pose": key.camera.world_from_camera, "image": key.image, "disparity": key.disparity, "sky": key.sky, "debt": key.debt}
        for key in flight.world.keyframes[1:]
    ]
    return {
        "photo": rollout.photo_index,
        "seed": rollout.seed,
        "length": rollout.length,
        "left": rollout.flights_left,
        "course": flight.course,
        "keyframes": keyframes,
        "pose": flight.craft.camera.world_from_camera,
        "motion": (flight.craft.motion.velocity, flight.craft.motion.spin),
        "steps": flight.steps,
        "surroundings": (flight.surroundings.disparity, flight.surroundings.sky, flight.surroundings.covered),
        "pilot": flight.pilot_state(),
    }
