"""Refining on a GPU: as large as there is time for, and what happens when it is full or lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade import CopyGenerator
from refiners import SIZE, ahead, made

from core.compose import compose
from core.errors import DeviceError, DeviceMemoryError
from core.resolution import BUDGET, PATIENCE
from core.warp.fallback import FallbackWarper


class GpuGenerator(CopyGenerator):
    """Computes on a make-believe GPU with room for views up to ``room`` pixels wide; ``lost`` after so many views."""

    name = "gpu"

    def __init__(self, room: int = 10_000, lost: int = 10_000, *, grows: bool = True) -> None:
        self.on_gpu, self.room, self.lost, self.grows = True, room, lost, grows
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
    assert made(refiner, ahead(1)).image.shape == (160, 256, 3)
    clock.seconds = 1.1 * BUDGET
    made(refiner, ahead(2))
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
        (GpuGenerator(grows=False), {"lockstep": False}),
    ],
)
def test_on_the_processor_in_lockstep_and_where_they_do_not_grow_views_stay_as_they_are(make, clock, generator, options):
    _, refiner = make(generator, **options)
    refiner.warm_up(ahead(1))
    for step in range(PATIENCE + 3):
        made(refiner, ahead(step))
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
        made(refiner, ahead(step))
    assert refiner.failures == 1  # what did not fit is not tried again
    assert len(world) > 10
    assert clock.seconds == 0.0


@pytest.mark.parametrize("lockstep", [False, True])
@pytest.mark.parametrize("generator", [GpuGenerator(room=0), GpuGenerator(lost=0)])
def test_a_gpu_of_no_use_is_left_for_the_processor(make, generator, lockstep):
    generator.on_gpu = True
    world, refiner = make(generator, lockstep=lockstep)
    assert made(refiner, ahead(1)) is None
    assert not generator.on_gpu
    assert refiner.last_error.startswith("the GPU")
    assert refiner.last_error.endswith("; the gpu generator goes on on the processor")
    assert "\n" not in refiner.last_error
    for step in range(1, 4):
        assert made(refiner, ahead(step)) is not None
    assert refiner.generator_name == "gpu"
    assert refiner.failures == 1
    assert len(world) == 4


def test_a_gpu_lost_in_flight_takes_the_size_with_it(make, clock):
    generator = GpuGenerator(lost=20)
    _, refiner = make(generator, lockstep=False)
    refiner.warm_up(ahead(1))
    assert refiner.size == (256, 160)
    for step in range(1, 30):
        made(refiner, ahead(step))
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
        made(refiner, ahead(step))
    assert refiner.generator_name == "classical"
    assert made(refiner, ahead(5)) is not None
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
        made(refiner, ahead(step))
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
    assert made(refiner, ahead(1)) is None
    assert "the GPU was lost" in refiner.last_error
    assert made(refiner, ahead(1)) is not None
    assert refiner.generator_name == "copy"


class LostWarper:
    """A GPU that is lost at the first warp."""

    fallback = None

    def warp(self, *_):
        raise DeviceError("the GPU cannot warp: the processor does")


def test_a_warper_that_leaves_the_gpu_costs_no_keyframe_and_is_told(make):
    world, refiner = make(CopyGenerator())
    refiner._warper = FallbackWarper(LostWarper)
    assert made(refiner, ahead(1)) is not None
    assert refiner.last_error == "the GPU cannot warp: the processor does"
    assert refiner.failures == 0
    refiner.last_error = None
    made(refiner, ahead(2))
    assert refiner.last_error is None  # once
    assert len(world) == 3


def test_the_display_never_meets_a_keyframe_that_is_not_prepared(make, monkeypatch):
    world, refiner = make(CopyGenerator())
    prepared = []
    monkeypatch.setattr(refiner._warper, "prepare", lambda key: prepared.append((key, len(world))))
    key = made(refiner, ahead(1))
    assert prepared == [(key, 1)]
