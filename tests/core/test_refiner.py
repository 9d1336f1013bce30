from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from handmade import CopyGenerator, NanGenerator, RaisingGenerator, StripedGenerator
from refiners import PHOTO, SIZE, ahead, made

from core.camera import turn
from core.classical import ClassicalGenerator
from core.flight_log import Arrival
from core.generator import RefinedView
from core.refiner import Outcome, as_keyframe, refine
from core.world import PAPER_STEP, World


def until(condition) -> bool:
    deadline = time.monotonic() + 300.0
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
        assert self.go.wait(300.0)
        return super().__call__(view)


def test_one_step_is_a_whole_keyframe(maker):
    world = World(PHOTO)
    generator = ClassicalGenerator()
    generator.begin(PHOTO, 0)
    key = refine(world, generator, maker.dome, maker.warper, ahead(1), SIZE)
    assert key is not None
    assert key.image.shape == (SIZE[1], SIZE[0], 3)
    assert key.image.dtype == np.uint8
    assert key.disparity.shape == key.sky.shape == key.debt.shape == (SIZE[1], SIZE[0])
    assert key.disparity.min() >= 0.01
    assert key.debt.min() >= 0.0
    assert len(world) == 1


def test_at_home_the_photo_comes_back(maker):
    generator = ClassicalGenerator()
    generator.begin(PHOTO, 0)
    key = refine(World(PHOTO), generator, maker.dome, maker.warper, PHOTO.camera, (128, 80))
    assert key is not None
    land = PHOTO.sky < 0.02
    assert np.abs(key.image.astype(int) - PHOTO.image)[land].max() <= 2


def test_a_step_adds_a_keyframe_and_counts(make):
    world, refiner = make(CopyGenerator())
    key = made(refiner, ahead(1))
    assert key is not None
    assert world.keyframes == (PHOTO, key)
    assert refiner.rate > 0.0
    assert refiner.last_error is None


def test_hovering_makes_nothing(make):
    world, refiner = make(CopyGenerator())
    assert made(refiner, ahead(1)) is not None
    for camera in (ahead(1), ahead(1.2), ahead(1).moved(np.zeros(3), turn(yaw=0.02))):
        assert made(refiner, camera) is None
    assert len(world) == 2
    assert made(refiner, ahead(1.3)) is not None
    assert made(refiner, ahead(1).moved(np.zeros(3), turn(yaw=0.03))) is not None


@pytest.mark.parametrize(("generator", "said"), [(NanGenerator(), "not finite"), (RaisingGenerator(), "out of memory while")])
def test_a_failure_is_contained_counted_and_reported_in_one_line(make, generator, said):
    world, refiner = make(generator)
    assert made(refiner, ahead(1)) is None
    assert len(world) == 1
    assert refiner.failures == 1
    assert said in refiner.last_error
    assert "\n" not in refiner.last_error


@pytest.mark.parametrize("generator", [NanGenerator(), RaisingGenerator()])
def test_three_failures_in_a_row_and_the_classical_generator_takes_over(make, generator):
    world, refiner = make(generator)
    for step in range(3):
        assert refiner.generator_name == generator.name
        made(refiner, ahead(step))
    assert refiner.generator_name == "classical"
    assert "classical" in refiner.last_error
    assert made(refiner, ahead(4)) is not None
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
        made(refiner, ahead(step))
    assert refiner.failures == 4
    assert refiner.generator_name == "moody"


def collected(refiner) -> Outcome:
    """Wait for what was asked for."""
    outcomes = []
    assert until(lambda: outcomes or outcomes.extend(filter(None, [refiner.collect()])))
    return outcomes[0]


def test_one_keyframe_at_a_time_without_waiting_and_it_comes_in_when_collected(make):
    slow = SlowGenerator()
    world, refiner = make(slow, lockstep=False)
    refiner.submit(ahead(1))
    assert slow.entered.wait(300.0)
    for step in range(2, 9):
        assert refiner.busy
        refiner.submit(ahead(step))
        assert refiner.collect() is None  # neither waits for the generator, which is not let go yet
    slow.go.set()
    assert until(lambda: refiner._job.outcome is not None)
    assert len(world) == 1
    outcome = collected(refiner)
    assert (outcome.arrival, outcome.size) == (Arrival.MADE, SIZE)
    assert world.keyframes == (PHOTO, outcome.keyframe)
    assert not refiner.busy
    assert slow.seen == pytest.approx([PAPER_STEP])


def test_pictures_are_found_behind_the_display_before_they_are_shown(make):
    world, refiner = make(StripedGenerator(), lockstep=False, canvas=(4 * SIZE[0], 3 * SIZE[1]))
    refiner.submit(ahead(1))
    key = collected(refiner).keyframe
    assert key.shown_size == (4 * SIZE[0], 4 * SIZE[1])
    assert key.look.threads == ["refiner"]
    refiner.submit(ahead(1))  # nothing is to be made there
    assert not refiner.busy
    for step in range(2, 30):
        assert world.add(replace(key, camera=ahead(step), serial=1000 + step))
    assert world.keyframes[1] is not key, "it has let its picture go"
    refiner.submit(ahead(1))
    assert until(lambda: len(key.look.threads) > 1)
    assert set(key.look.threads) == {"refiner"}


def test_in_lockstep_pictures_are_found_when_they_are_shown(make):
    _, refiner = make(StripedGenerator(), canvas=(128, 80))
    key = made(refiner, ahead(1))
    assert key.magnification == 2
    assert not key.look.threads


def test_a_picture_that_cannot_be_found_costs_no_more_than_a_keyframe(make, monkeypatch):
    _, refiner = make(StripedGenerator(), lockstep=False)
    monkeypatch.setattr("handmade.StripedLook.picture", lambda *_: 1 / 0)
    for step in range(1, 4):
        refiner.submit(ahead(step))
        assert collected(refiner).keyframe is None
    assert refiner.generator_name == "classical"


def test_the_thread_survives_failures(make):
    world, refiner = make(RaisingGenerator(), lockstep=False)
    arrivals = []
    for step in range(1, 5):
        refiner.submit(ahead(step))
        arrivals.append(collected(refiner).arrival)
    assert arrivals == [Arrival.FAILED, Arrival.FAILED, Arrival.FELL_BACK, Arrival.MADE]
    assert refiner.generator_name == "classical"
    assert len(world) == 2


def test_what_failed_fails_again_without_being_tried(make):
    world, refiner = make(CopyGenerator())
    for step, arrival in enumerate((Arrival.FAILED, Arrival.MADE, Arrival.FELL_BACK), 1):
        refiner.submit(ahead(step))
        assert refiner.collect(Outcome(arrival, (32, 20))).arrival is arrival
    assert [key.image.shape for key in world.keyframes[1:]] == [(20, 32, 3)]
    assert refiner.failures == 2
    assert refiner.generator_name == "classical"


def test_close_ends_idle_or_busy_and_may_be_repeated(make):
    slow = SlowGenerator()
    _, refiner = make(slow, lockstep=False)
    refiner.submit(ahead(1))
    assert slow.entered.wait(300.0)
    threading.Timer(0.05, slow.go.set).start()
    refiner.close()
    refiner.close()
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
            made(refiner, ahead(step))
        pictures.append([key.image for key in world.keyframes])
    assert all((a == b).all() for a, b in zip(*pictures, strict=True))


def test_a_soft_rim_lies_as_far_as_its_ridge():
    """Whatever a generator says of depth in the sky: what stayed behind a ridge that goes by would be crumbs in the sky."""
    sky = np.zeros((40, 64), np.float32)
    sky[:18], sky[18:20] = 1.0, 0.8
    disparity = np.where(sky < 0.5, np.float32(0.6), np.float32(0.05))
    view = RefinedView(np.zeros((40, 64, 3), np.float32), disparity, sky, np.zeros((40, 64), np.float32))
    key = as_keyframe(PHOTO.camera, view)
    assert key is not None
    np.testing.assert_array_equal(key.disparity, np.float32(0.6))
