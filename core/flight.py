"""Flight: ties pilot, world and refiner together. It knows nothing of windows; the viewer and the film maker both drive it.

Two clocks (see ARCHITECTURE.md): ``advance`` and ``frame`` belong to the display clock and never wait for the generator; the
refiner runs behind them in its own thread. In lockstep keyframes are made at once instead.

Whatever a flight does, it does in ticks of 1/120 s; the display may look in between, at any rate, and changes nothing by it. What
comes from outside is logged by tick, so that a flight can be flown again, exactly (see ``core.flight_log``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.camera import Camera, angles, turn
from core.comfort import narrowed
from core.flight_log import DRAG_STEPS, Arrival, FlightLog, Happening, from_steps, in_steps
from core.frame import Frame, Layer
from core.generator import on_gpu
from core.keyframe import Keyframe
from core.pilots import make_pilot
from core.pilots.cinematic import scene_reach
from core.pilots.path import HomePilot, Path, RewindPilot
from core.pilots.pilot import ManualPilot, Pilot, Response, glide
from core.refiner import Outcome, Refiner
from core.sight import LOOK_TICKS, TICK, TRACK_TICKS, Sight, ground_clearance
from core.sky import Dome
from core.steering import Craft, Steering, Surroundings
from core.warp import make_warper
from core.warp.cpu import CpuWarper
from core.world import BUDGET_BYTES, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from core.camera import Intrinsics
    from core.generator import Generator
    from core.perception import Scene
    from core.photo import Photo

LEAD_SECONDS = 0.35  # the refiner works on where the camera will be then: one refinement and half a fade
REFINE_PERIOD = 0.2  # seconds of flight between refinements: the paper's five steps a second
REFINE_STEP = 0.1875  # scene units after which one is due earlier: the paper's step
REFINE_MARGIN = 1.15  # keyframes see this much more than the window, so that a turn does not run off their edge
PATH_TICKS = 4  # between poses of the path that is flown back


@dataclass(frozen=True)
class FlightSettings:
    """How to fly."""

    aspect: float = 16.0 / 9.0  # of the window or film, width / height
    refine_size: tuple[int, int] = (256, 160)
    refine_larger: bool = True  # where a GPU leaves time for it
    lockstep: bool = False
    seed: int = 0
    canvas: tuple[int, int] = (0, 0)  # that pictures are shown on, (width, height); keyframes are shown as finely as it needs
    world_bytes: int = BUDGET_BYTES  # memory for keyframes; the farthest are forgotten beyond it
    replay: FlightLog | None = None  # of a flight that is to be flown again, whatever is steered


@dataclass(frozen=True)
class FlightStatus:
    """What instruments show."""

    pilot: str
    speed: float  # scene units / s
    height: float  # scene units above the ground below the view; nan where no ground is seen
    heading: float  # radians, right of the photo's view direction
    refine_rate: float  # refinements / s
    refine_size: tuple[int, int]  # (width, height) of the next
    generator: str


def photo_keyframe(photo: Photo, scene: Scene) -> Keyframe:
    """Keyframe 0: the photo at full resolution over its perceived geometry, at the world's origin."""
    return Keyframe(Camera(photo.intrinsics), photo.image, scene.disparity, scene.sky, np.zeros_like(scene.disparity))


@dataclass(frozen=True, eq=False)
class Other:
    """Another photo, which lends its look to a flight."""

    photo: Photo
    keyframe: Keyframe


def keyframes_of(others: Sequence[Other]) -> tuple[Keyframe, ...]:
    """Return those of ``others``, in their order."""
    return tuple(other.keyframe for other in others)


class Flight:
    """One flight into one photo.

    Call ``advance(dt, steering)`` and then ``frame(size)`` for every picture; ``close`` at the end. Not thread-safe: one thread
    flies. Raises nothing once built, other than for programming errors: what goes wrong in the refiner is contained there.
    """

    def __init__(self, photo: Keyframe, generator: Generator, settings: FlightSettings, others: Sequence[Other] = ()) -> None:
        """``others`` lend their look from the start, or from when they did in a flight that is flown again."""
        self.settings = settings
        if not generator.sky:
            photo = photo.without_sky()
        self.world = World(photo, settings.world_bytes)
        self.dome = Dome.of(photo)
        self.warper = make_warper()
        self.lens = photo.camera.intrinsics.covered_by(settings.aspect)
        self.craft = Craft(Camera(self.lens))
        self.pilot: Pilot = ManualPilot()
        self.path = Path(self.craft.camera.world_from_camera)
        self.generator = generator.name  # that it began with
        self.backend = f"{_place(isinstance(self.warper, CpuWarper))}/{_place(not on_gpu(generator))}"  # of warp and generator
        self.sight = Sight(self.world)
        self.tick = 0  # of ``TICK`` seconds
        self.rest = 0.0  # seconds since then
        self._calm = False
        self.log = FlightLog()
        self.track = [self.craft.camera.world_from_camera]  # every ``TRACK_TICKS``
        self._drag = np.zeros(2)  # radians of mouse look that are not flown yet
        self._replay = None if settings.replay is None else Replay(settings.replay)
        self.refiner = Refiner(
            self.world,
            generator,
            self.dome,
            self.warper.background(),
            settings.refine_size,
            lockstep=settings.lockstep or settings.replay is not None,
            larger=settings.refine_larger,
            canvas=settings.canvas,
        )
        self.refiner.begin(settings.seed)
        self._refined_at, self._refined_from = -math.inf, self.craft.camera.position
        self.log.look_through(self.tick, self.lens)
        self.others = tuple(others)
        if others and settings.replay is None:
            self.join(others)

    @property
    def camera(self) -> Camera:
        """The display camera, now: where the last tick left it, carried on by its motion."""
        camera = self.craft.camera
        if self.rest > 0.0:
            camera = glide(self.craft, self.craft.motion, self.rest, Response()).camera
        return narrowed(camera, self.craft.motion) if self._calm else camera

    @property
    def time(self) -> float:
        """Seconds flown."""
        return self.tick * TICK + self.rest

    @property
    def surroundings(self) -> Surroundings | None:
        """What pilots see; None before the first look."""
        return self.sight.surroundings

    def warm_up(self, size: tuple[int, int]) -> None:
        """Run everything once as it will be run in flight, so that no first use compiles or allocates in mid-air."""
        self.frame(size)
        self.sight.look(self.craft.camera)
        self.refiner.warm_up(self.forecast())

    def reshape(self, aspect: float, vertical: float = 0.0) -> None:
        """Fit the view to a window of another shape (width / height); the pose stays.

        ``vertical`` is the field of view, radians; 0 for the photo's own.
        """
        lens = self.world.photo.camera.intrinsics.covered_by(aspect)
        self._look_through(lens.spanning(vertical) if vertical else lens)

    def _look_through(self, lens: Intrinsics) -> None:
        if lens == self.lens:
            return
        self.lens = lens
        self.craft = Craft(self.craft.camera.through(lens), self.craft.motion)
        self.log.look_through(self.tick, lens)

    def engage(self, how: str) -> None:
        """Give the controls to another pilot: "manual", "autopilot", a cinematic move, a path file, "rewind" or "home".

        The motion carries over, so nothing jerks. Raises PilotError if there is no such pilot or its file cannot be read.
        """
        self.pilot = self._pilot(how)
        self.log.engage(self.tick, how)

    def _pilot(self, how: str) -> Pilot:
        if how == "rewind":
            return RewindPilot(self.path)
        if how == "home":
            return HomePilot(self.path)
        photo = self.world.photo
        return make_pilot(how, self.settings.seed, scene_reach(photo.disparity, photo.geometry_sky))

    def join(self, others: Sequence[Other]) -> None:
        """Let ``others`` lend their look to the keyframes that are asked for from now on; a ``Copying`` generator heeds it."""
        self.others = tuple(others)
        self.refiner.others = keyframes_of(others)
        self.log.join(self.tick)

    def advance(self, dt: float, steering: Steering) -> None:
        """Fly for ``dt`` seconds. Any steering input takes over from whatever pilot flies."""
        self.rest += dt
        ticks = int(self.rest / TICK + 1e-6)
        self.rest = self.rest - ticks * TICK if self.rest - ticks * TICK > 1e-9 else 0.0
        if dt > 0.0:
            self._drag += steering.drag
        steered = in_steps(steering)
        for _ in range(ticks):
            if self._replay is None:
                self._tick(steered, self._dragged())
            elif self.tick < self._replay.log.ticks:
                self._repeat(self._replay)

    def _dragged(self) -> tuple[int, int]:
        """Take the mouse look that is not flown yet, in whole steps."""
        steps = np.round(self._drag * DRAG_STEPS)
        self._drag -= steps / DRAG_STEPS
        return int(steps[0]), int(steps[1])

    def _repeat(self, replay: Replay) -> None:
        """Fly a tick as it was flown."""
        log, drag, arrival = replay.log, (0, 0), None
        for what, numbers in replay.happened(self.tick):
            if what is Happening.STEERED:
                replay.steered[numbers[0]] = numbers[1]
            elif what is Happening.DRAGGED:
                drag = (numbers[0], numbers[1])
            elif what is Happening.ENGAGED:
                self.engage(log.pilots[numbers[0]])
            elif what is Happening.LENS:
                self._look_through(log.lenses[numbers[0]])
            elif what is Happening.JOINED:
                self.join(self.others)
            else:
                arrival = Outcome(Arrival(numbers[0]), log.sizes[numbers[1]])
        self._tick(tuple(replay.steered), drag, arrival)

    def _tick(self, steered: tuple[int, ...], drag: tuple[int, int], arrival: Outcome | None = None) -> None:
        """Fly a tick; in a replay ``arrival`` tells of a keyframe that came in then."""
        if self._replay is None or arrival is not None:
            self._collect(arrival)
        self.log.steer(self.tick, steered, drag)
        steering = from_steps(steered, drag)
        self._calm = steering.calm
        if steering.touched and not isinstance(self.pilot, ManualPilot):
            self.pilot = ManualPilot()
        self.craft = self.pilot.advance(self.craft, steering, self.surroundings, TICK)
        self.tick += 1
        self.log.ticks = self.tick
        if self.tick % PATH_TICKS == 0:
            self.path.record(self.craft.camera.world_from_camera, PATH_TICKS * TICK)
        if self.tick % TRACK_TICKS == 0:
            self.track.append(self.craft.camera.world_from_camera)
        if self.pilot.done:
            self.pilot = ManualPilot()
        self.sight.at(self.tick, self.craft.camera)
        self._refine()

    def _collect(self, like: Outcome | None) -> None:
        """Take up a keyframe that has been made."""
        outcome = self.refiner.collect(like)
        if outcome is not None:
            self.log.arrive(self.tick, outcome.arrival, outcome.size)

    def _refine(self) -> None:
        """Ask for a keyframe where one is due; more of them would look the same and cost the display its time."""
        if self.refiner.busy:
            return
        time, position = self.tick * TICK, self.craft.camera.position
        early = float(np.linalg.norm(position - self._refined_from)) >= REFINE_STEP
        if not early and time - self._refined_at < REFINE_PERIOD - 1e-9:
            return
        self._refined_at, self._refined_from = time, position
        self.refiner.submit(self.forecast())

    def forecast(self) -> Camera:
        """Where the camera will be in ``LEAD_SECONDS``, through the refiner's wider lens."""
        motion = self.craft.motion
        width, height = self.settings.refine_size
        ahead = self.craft.camera.moved(motion.velocity * LEAD_SECONDS, turn(*(motion.spin * LEAD_SECONDS)))
        return ahead.through(self.lens.containing(width / height, REFINE_MARGIN))

    def frame(self, size: tuple[int, int], aspect: float | None = None) -> Frame:
        """Warp the best keyframes to the camera; ``size`` is the lookup's (width, height).

        Where another ``aspect`` (width / height) is wanted than the flight's, the view is cropped to it.
        """
        camera, fade = self.camera, self.sight.fade(self.tick + self.rest / TICK)
        if aspect is not None and not math.isclose(aspect, camera.intrinsics.aspect, rel_tol=1e-9):
            camera = camera.through(camera.intrinsics.covered_by(aspect))
        shown = [self.sight.shown, self.sight.before] if fade < 1.0 and self.sight.before else [self.sight.shown]
        lookups = self.warper.warp(shown, camera, size)
        newer, *older = map(Layer, shown, lookups)
        return Frame(camera, newer, older[0] if older else None, fade)

    def status(self) -> FlightStatus:
        """Return the instruments."""
        yaw, _, _ = angles(self.craft.camera.rotation)
        speed = float(np.linalg.norm(self.craft.motion.velocity))
        height = ground_clearance(self.surroundings, self.lens.fy)
        refiner = self.refiner
        return FlightStatus(self.pilot.name, speed, height, yaw, refiner.rate, refiner.size, refiner.generator_name)

    @property
    def still(self) -> bool:
        """Whether the next picture would be the same as the last: nothing moves and nothing fades."""
        return self.craft.motion.still and self.sight.fade(self.tick - LOOK_TICKS) == 1.0

    def close(self) -> None:
        """Stop the refiner; safe to call twice."""
        self.refiner.close()


def _place(on_cpu: bool) -> str:
    return "cpu" if on_cpu else "cuda"


class Replay:
    """A place in the log of a flight that is flown again."""

    def __init__(self, log: FlightLog) -> None:
        self.log = log
        self.steered = list(in_steps(Steering()))
        self._next = 0

    def happened(self, tick: int) -> Iterator[tuple[Happening, tuple[int, ...]]]:
        """Yield what happened at ``tick``; to be called for one after the other."""
        events = self.log.events
        while self._next < len(events) and events[self._next].tick <= tick:
            event = events[self._next]
            self._next += 1
            yield event.what, event.numbers
