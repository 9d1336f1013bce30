"""The refine clock: makes new keyframes behind the display, of where the camera will be.

It runs in a thread of its own and always takes the newest camera; there is no queue. Whatever goes wrong in it, a generator
that raises or returns NaN, costs one keyframe and is reported; the flight never notices more than that. Where a GPU's memory is
full, views become smaller; where that does not help or the GPU fails, they are made on the processor.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from core.classical import ClassicalGenerator
from core.compose import compose
from core.errors import DeviceError, DeviceMemoryError
from core.frame import Layer
from core.generator import GENERATORS, WEIGHTS_SUFFIX, Accelerated, on_gpu
from core.keyframe import Keyframe, eight_bit
from core.resolution import Resolution
from core.warp import warp
from core.weights import weights_path

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
    if name == "classic":
        from core.classic.generator import ClassicGenerator

        return ClassicGenerator.load()
    import torch

    from core.neural import NeuralGenerator

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return NeuralGenerator.load(best_size(device) if name == "auto" else name, device)


def best_size(device: str) -> str:
    """Return the size that "auto" means on ``device``: on a GPU the largest whose weights are there, elsewhere "small"."""
    return "base" if device == "cuda" and weights_path("generator_base").is_file() else "small"


def refine(
    world: World, generator: Generator, dome: Dome, warper: Warper, camera: Camera, size: tuple[int, int]
) -> Keyframe | None:
    """Make the keyframe of ``camera`` at ``size`` = (width, height) from what ``world`` shows there; it is not added.

    Returns None when the generator's view is not finite. Raises whatever the generator raises.
    """
    keyframes = world.choose(camera)
    lookup = warp(keyframes, camera, size, warper)
    view = generator(compose(Layer(keyframes, lookup), camera, dome))
    keyframe = as_keyframe(camera, view)
    if keyframe is not None:
        warper.prepare(keyframe)  # here, or the display would wait for it
    return keyframe


def as_keyframe(camera: Camera, view: RefinedView) -> Keyframe | None:
    """Turn the refined ``view`` of ``camera`` into a keyframe at 8 bits; None when it is not finite."""
    if not all(np.isfinite(array).all() for array in (view.image, view.disparity, view.sky, view.debt)):
        return None
    image = eight_bit(view.image)
    disparity = np.clip(view.disparity, 0.01, 1.0).astype(np.float32)
    sky = np.clip(view.sky, 0.0, 1.0).astype(np.float32)
    keyframe = Keyframe(camera, image, disparity, sky, np.maximum(view.debt, 0.0).astype(np.float32))
    _ = keyframe.mesh  # built here, or the display would stall for it: 4 ms
    return keyframe


class Refiner:
    """Keeps ``world`` supplied with keyframes. ``submit`` from the display thread, or ``run_once`` in lockstep; then ``close``.

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
    ) -> None:
        """``begin`` before the first keyframe, unless ``generator`` has begun.

        ``size`` is the (width, height) of new keyframes. On a GPU, but not in lockstep, they are as much ``larger`` as there is
        time for.
        """
        self.last_error: str | None = None
        self.failures = 0
        self._world, self._generator, self._dome, self._warper = world, generator, dome, warper
        self._resolution = Resolution(size, adaptive=larger and not lockstep and on_gpu(generator))
        self._told: str | None = None  # why the processor warps
        self._seed = 0
        self._failed_in_a_row = 0
        self._made: deque[float] = deque(maxlen=256)
        self._wake = threading.Condition()
        self._newest: Camera | None = None
        self._closed = False
        self._thread: threading.Thread | None = None
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

    def submit(self, camera: Camera) -> None:
        """Ask for a keyframe of ``camera``; a camera that still waits is forgotten. Never waits itself."""
        with self._wake:
            self._newest = camera
            self._wake.notify()

    def warm_up(self, camera: Camera) -> None:
        """Make keyframes of ``camera`` and forget them: no first use compiles or allocates in mid-air, and find their size."""
        self._refined(camera)
        while self._resolution.adaptive and self._refined(camera) is not None and self._resolution.climb():
            self._refined(camera)

    def run_once(self, camera: Camera) -> Keyframe | None:
        """Make the keyframe of ``camera`` now and add it to the world; None when there is one already or it failed."""
        if self._world.sees(camera):
            return None
        keyframe = self._refined(camera)
        if keyframe is None or not self._world.add(keyframe):
            return None
        self._failed_in_a_row = 0
        self._made.append(time.monotonic())
        return keyframe

    def close(self) -> None:
        """Stop, waiting at most two seconds for a refinement under way; safe to call twice."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _refined(self, camera: Camera) -> Keyframe | None:
        """Make the keyframe of ``camera``; None when that failed, which is counted and reported."""
        began = time.perf_counter()
        try:
            keyframe = refine(self._world, self._generator, self._dome, self._warper, camera, self.size)
        except DeviceError as error:
            self._retreat(error)
            return None
        except Exception as error:  # noqa: BLE001  a generator may raise anything, and the flight must go on
            self._failed(_one_line(error))
            return None
        if keyframe is None:
            self._failed("the refined view is not finite")
        else:
            self._resolution.measured(time.perf_counter() - began)
        if self._warper.fallback != self._told:
            self._told = self.last_error = self._warper.fallback
        return keyframe

    def _run(self) -> None:
        while (camera := self._next()) is not None:
            self.run_once(camera)

    def _next(self) -> Camera | None:
        """Wait for a camera; None when closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._closed or self._newest is not None)
            camera, self._newest = self._newest, None
            return None if self._closed else camera

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
