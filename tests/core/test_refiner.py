from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from handmade import CopyGenerator, NanGenerator, RaisingGenerator, keyframe

from core.camera import turn
from core.classical import ClassicalGenerator
from core.compose import compose
from core.errors import DeviceError, DeviceMemoryError
from core.refiner import Refiner, refine
from core.resolution import BUDGET, PATIENCE
from core.sky import Dome
from core.warp import make_warper
from core.warp.fallback import FallbackWarper
from core.world import PAPER_STEP, World

SIZE = (64, 40)
PHOTO = keyframe(size=(128, 80))
FORWARD = np.array([0.0, 0.0, PAPER_STEP])


@pytest.fixture(scope="module")
def dome() -> Dome:
    return Dome.of(PHOTO)


@pytest.fixture(scope="module")
def warper():
    return make_warper()


@pytest.fixture
def make(dome, warper):
    """Make refiners over a fresh world, and close them."""
    made: list[Refiner] = []

    def build(generator, *, lockstep: bool = True, **options) -> tuple[World, Refiner]:
        world = World(PHOTO)
        refiner = Refiner(world, generator, dome, warper, SIZE, lockstep=lockstep, **options)
        made.append(refiner)
        return world, refiner

    yield build
    for refiner in made:
        refiner.close()


def ahead(steps: float):
    return PHOTO.camera.moved(steps * FORWARD, np.eye(3))


def until(condition) -> bool:
    deadline = time.monotonic() + 10.0
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(condition())


class SlowGenerator(CopyGenerator):
    """Holds every view until it is let go, and remembers where it looked from."""

    name = "slow"

    def __init__(self) -> None:
        self.entered, self.go, self.seen = threading.Event(), threading.Event(), []

    def __call__(self, view):
        self.seen.append(float(view.camera.position[2]))
        self.entered.set()
        assert self.go.wait(10.0)
        return super().__call__(view)


def test_one_step_is_a_whole_keyframe(dome, warper):
    world = World(PHOTO)
    generator = ClassicalGenerator()
    generator.begin(PHOTO, 0)
    key = refine(world, generator, dome, warper, ahead(1), SIZE)
    assert key is not None
    assert key.image.shape == (SIZE[1], SIZE[0], 3)
    assert key.image.dtype == np.uint8
    assert key.disparity.shape == key.sky.shape == key.debt.shape == (SIZE[1], SIZE[0])
    assert key.disparity.min() >= 0.01
    assert key.debt.min() >= 0.0
    assert len(world) == 1


def test_at_home_the_photo_comes_back(dome, warper):
    generator = ClassicalGenerator()
    generator.begin(PHOTO, 0)
    key = refine(World(PHOTO), generator, dome, warper, PHOTO.camera, (128, 80))
    assert key is not None
    land = PHOTO.sky < 0.02
    assert np.abs(key.image.astype(int) - PHOTO.image)[land].max() <= 2


def test_a_step_adds_a_keyframe_and_counts(make):
    world, refiner = make(CopyGenerator())
    key = refiner.run_once(ahead(1))
    assert key is not None
    assert world.keyframes == (PHOTO, key)
    assert refiner.rate > 0.0
    assert refiner.last_error is None


def test_hovering_makes_nothing(make):
    world, refiner = make(CopyGenerator())
    assert refiner.run_once(ahead(1)) is not None
    for camera in (ahead(1), ahead(1.2), ahead(1).moved(np.zeros(3), turn(yaw=0.02))):
        assert refiner.run_once(camera) is None
    assert len(world) == 2
    assert refiner.run_once(ahead(1.3)) is not None
    assert refiner.run_once(ahead(1).moved(np.zeros(3), turn(yaw=0.03))) is not None


@pytest.mark.parametrize(("generator", "said"), [(NanGenerator(), "not finite"), (RaisingGenerator(), "out of memory while")])
def test_a_failure_is_contained_counted_and_reported_in_one_line(make, generator, said):
    world, refiner = make(generator)
    assert refiner.run_once(ahead(1)) is None
    assert len(world) == 1
    assert refiner.failures == 1
    assert said in refiner.last_error
    assert "\n" not in refiner.last_error


@pytest.mark.parametrize("generator", [NanGenerator(), RaisingGenerator()])
def test_three_failures_in_a_row_and_the_classical_generator_takes_over(make, generator):
    world, refiner = make(generator)
    for step in range(3):
        assert refiner.generator_name == generator.name
        refiner.run_once(ahead(step))
    assert refiner.generator_name == "classical"
    assert "classical" in refiner.last_error
    assert refiner.run_once(ahead(4)) is not None
    assert len(world) == 2


def test_single_failures_do_not_add_up(make):
    class Moody(CopyGenerator):
        name = "moody"
        calls = 0

        def __call__(self, view):
            Moody.calls += 1
            if Moody.calls % 2:
                raise ValueError("not today")
            return super().__call__(view)

    _, refiner = make(Moody())
    for step in range(8):
        refiner.run_once(ahead(step))
    assert refiner.failures == 4
    assert refiner.generator_name == "moody"


def test_the_latest_camera_wins(make):
    slow = SlowGenerator()
    world, refiner = make(slow, lockstep=False)
    refiner.submit(ahead(1))
    assert slow.entered.wait(10.0)
    for step in range(2, 9):
        started = time.monotonic()
        refiner.submit(ahead(step))
        assert time.monotonic() - started < 0.2  # submitting never waits for the generator
    slow.go.set()
    assert until(lambda: len(world) == 3)
    assert slow.seen == pytest.approx([PAPER_STEP, 8 * PAPER_STEP])


def test_the_thread_survives_failures(make):
    world, refiner = make(RaisingGenerator(), lockstep=False)
    for step in range(1, 5):
        made = refiner.failures + len(world)
        refiner.submit(ahead(step))
        assert until(lambda made=made: refiner.failures + len(world) > made)
    assert refiner.generator_name == "classical"
    assert len(world) == 2


def test_close_is_quick_idle_or_busy_and_may_be_repeated(make):
    slow = SlowGenerator()
    _, refiner = make(slow, lockstep=False)
    refiner.submit(ahead(1))
    assert slow.entered.wait(10.0)
    threading.Timer(0.05, slow.go.set).start()
    started = time.monotonic()
    refiner.close()
    refiner.close()
    assert time.monotonic() - started < 2.0
    assert not refiner._thread.is_alive()
    refiner.submit(ahead(2))  # after the end: no error, nothing happens
    idle = make(CopyGenerator(), lockstep=False)[1]
    idle.close()
    assert not idle._thread.is_alive()


def test_lockstep_is_reproducible(make):
    pictures = []
    for _ in range(2):
        generator = ClassicalGenerator()
        generator.begin(PHOTO, 7)
        world, refiner = make(generator)
        for step in range(1, 6):
            refiner.run_once(ahead(step))
        pictures.append([key.image for key in world.keyframes])
    assert all((a == b).all() for a, b in zip(*pictures, strict=True))


class GpuGenerator(CopyGenerator):
    """Computes on a make-believe GPU with room for views up to ``room`` pixels wide; ``lost`` after so many views."""

    name = "gpu"

    def __init__(self, room: int = 10_000, lost: int = 10_000) -> None:
        self.on_gpu, self.room, self.lost = True, room, lost
        self.made: list[tuple[int, bool]] = []  # width, whether on the GPU

    def leave_gpu(self) -> None:
        self.on_gpu = False

    def __call__(self, view):
        width = view.mask.shape[1]
        if self.on_gpu and len(self.made) >= self.lost:
            raise DeviceError("the GPU failed (launch failure): restart")
        if self.on_gpu and width > self.room:
            raise DeviceMemoryError("the GPU's memory is full")
        self.made.append((width, self.on_gpu))
        return super().__call__(view)


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only as a test says: every view takes ``clock.seconds``."""

    class Clock:
        now, seconds = 0.0, 0.0

        def __call__(self):
            Clock.now += self.seconds
            return Clock.now

    clock = Clock()
    monkeypatch.setattr("core.refiner.time.perf_counter", clock)
    return clock


def test_on_a_gpu_views_are_as_large_as_there_is_time_for(make, clock):
    clock.seconds = BUDGET / 5
    generator = GpuGenerator()
    _, refiner = make(generator, lockstep=False)
    assert refiner.size == SIZE
    refiner.warm_up(ahead(1))
    assert refiner.size == (256, 160)
    assert refiner.run_once(ahead(1)).image.shape == (160, 256, 3)
    clock.seconds = 1.1 * BUDGET
    refiner.run_once(ahead(2))
    assert refiner.size == (192, 120)
    clock.seconds = BUDGET / 3
    _, slower = make(GpuGenerator(), lockstep=False)
    slower.warm_up(ahead(1))
    assert slower.size == SIZE


@pytest.mark.parametrize(
    ("generator", "options"),
    [
        (CopyGenerator(), {"lockstep": False}),
        (GpuGenerator(), {"lockstep": True}),
        (GpuGenerator(), {"lockstep": False, "larger": False}),
    ],
)
def test_on_the_processor_and_in_lockstep_views_stay_as_they_are(make, clock, generator, options):
    _, refiner = make(generator, **options)
    refiner.warm_up(ahead(1))
    for step in range(PATIENCE + 3):
        refiner.run_once(ahead(step))
    assert refiner.size == SIZE
    assert clock.seconds == 0.0


def test_a_full_gpu_makes_smaller_views(make, clock):
    generator = GpuGenerator(room=2 * SIZE[0])
    world, refiner = make(generator, lockstep=False)
    refiner.warm_up(ahead(1))
    assert refiner.size == (128, 80)
    assert refiner.last_error == "the GPU's memory is full; refining at 128x80 from now on"
    assert generator.on_gpu
    for step in range(2 * PATIENCE):
        refiner.run_once(ahead(step))
    assert refiner.failures == 1  # what did not fit is not tried again
    assert len(world) > 10
    assert clock.seconds == 0.0


@pytest.mark.parametrize("lockstep", [False, True])
@pytest.mark.parametrize("generator", [GpuGenerator(room=0), GpuGenerator(lost=0)])
def test_a_gpu_of_no_use_is_left_for_the_processor(make, generator, lockstep):
    generator.on_gpu = True
    world, refiner = make(generator, lockstep=lockstep)
    assert refiner.run_once(ahead(1)) is None
    assert not generator.on_gpu
    assert refiner.last_error.startswith("the GPU")
    assert refiner.last_error.endswith("; the gpu generator goes on on the processor")
    assert "\n" not in refiner.last_error
    for step in range(1, 4):
        assert refiner.run_once(ahead(step)) is not None
    assert refiner.generator_name == "gpu"
    assert refiner.failures == 1
    assert len(world) == 4


def test_a_gpu_lost_in_flight_takes_the_size_with_it(make, clock):
    generator = GpuGenerator(lost=20)
    _, refiner = make(generator, lockstep=False)
    refiner.warm_up(ahead(1))
    assert refiner.size == (256, 160)
    for step in range(1, 30):
        refiner.run_once(ahead(step))
    assert refiner.size == SIZE
    assert generator.made[-1] == (SIZE[0], False)
    assert refiner.failures == 1
    assert clock.seconds == 0.0


def test_then_the_classical_one_takes_over(make):
    class Hopeless(GpuGenerator):
        def __call__(self, view):
            if not self.on_gpu:
                raise RuntimeError("not here either")
            return super().__call__(view)

    world, refiner = make(Hopeless(room=0), lockstep=False)
    for step in range(1, 5):
        refiner.run_once(ahead(step))
    assert refiner.generator_name == "classical"
    assert refiner.run_once(ahead(5)) is not None
    assert len(world) == 2


def test_the_classical_one_makes_small_views(make, clock):
    class Diverging(GpuGenerator):
        def __call__(self, view):
            good = super().__call__(view)
            return good if len(self.made) < 20 else replace(good, image=good.image * np.nan)

    _, refiner = make(Diverging(), lockstep=False)
    refiner.warm_up(ahead(1))
    assert refiner.size == (256, 160)
    for step in range(1, 25):
        refiner.run_once(ahead(step))
    assert refiner.generator_name == "classical"
    assert refiner.size == SIZE
    assert clock.seconds == 0.0


def test_a_gpu_that_only_warps_may_fail_while_it_is_read(make, monkeypatch):
    """The warper itself goes on on the processor from the next warp on."""
    lost = iter([True])

    def compose_of_a_lost_lookup(*arguments):
        if next(lost, False):
            raise DeviceError("the GPU was lost")
        return compose(*arguments)

    monkeypatch.setattr("core.refiner.compose", compose_of_a_lost_lookup)
    _, refiner = make(CopyGenerator())
    assert refiner.run_once(ahead(1)) is None
    assert "the GPU was lost" in refiner.last_error
    assert refiner.run_once(ahead(1)) is not None
    assert refiner.generator_name == "copy"


class LostWarper:
    """A GPU that is lost at the first warp."""

    fallback = None

    def warp(self, *_):
        raise DeviceError("the GPU cannot warp: the processor does")


def test_a_warper_that_leaves_the_gpu_costs_no_keyframe_and_is_told(make):
    world, refiner = make(CopyGenerator())
    refiner._warper = FallbackWarper(LostWarper)
    assert refiner.run_once(ahead(1)) is not None
    assert refiner.last_error == "the GPU cannot warp: the processor does"
    assert refiner.failures == 0
    refiner.last_error = None
    refiner.run_once(ahead(2))
    assert refiner.last_error is None  # once
    assert len(world) == 3


def test_the_display_never_meets_a_keyframe_that_is_not_prepared(make, monkeypatch):
    world, refiner = make(CopyGenerator())
    prepared = []
    monkeypatch.setattr(refiner._warper, "prepare", lambda key: prepared.append((key, len(world))))
    key = refiner.run_once(ahead(1))
    assert prepared == [(key, 1)]
