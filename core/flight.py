"""Flight: ties pilot, world and refiner together. It knows nothing of windows; the viewer and the film maker both drive it.

Two clocks (see ARCHITECTURE.md): ``advance`` and ``frame`` belong to the display clock and never wait for the generator; the
refiner runs behind them in its own thread. In lockstep the refiner is called every ``REFINE_PERIOD`` of flight time instead, so
the same photo, seed and steering give the same frames.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.camera import Camera, angles, turn
from core.errors import DeviceError
from core.frame import Frame, Layer
from core.keyframe import Keyframe
from core.pilots import make_pilot
from core.pilots.cinematic import scene_reach
from core.pilots.path import HomePilot, Path, RewindPilot
from core.pilots.pilot import ManualPilot, Pilot
from core.refiner import Refiner
from core.sky import Dome
from core.steering import Craft, Steering, Surroundings
from core.warp import make_warper
from core.warp.lookup import HOLE, THIN
from core.world import BUDGET_BYTES, World

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.generator import Generator
    from core.perception import Scene
    from core.photo import Photo

FADE_SECONDS = 0.25  # a new keyframe fades in over this time: shorter pops, longer ghosts in a fast turn
HOLD_SECONDS = 0.5  # the shown keyframes stay at least this long, as every fade costs a second resolve and a second layer,
HOLES = 0.01  # unless more than this share of the view is holes
LEAD_SECONDS = 0.35  # the refiner works on where the camera will be then: one refinement and half a fade
REFINE_PERIOD = 0.2  # seconds of flight between refinements: the paper's five steps a second
REFINE_STEP = 0.1875  # scene units after which one is due earlier: the paper's step
REFINE_MARGIN = 1.15  # keyframes see this much more than the window, so that a turn does not run off their edge
AT_HOME = 1e-6  # scene units and radians: closer than this to the photo's own pose the photo alone is shown


@dataclass(frozen=True)
class FlightSettings:
    """How to fly."""

    aspect: float = 16.0 / 9.0  # of the window or film, width / height
    refine_size: tuple[int, int] = (256, 160)
    refine_larger: bool = True  # where a GPU leaves time for it
    lockstep: bool = False
    seed: int = 0
    world_bytes: int = BUDGET_BYTES  # memory for keyframes; the farthest are forgotten beyond it


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


class Flight:
    """One flight into one photo.

    Call ``advance(dt, steering)`` and then ``frame(size)`` for every picture; ``close`` at the end. Not thread-safe: one thread
    flies. Raises nothing once built, other than for programming errors: what goes wrong in the refiner is contained there.
    """

    def __init__(self, photo: Keyframe, generator: Generator, settings: FlightSettings) -> None:
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
        self.time = 0.0
        self._surroundings: Surroundings | None = None
        self._seen: Layer | None = None  # of the last frame, until somebody asks what was seen
        self.refiner = Refiner(
            self.world,
            generator,
            self.dome,
            self.warper.background(),
            settings.refine_size,
            lockstep=settings.lockstep,
            larger=settings.refine_larger,
        )
        self.refiner.begin(settings.seed)
        self._refined_at, self._refined_from = -math.inf, self.craft.camera.position
        self._shown: tuple[Keyframe, ...] = (photo,)
        self._before: tuple[Keyframe, ...] = ()
        self._fade_start = -math.inf
        self._holed = False  # whether the last frame had more than ``HOLES``

    @property
    def camera(self) -> Camera:
        """The display camera, now."""
        return self.craft.camera

    @property
    def surroundings(self) -> Surroundings | None:
        """What pilots see: the last frame, thinned out; None before the first. Asked for late, so that no GPU is waited for."""
        self._look()
        return self._surroundings

    def _look(self) -> None:
        """Take in the last frame; if the GPU was lost since, what was seen before stays."""
        seen, self._seen = self._seen, None
        if seen is None:
            return
        with contextlib.suppress(DeviceError):  # the next warp meets it, too, and leaves the GPU
            self._surroundings = coarse(seen)
            self._holed = seen.lookup.covered_share < 1.0 - HOLES

    def warm_up(self, size: tuple[int, int]) -> None:
        """Run everything once as it will be run in flight, so that no first use compiles or allocates in mid-air."""
        self.frame(size)
        self.refiner.warm_up(self.forecast())

    def reshape(self, aspect: float, vertical: float = 0.0) -> None:
        """Fit the view to a window of another shape (width / height); the pose stays.

        ``vertical`` is the field of view, radians; 0 for the photo's own.
        """
        lens = self.world.photo.camera.intrinsics.covered_by(aspect)
        self.lens = lens.spanning(vertical) if vertical else lens
        self.craft = Craft(self.craft.camera.through(self.lens), self.craft.motion)

    def engage(self, how: str) -> None:
        """Give the controls to another pilot: "manual", "autopilot", a cinematic move, a path file, "rewind" or "home".

        The motion carries over, so nothing jerks. Raises PilotError if there is no such pilot or its file cannot be read.
        """
        if how == "rewind":
            self.pilot = RewindPilot(self.path)
        elif how == "home":
            self.pilot = HomePilot(self.path)
        else:
            photo = self.world.photo
            self.pilot = make_pilot(how, self.settings.seed, scene_reach(photo.disparity, photo.geometry_sky))

    def advance(self, dt: float, steering: Steering) -> None:
        """Fly for ``dt`` seconds. Any steering input takes over from whatever pilot flies."""
        if steering.touched and not isinstance(self.pilot, ManualPilot):
            self.engage(ManualPilot.name)
        self.time += dt
        self.craft = self.pilot.advance(self.craft, steering, self.surroundings, dt)
        self.path.record(self.craft.camera.world_from_camera, dt)
        if self.pilot.done:
            self.engage(ManualPilot.name)
        self._refine()

    def _refine(self) -> None:
        """Ask for a keyframe where one is due; more of them would look the same and cost the display its time."""
        position = self.craft.camera.position
        early = float(np.linalg.norm(position - self._refined_from)) >= REFINE_STEP
        if not early and self.time - self._refined_at < REFINE_PERIOD - 1e-9:
            return
        self._refined_at, self._refined_from = self.time, position
        refine_at = self.refiner.run_once if self.settings.lockstep else self.refiner.submit
        refine_at(self.forecast())

    def forecast(self) -> Camera:
        """Where the camera will be in ``LEAD_SECONDS``, through the refiner's wider lens."""
        motion = self.craft.motion
        width, height = self.settings.refine_size
        ahead = self.craft.camera.moved(motion.velocity * LEAD_SECONDS, turn(*(motion.spin * LEAD_SECONDS)))
        return ahead.through(self.lens.containing(width / height, REFINE_MARGIN))

    def frame(self, size: tuple[int, int]) -> Frame:
        """Warp the best keyframes to the camera; ``size`` is the lookup's (width, height)."""
        fade = self._choose()
        camera = self.craft.camera
        shown = [self._shown, self._before] if fade < 1.0 and self._before else [self._shown]
        lookups = self.warper.warp(shown, camera, size)
        newer, *older = map(Layer, shown, lookups)
        self._seen = newer
        return Frame(camera, newer, older[0] if older else None, fade)

    def _choose(self) -> float:
        """Update the shown keyframes; return how far they have faded in, [0, 1]."""
        self._look()
        fade = min(1.0, (self.time - self._fade_start) / FADE_SECONDS)
        if fade < 1.0 or (not self._holed and self.time - self._fade_start < HOLD_SECONDS):
            return fade
        photo = self.world.photo
        chosen = (photo,) if self._at_home(photo) else self.world.choose(self.craft.camera, held=self._shown)
        if {key.serial for key in chosen} == {key.serial for key in self._shown}:
            return 1.0
        self._before, self._shown, self._fade_start = self._shown, chosen, self.time
        return 0.0

    def _at_home(self, photo: Keyframe) -> bool:
        return bool(np.abs(self.craft.camera.world_from_camera - photo.camera.world_from_camera).max() < AT_HOME)

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
        return self.craft.motion.still and self.time - self._fade_start > FADE_SECONDS

    def close(self) -> None:
        """Stop the refiner; safe to call twice."""
        self.refiner.close()


def coarse(layer: Layer) -> Surroundings:
    """Thin a lookup out to what pilots see."""
    disparity, slot = layer.lookup.thin(*THIN)
    covered = np.not_equal(slot, HOLE)
    return Surroundings(disparity, (covered & (disparity == 0.0)).astype(np.float32), covered)


def ground_clearance(surroundings: Surroundings | None, fy: float) -> float:
    """Height over the ground nearby, scene units: the median over the lower middle of the view; nan where none is seen."""
    if surroundings is None:
        return math.nan
    rows, columns = surroundings.disparity.shape
    patch = np.s_[int(rows * 0.8) :, columns // 4 : columns - columns // 4]
    disparity = surroundings.disparity[patch]
    down = ((np.arange(rows)[int(rows * 0.8) :, None] + 0.5) / rows - 0.5) / fy
    heights: NDArray[np.float64] = (down / np.maximum(disparity, 1e-3))[disparity > 0.0]
    return float(np.median(heights)) if heights.size else math.nan
