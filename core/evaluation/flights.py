"""Flights to be judged: one photo, one generator, one course, and what is kept of it when its frames are gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from core.compose import compose
from core.errors import EvaluationError
from core.evaluation.appearance import Appearance, Drift, appearance, of_keyframe
from core.evaluation.likeness import Likeness, likeness, psnr
from core.evaluation.patches import PhotoPatches, Similarity
from core.evaluation.renewal import Change
from core.evaluation.style import Style
from core.frame import Layer
from core.keyframe import eight_bit
from core.sky import Dome
from core.virtual_flight import VirtualFlight
from core.warp import Warper, make_warper, warp

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from core.camera import Camera
    from core.features import Vgg16Features
    from core.generator import Generator, WarpedView
    from core.keyframe import Keyframe
    from core.warp.lookup import Lookup

SHORT_STEPS = 5  # there, before it is looked back home
RETRACE_STEPS = 50  # there, before it is flown back
RETRACE_STRIDE = 10  # steps between the places where the way back is compared with the way there
TURN_STEPS = 45  # of 8 degrees: a full circle in place
STRIDE = 5  # steps between frames whose patches and style are looked at: VGG16 takes as long as ten steps of flight
SHEET_STEPS = (0, 5, 10, 20, 50, 100, 200, 300)
_SAME = 0.8  # ratio of disparities from which two surfaces are one


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One frame for a contact sheet, all (h, w[, 3])."""

    image: NDArray[np.uint8]
    disparity: NDArray[np.float32]
    sky: NDArray[np.float32]


@dataclass(frozen=True)
class Return:
    """What a flight finds that turns back after ``steps``.

    ``home`` is the greatest difference of any pixel from the first view, [0, 1], where the window shows the photo alone;
    ``nearly_home`` the mean difference a hair before that, with the keyframes that see the same more finely; ``ways`` the PSNR in
    dB of the views on the way back against the frames of the way there.
    """

    steps: int
    home: float
    nearly_home: float
    ways: float


@dataclass(eq=False)
class FlightRecord:
    """Everything that is kept of a flight."""

    photo: str
    course: str
    frames: list[Appearance] = field(default_factory=list)  # the start photo first
    changes: list[Change] = field(default_factory=list)  # of steps 1, 2, ...
    similarities: list[Similarity] = field(default_factory=list)  # to the start photo, of steps 5, 10, ...
    style: list[float] = field(default_factory=list)  # distance to the start photo, likewise
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    short: Likeness | None = None
    way_back: Return | None = None

    @property
    def drift(self) -> Drift:
        """The curves of the flight."""
        return Drift.of(self.frames)


@dataclass(frozen=True, eq=False)
class Start:
    """A photo to fly into, by name, and the sky that all flights into it share."""

    name: str
    photo: Keyframe
    dome: Dome

    @classmethod
    def of(cls, name: str, photo: Keyframe) -> Start:
        """Make the sky of ``photo``."""
        return cls(name, photo, Dome.of(photo))


@dataclass(frozen=True, eq=False)
class Judge:
    """Flies photos and keeps what matters. ``tick`` is called after every step."""

    vgg: Vgg16Features
    size: tuple[int, int]
    steps: int
    seed: int = 0
    tick: Callable[[], object] = lambda: None
    warper: Warper = field(default_factory=make_warper)

    def flight(self, start: Start, course: str) -> VirtualFlight:
        """Return a flight that has not begun."""
        return VirtualFlight(start.photo, course, self.seed, self.size, warper=self.warper, dome=start.dome)

    def fly(self, start: Start, generator: Generator, course: str) -> FlightRecord:
        """Fly ``course`` from ``start``; a turn ends after a full circle.

        The autopilot's flight also tells what the fifth keyframe shows of home, and what the way back from step 50 shows.
        Raises EvaluationError when the generator returns a view that is not finite.
        """
        flight = self.flight(start, course)
        generator.begin(start.photo, self.seed)
        home = Home.of(flight, self.warper)
        record = FlightRecord(start.name, course, [appearance(eight_bit(home.view.image), home.view.disparity, home.view.sky)])
        record.snapshots[0] = Snapshot(eight_bit(home.view.image), home.view.disparity, home.view.sky)
        listener = _Listener(record, self.vgg, home.view)
        there: dict[int, Keyframe] = {}
        steps = self.steps_of(course)
        for step in range(1, steps + 1):
            keyframe, change = _stepped(flight, generator, start.name)
            listener.hear(step, keyframe, change)
            if step in SHEET_STEPS or step == steps:
                record.snapshots[step] = Snapshot(keyframe.image, keyframe.disparity, keyframe.sky)
            if course == "autopilot":
                if step == min(SHORT_STEPS, steps):
                    record.short = home.from_keyframe(keyframe, self.vgg)
                if step % RETRACE_STRIDE == 0 and step <= RETRACE_STEPS:
                    there[step] = keyframe
                if step == min(RETRACE_STEPS, steps):
                    record.way_back = _way_back(flight, home, there, step)
            self.tick()
        return record

    def steps_of(self, course: str) -> int:
        """Return how many steps a flight on ``course`` has."""
        return min(TURN_STEPS, self.steps) if course == "turn" else self.steps


@dataclass(frozen=True, eq=False)
class Home:
    """The start camera and what the photo shows there."""

    camera: Camera
    dome: Dome
    view: WarpedView
    size: tuple[int, int]
    warper: Warper

    @classmethod
    def of(cls, flight: VirtualFlight, warper: Warper) -> Home:
        """Take the place where ``flight`` is about to begin."""
        return cls(flight.camera, flight.dome, compose(flight.layer, flight.camera, flight.dome), flight.size, warper)

    def lookup(self, keyframes: tuple[Keyframe, ...]) -> Lookup:
        """Find where home sees ``keyframes``."""
        return warp(keyframes, self.camera, self.size, self.warper)

    def composed(self, keyframes: tuple[Keyframe, ...], lookup: Lookup) -> WarpedView:
        """Return the view of home through ``lookup``, nothing filled in."""
        return compose(Layer(keyframes, lookup), self.camera, self.dome)

    def from_keyframe(self, keyframe: Keyframe, vgg: Vgg16Features) -> Likeness | None:
        """Judge how ``keyframe`` alone, without the photo, shows home, where it shows the same surfaces.

        Where something near has left its view it shows what lay behind, which has nothing to do with the photo.
        """
        view = self.composed((keyframe,), self.lookup((keyframe,)))
        ours, photos = view.disparity, self.view.disparity
        same = np.minimum(ours, photos) >= _SAME * np.maximum(ours, photos)
        return likeness(view.image, self.view.image, view.mask & self.view.mask & same, vgg)


def _stepped(flight: VirtualFlight, generator: Generator, name: str) -> tuple[Keyframe, Change]:
    view = flight.look()
    refined = generator(view)
    try:
        return flight.accept(refined), Change.of(view, refined)
    except ValueError as error:
        raise EvaluationError(f"{generator.name} on {name}: {error}; its weights are no good") from error


def _way_back(flight: VirtualFlight, home: Home, there: dict[int, Keyframe], steps: int) -> Return:
    """Look again, from farthest to home, at what the world now shows where frames were made; nothing is generated."""
    likenesses = []
    for keyframe in reversed(there.values()):
        keyframes = flight.world.choose(keyframe.camera)
        lookup = warp(keyframes, keyframe.camera, flight.size, home.warper)
        again = compose(Layer(keyframes, lookup), keyframe.camera, flight.dome)
        likenesses.append(min(psnr(again.image, keyframe.image.astype(np.float32) / 255.0, again.mask), 99.0))
    alone, among = (flight.world.photo,), flight.world.choose(home.camera)
    shown, nearly = (np.abs(home.composed(keys, home.lookup(keys)).image - home.view.image) for keys in (alone, among))
    return Return(steps, float(shown.max()), float(nearly.mean()), float(np.mean(likenesses or [np.nan])))


class _Listener:
    """Measures frames as they come."""

    def __init__(self, record: FlightRecord, vgg: Vgg16Features, home: WarpedView) -> None:
        self._record, self._vgg = record, vgg
        start = eight_bit(home.image)
        self._patches, self._style = PhotoPatches(start, home.sky), Style.of(start, vgg)

    def hear(self, step: int, keyframe: Keyframe, change: Change) -> None:
        record = self._record
        record.frames.append(of_keyframe(keyframe))
        record.changes.append(change)
        if step % STRIDE == 0:
            record.similarities.append(self._patches.similarity(keyframe.image, keyframe.sky))
            record.style.append(Style.of(keyframe.image, self._vgg).distance(self._style))
