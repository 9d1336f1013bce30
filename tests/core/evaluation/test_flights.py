"""Flights: what is kept of them, the way back, the cycle, and generators that fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade import keyframe

from core.classical import ClassicalGenerator
from core.errors import EvaluationError
from core.evaluation.cycle import come_home, cycle
from core.evaluation.flights import TURN_STEPS, Home, Judge, Start
from core.evaluation.patches import PhotoPatches
from core.evaluation.style import Style
from core.generator import RefinedView

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = 64, 32


@pytest.fixture(scope="module")
def start() -> Start:
    return Start.of("made", keyframe(size=(128, 80)))


class Plain:
    """Leaves what is known alone and fills the rest with grey ground."""

    name = "plain"
    sky = True

    def begin(self, photo, seed):
        pass

    def __call__(self, view):
        hole = ~view.mask
        image = view.image + 0.5 * hole[..., None]
        disparity = np.where(hole | (view.disparity == 0.0), np.float32(0.1), view.disparity)
        return RefinedView(image.astype(np.float32), disparity, view.sky, view.debt)


class Broken(Plain):
    """Diverges at its third view."""

    name = "broken"

    def __init__(self):
        self.calls = 0

    def __call__(self, view):
        self.calls += 1
        refined = super().__call__(view)
        return refined if self.calls < 3 else replace(refined, image=refined.image * np.float32(np.nan))


def test_a_flight_is_measured_step_by_step(vgg, start):
    ticks = []
    judge = Judge(vgg, SIZE, steps=12, tick=lambda: ticks.append(1))
    record = judge.fly(start, ClassicalGenerator(), "autopilot")
    assert (record.photo, record.course, len(ticks)) == ("made", "autopilot", 12)
    assert len(record.frames) == 13
    assert (len(record.changes), len(record.similarities), len(record.style)) == (12, 2, 2)
    assert sorted(record.snapshots) == [0, 5, 10, 12]
    assert all(shot.image.shape == (32, 64, 3) for shot in record.snapshots.values())
    assert min(record.style) > 0.0
    assert record.short.seen > 0.3
    assert record.short.psnr > 15.0


def test_measures_are_those_of_the_frames(vgg, start):
    record = Judge(vgg, SIZE, steps=11).fly(start, Plain(), "strafe")
    home, shot = record.snapshots[0], record.snapshots[10]
    assert record.similarities[1] == PhotoPatches(home.image, home.sky).similarity(shot.image, shot.sky)
    assert record.style[1] == pytest.approx(Style.of(shot.image, vgg).distance(Style.of(home.image, vgg)), rel=1e-3)
    assert {(change.boiling, change.renewed) for change in record.changes} == {(0.0, 0.0)}  # what is known is left alone
    assert record.short is None  # home is judged on the autopilot's flight alone
    assert record.way_back is None


def test_the_same_flight_twice_is_the_same(vgg, start):
    judge = Judge(vgg, SIZE, steps=5, seed=3)
    first, second = (judge.fly(start, ClassicalGenerator(), "autopilot") for _ in range(2))
    assert first.frames == second.frames
    assert (first.similarities, first.changes, first.style) == (second.similarities, second.changes, second.style)


def test_home_is_untouched_after_the_way_back(vgg, start):
    record = Judge(vgg, SIZE, steps=10).fly(start, ClassicalGenerator(), "autopilot")
    assert record.way_back.steps == 10
    assert record.way_back.home == 0.0
    assert record.way_back.nearly_home < 0.1
    assert record.way_back.ways > 20.0


def test_a_turn_ends_after_a_circle(vgg):
    judge = Judge(vgg, SIZE, steps=100)
    assert judge.steps_of("turn") == TURN_STEPS == 45
    assert judge.steps_of("climb") == 100
    assert replace(judge, steps=7).steps_of("turn") == 7


def test_a_generator_that_diverges_is_told_in_one_line(vgg, start):
    with pytest.raises(EvaluationError, match=r"broken on made: .*step 3 is not finite") as raised:
        Judge(vgg, SIZE, steps=5).fly(start, Broken(), "autopilot")
    assert "\n" not in str(raised.value)


def test_what_comes_home_is_known_and_nothing_else(vgg, start):
    judge = Judge(vgg, SIZE, steps=1)
    flight = judge.flight(start, "autopilot")
    home = Home.of(flight, judge.warper)
    there = flight.look_from(flight.camera.moved(np.array([0.3, 0.0, -0.5]), np.eye(3)))
    view = come_home(there, home)
    assert 0.3 < view.mask.mean() < 1.0
    for array in (view.image, view.disparity, view.sky, view.stretch, view.debt):
        assert not array[~view.mask].any()
    land = view.mask & (view.disparity > 0.0)
    error = np.abs(view.image - home.view.image)[land].mean()
    assert error < 0.08
    assert (view.debt[land] > 0.05).mean() > 0.5  # coming home magnifies: there is something to renew


def test_a_generator_that_changes_nothing_scores_as_the_warp(vgg, start):
    judge = Judge(vgg, SIZE, steps=1)
    untouched = cycle(start, Plain(), judge)
    assert untouched.refined == untouched.warped
    assert cycle(start, Plain(), judge) == untouched
    refined = cycle(start, ClassicalGenerator(), judge)
    assert refined.warped == untouched.warped
    assert refined.refined.seen == untouched.warped.seen
