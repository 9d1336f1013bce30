"""The refine clock: makes new keyframes behind the display, of where the camera will be.

It runs in a thread of its own and makes one keyframe at a time; there is no queue. What a keyframe is made from is chosen when it
is asked for, and it enters the world when the flight collects it, so that both have a time in the flight, and a flight flown
again can make it just so. Whatever goes wrong in it, a generator
that raises or returns NaN, costs one keyframe and is reported; the flight never notices more than that. Where a GPU's memory is
full, views become smaller; where that does not help or the GPU fails, they are made on the processor.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.classical import ClassicalGenerator
from core.compose import compose
from core.edges import nearest_filled
from core.errors import DeviceError, DeviceMemoryError
from core.flight_log import Arrival
from core.frame import Layer
from core.generator import GENERATORS, WEIGHTS_SUFFIX, Accelerated, Copying, grows
from core.keyframe import Keyframe, eight_bit
from core.resolution import Resolution, magnification
from core.texels import shown
from core.warp import warp
from core.warp.visibility import SKY

if TYPE_CHECKING:
    from core.camera import Camera
    from core.generator import Generator, RefinedView
    from core.sky import Dome
    from core.warp import Warper
    from core.world import World

_PATIENCE = 3  # failures in a row after which the classical generator takes over
_RATE_WINDOW = 2.0  # seconds over which the rate is counted
_CLOSE_SECONDS = 2.0


def make_generator(name: str) -> Generator:
    """Return the generator called ``name``: one of ``core.generator.GENERATORS``, or a weights file's path (*.safetensors).

    Trained ones compute on the GPU where CUDA is there.

    Raises:
        ValueError: the name is none of these.
        WeightsError: its weights are missing, damaged, or for another network.

    """
    if name not in GENERATORS and not name.endswith(WEIGHTS_SUFFIX):
        raise ValueError(f"no generator {name!r}: choose one of {', '.join(GENERATORS)}, or name a {WEIGHTS_SUFFIX} file")
    if name == ClassicalGenerator.name:
        return ClassicalGenerator()
    if name in {"auto", "exemplar"}:
        from core.exemplar import ExemplarGenerator

        return ExemplarGenerator()
    if name == "classic":
        from core.classic.generator import ClassicGenerator

        return ClassicGenerator.load()
    import torch

    from core.neural import NeuralGenerator

    return NeuralGenerator.load(name, "cuda" if torch.cuda.is_available() else "cpu")


def refine(
    world: World, generator: Generator, dome: Dome, warper: Warper, camera: Camera, size: tuple[int, int]
) -> Keyframe | None:
    """Make the keyframe of ``camera`` at ``size`` = (width, height) from what ``world`` shows there; it is not added.

    Returns None when the generator's view is not finite. Raises whatever the generator raises.
    """
    return _completed(_Job(camera, world.choose(camera), size), generator, dome, warper)


def _completed(job: _Job, generator: Generator, dome: Dome, warper: Warper, finer: int = 1) -> Keyframe | None:
    lookup = warp(job.keyframes, job.camera, job.size, warper)
    view = generator(compose(Layer(job.keyframes, lookup), job.camera, dome))
    keyframe = as_keyframe(job.camera, view, finer)
    if keyframe is not None:
        warper.prepare(keyframe)  # here, or the display would wait for it
    return keyframe


def as_keyframe(camera: Camera, view: RefinedView, finer: int = 1) -> Keyframe | None:
    """Turn the refined ``view`` of ``camera`` into a keyframe at 8 bits, shown ``finer`` if it has a look; None if not finite."""
    if not all(np.isfinite(array).all() for array in (view.image, view.disparity, view.sky, view.debt)):
        return None
    image = eight_bit(view.image)
    sky = np.clip(view.sky, 0.0, 1.0).astype(np.float32)
    # a soft rim goes with its ridge: at the depth behind it would stay, crumbs in the sky
    disparity = nearest_filled(np.clip(view.disparity, 0.01, 1.0).astype(np.float32), sky < SKY)
    debt = np.maximum(view.debt, 0.0).astype(np.float32)
    keyframe = Keyframe(camera, image, disparity, sky, debt, view.look, finer if view.look is not None else 1)
    _ = keyframe.mesh  # built here, or the display would stall for it: 4 ms
    return keyframe


class Outcome(NamedTuple):
    """What became of a keyframe that was asked for, of (width, height) ``size``."""

    arrival: Arrival
    size: tuple[int, int]
    keyframe: Keyframe | None = None  # if it was made, whether the world took it up or not


@dataclass(eq=False)
class _Job:
    """A keyframe to be made: of ``camera``, from ``keyframes``; the photos ``others`` lend their look."""

    camera: Camera
    keyframes: tuple[Keyframe, ...]
    size: tuple[int, int]
    others: tuple[Keyframe, ...] = ()
    outcome: Outcome | None = None  # when it is done


class Refiner:
    """Keeps ``world`` supplied with keyframes: ``submit`` and ``collect`` them from the display thread; then ``close``.

    In lockstep there is no thread, and a keyframe is made when it is collected.

    ``picture_size`` is the (width, height) of what was made last as it is shown, until then of views.
    ``last_error`` is one line about the latest failure, the warper's included, None before any; ``failures`` counts keyframes
    that were not made.
    """

    def __init__(
        self,
        world: World,
        generator: Generator,
        dome: Dome,
        warper: Warper,
        size: tuple[int, int],
        *,
        lockstep: bool = False,
        larger: bool = True,
        canvas: tuple[int, int] = (0, 0),
    ) -> None:
        """``begin`` before the first keyframe, unless ``generator`` has begun.

        ``size`` is the (width, height) of new keyframes. Of a generator that grows, but not in lockstep, they are as much
        ``larger`` as there is time for. Those found in the photo are shown as finely as a ``canvas`` (width, height) needs,
        which may change.
        """
        self.last_error: str | None = None
        self.failures = 0
        self._world, self._generator, self._dome, self._warper = world, generator, dome, warper
        self._resolution = Resolution(size, adaptive=larger and not lockstep and grows(generator))
        self._told: str | None = None  # why the processor warps
        self.canvas, self.picture_size = canvas, size
        self.others: tuple[Keyframe, ...] = ()  # photos that lend their look to what is asked for from now on
        self._seed = 0
        self._failed_in_a_row = 0
        self._made: deque[float] = deque(maxlen=256)
        self._wake = threading.Condition()
        self._job: _Job | None = None  # that was asked for and is not collected
        self._ahead: tuple[Keyframe, ...] = ()  # that will be shown soon
        self._closed = False
        self._thread: threading.Thread | None = None
        if isinstance(generator, Copying):
            generator.waits = lockstep
        if not lockstep:
            self._thread = threading.Thread(target=self._run, name="refiner", daemon=True)
            self._thread.start()

    @property
    def rate(self) -> float:
        """Keyframes made per second, over the last two seconds."""
        since = time.monotonic() - _RATE_WINDOW
        return sum(made > since for made in list(self._made)) / _RATE_WINDOW

    @property
    def generator_name(self) -> str:
        """The generator that is flying."""
        return self._generator.name

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the next keyframe."""
        return self._resolution.size

    def begin(self, seed: int) -> None:
        """Let the generator take up the world's photo; where it cannot, the classical one takes over."""
        self._seed = seed
        try:
            self._generator.begin(self._world.photo, seed)
        except Exception as error:  # noqa: BLE001  as in ``_refined``
            self._fall_back(_one_line(error))

    def prepare(self, others: tuple[Keyframe, ...]) -> None:
        """Make ready that the photos ``others`` lend their look; to be called from a thread that may wait."""
        if isinstance(self._generator, Copying):
            self._generator.prepare(others)

    @property
    def busy(self) -> bool:
        """Whether a keyframe was asked for that is not collected yet."""
        return self._job is not None

    def submit(self, camera: Camera) -> None:
        """Ask for the keyframe of ``camera``, unless there is one already or ``busy``. Never waits.

        Meanwhile what the world shows there is made ready for the display.
        """
        if self.busy:
            return
        with self._wake:
            self._ahead = self._world.choose(camera)
            if not self._world.sees(camera):
                self._job = _Job(camera, self._ahead, self.size, self.others)
            self._wake.notify()

    def collect(self, like: Outcome | None = None) -> Outcome | None:
        """Add the keyframe that was asked for to the world, if it is done; None while it is not, or none was asked for.

        In lockstep it is made now, at the size and with the failures of ``like`` where that is given. With a thread this never
        waits.
        """
        job = self._job
        if job is None:
            return None
        if self._thread is None:
            job.size = self.size if like is None else like.size
            job.outcome = self._made_of(job) if like is None or like.arrival is Arrival.MADE else self._failed_again(like)
        if job.outcome is None:
            return None
        self._job = None
        self._take_up(job.outcome.keyframe)
        return job.outcome

    def _take_up(self, keyframe: Keyframe | None) -> None:
        if keyframe is not None and self._world.add(keyframe):
            self._made.append(time.monotonic())

    def warm_up(self, camera: Camera) -> None:
        """Make keyframes of ``camera`` and forget them: no first use compiles or allocates in mid-air, and find their size."""
        keyframes = self._world.choose(camera)
        self._refined(_Job(camera, keyframes, self.size))
        while self._resolution.adaptive and self._refined(_Job(camera, keyframes, self.size)) is not None:
            if not self._resolution.climb():
                break
            self._refined(_Job(camera, keyframes, self.size))

    def close(self) -> None:
        """Stop, waiting at most two seconds for a refinement under way; safe to call twice."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _made_of(self, job: _Job) -> Outcome:
        """Do ``job``."""
        generator = self._generator
        keyframe = self._refined(job)
        if keyframe is not None:
            self._failed_in_a_row = 0
            return Outcome(Arrival.MADE, job.size, keyframe)
        return Outcome(Arrival.FAILED if self._generator is generator else Arrival.FELL_BACK, job.size)

    def _failed_again(self, like: Outcome) -> Outcome:
        """Do without a keyframe that was not there when this was flown."""
        self.failures += 1
        if like.arrival is Arrival.FELL_BACK:
            self._fall_back("as it was flown")
        return like

    def _refined(self, job: _Job) -> Keyframe | None:
        """Make the keyframe of ``job``; None when that failed, which is counted and reported."""
        began = time.perf_counter()
        try:
            if isinstance(self._generator, Copying):
                self._generator.join(job.others)
            keyframe = _completed(job, self._generator, self._dome, self._warper, magnification(job.size, self.canvas))
            if keyframe is not None and self._thread is not None:
                shown(keyframe)
        except DeviceError as error:
            self._retreat(error)
            return None
        except Exception as error:  # noqa: BLE001  a generator may raise anything, and the flight must go on
            self._failed(_one_line(error))
            return None
        if keyframe is None:
            self._failed("the refined view is not finite")
        else:
            self.picture_size = keyframe.shown_size
            self._resolution.measured(time.perf_counter() - began)
        if self._warper.fallback != self._told:
            self._told = self.last_error = self._warper.fallback
        return keyframe

    def _run(self) -> None:
        while self._waited():
            self._make_ready()
            job = self._job
            if job is not None and job.outcome is None:
                job.outcome = self._made_of(job)

    def _waited(self) -> bool:
        """Wait for something to do; False when closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._closed or self._ahead or (self._job is not None and self._job.outcome is None))
            return not self._closed

    def _make_ready(self) -> None:
        """Do for keyframes what the display would wait for: those that it showed long ago have let their pictures go."""
        keyframes, self._ahead = self._ahead, ()
        try:
            for keyframe in keyframes:
                if keyframe is not self._world.photo:
                    self._warper.prepare(keyframe)
                    shown(keyframe)
        except Exception as error:  # noqa: BLE001  as in ``_refined``
            self._failed(_one_line(error))

    def _failed(self, reason: str) -> None:
        self.failures += 1
        self._failed_in_a_row += 1
        self.last_error = f"the {self._generator.name} generator failed ({reason}); flying on with what is known"
        if self._failed_in_a_row == _PATIENCE:
            self._fall_back(reason)

    def _retreat(self, error: DeviceError) -> None:
        """Ask less of the GPU after ``error``, or nothing any more. The warper does the same by itself."""
        if isinstance(error, DeviceMemoryError) and self._resolution.give_up():
            self.last_error = f"{error}; refining at {self.size[0]}x{self.size[1]} from now on"
        elif isinstance(self._generator, Accelerated) and self._generator.on_gpu:
            self._generator.leave_gpu()
            self._resolution = Resolution(self._resolution.smallest)
            self.last_error = f"{error}; the {self._generator.name} generator goes on on the processor"
        else:
            self._failed(str(error))
            return
        self.failures += 1

    def _fall_back(self, reason: str) -> None:
        fallback = ClassicalGenerator()
        fallback.begin(self._world.photo, self._seed)
        self.last_error = f"the {self._generator.name} generator cannot go on ({reason}); the classical one took over"
        self._generator = fallback
        self._resolution = Resolution(self._resolution.smallest)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
