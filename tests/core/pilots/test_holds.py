"""Holds and calm flight: what is held stays, whatever else is steered, and moves when it is steered itself."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, Intrinsics, angles, rigid, turn
from core.pilots.autopilot import Autopilot
from core.pilots.pilot import BASE_SPEED, ManualPilot
from core.steering import Craft, Motion, Steering

LENS = Intrinsics.from_fov(1.0, 1.6)
sticks = st.floats(-1.0, 1.0)
looks = st.builds(Steering, yaw=sticks, pitch=sticks, roll=sticks)
few = settings(max_examples=20, deadline=None)


def fly(pilot, craft, steering, seconds, fps=60):
    for _ in range(round(seconds * fps)):
        craft = pilot.advance(craft, steering, None, 1.0 / fps)
    return craft


def flying(speed=0.6, pitch=0.0):
    return Craft(Camera(LENS, rigid(turn(0.3, pitch), np.array([1.0, -2.0, 3.0]))), Motion(np.array([0.0, 0.0, speed])))


@few
@given(st.floats(-1.0, 2.0), looks, st.floats(-1.0, 1.0))
def test_speed_is_kept_without_a_hand(speed, look, strafe):
    craft = fly(ManualPilot(), flying(speed), replace(look, hold_speed=True, strafe=strafe), 2.0)
    assert craft.motion.velocity[2] == pytest.approx(speed, abs=1e-6)


def test_steering_ahead_moves_the_held_speed():
    pilot, held = ManualPilot(), Steering(hold_speed=True)
    craft = fly(pilot, flying(0.6), held, 0.5)
    craft = fly(pilot, craft, replace(held, advance=1.0), 1.0)
    craft = fly(pilot, craft, held, 1.0)
    assert craft.motion.velocity[2] == pytest.approx(0.6 + BASE_SPEED, rel=0.05)
    assert fly(pilot, craft, Steering(), 1.0).motion.still, "let go, it comes to rest"


@few
@given(looks, sticks, sticks)
def test_height_is_kept_wherever_it_looks_and_flies(look, advance, strafe):
    pilot, craft = ManualPilot(), flying(0.0)
    steering = replace(look, advance=advance, strafe=strafe, hold_height=True)
    for _ in range(240):
        craft = pilot.advance(craft, steering, None, 1.0 / 60.0)
        assert craft.camera.position[1] == pytest.approx(-2.0, abs=0.02)


@few
@given(st.floats(0.1, 1.0), st.sampled_from([-1.0, 1.0]))
def test_climbing_moves_the_held_height_without_overshoot(climb, way):
    pilot, held = ManualPilot(), Steering(hold_height=True, advance=1.0)
    craft = fly(pilot, flying(), held, 0.2)
    craft = fly(pilot, craft, replace(held, climb=way * climb), 2.0)
    heights = []
    for _ in range(180):
        craft = pilot.advance(craft, held, None, 1.0 / 60.0)
        heights.append(-craft.camera.position[1])
    assert (way * np.diff(heights)).min() > -1e-4
    assert way * (heights[-1] - 2.0) == pytest.approx(climb * 2.0 * BASE_SPEED, abs=0.05)
    assert heights[-1] == pytest.approx(heights[-90], abs=1e-3)


@few
@given(looks)
def test_the_course_is_kept_while_looking_around(look):
    pilot, craft = ManualPilot(), flying(0.6)
    steering = replace(look, advance=1.0, hold_heading=True)
    course = turn(0.3)[:, 2]
    for _ in range(180):
        before, craft = craft.camera.position, pilot.advance(craft, steering, None, 1.0 / 60.0)
        step = craft.camera.position - before
        assert step @ course > 0.995 * np.linalg.norm(step)


def test_strafing_bends_the_held_course():
    pilot, held = ManualPilot(), Steering(hold_heading=True, advance=1.0)
    craft = fly(pilot, flying(), held, 0.5)
    yaw = angles(craft.camera.rotation)[0]
    craft = fly(pilot, craft, replace(held, strafe=1.0), 1.0)
    craft = fly(pilot, craft, held, 1.0)
    velocity = craft.camera.rotation @ craft.motion.velocity
    assert math.atan2(velocity[0], velocity[2]) == pytest.approx(0.3 + 0.9, abs=0.03)
    assert angles(craft.camera.rotation)[0] == pytest.approx(yaw), "the view stays"


@few
@given(looks, sticks, sticks, st.booleans(), st.booleans(), st.booleans())
def test_holds_do_not_depend_on_the_frame_rate(look, advance, climb, speed, height, heading):
    steering = replace(look, advance=advance, climb=climb, hold_speed=speed, hold_height=height, hold_heading=heading)
    ends = [fly(ManualPilot(), flying(), steering, 2.0, fps).camera.position for fps in (30, 120)]
    np.testing.assert_allclose(ends[0], ends[1], atol=0.05)


def test_calm_keeps_the_horizon_level_and_turns_half_as_fast():
    rolled = Craft(Camera(LENS, rigid(turn(0.0, 0.0, 0.4), np.zeros(3))))
    craft = fly(ManualPilot(), rolled, Steering(roll=1.0, calm=True), 3.0)
    assert angles(craft.camera.rotation)[2] == pytest.approx(0.0, abs=1e-3)
    usual, calm = (fly(ManualPilot(), flying(), Steering(yaw=1.0, pitch=0.5, calm=calm), 1.0) for calm in (False, True))
    np.testing.assert_allclose(calm.motion.spin, 0.5 * usual.motion.spin, atol=1e-9)
    dragged = [fly(ManualPilot(), flying(0.0), Steering(drag=(0.002, 0.0), calm=calm), 0.5) for calm in (False, True)]
    turned = [angles(each.camera.rotation)[0] - 0.3 for each in dragged]
    assert turned[1] == pytest.approx(0.5 * turned[0], rel=1e-6)


def test_a_calm_autopilot_flies_and_turns_half_as_fast():
    usual, calm = (Autopilot(3).advance(flying(0.0), Steering(calm=calm), None, 0.1).motion for calm in (False, True))
    np.testing.assert_allclose(calm.velocity, 0.5 * usual.velocity, rtol=0.1)
    assert abs(calm.spin[0]) < 0.6 * abs(usual.spin[0])
