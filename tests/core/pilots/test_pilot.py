"""Gliding and manual flight: exact, independent of frame rate, at rest when let go."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, Intrinsics, angles, rigid, turn
from core.pilots.pilot import BASE_SPEED, ManualPilot, Response, glide, ground_push
from core.steering import Craft, Motion, Steering, Surroundings

LENS = Intrinsics.from_fov(math.radians(55.0), 1.6)
units = st.floats(-1.0, 1.0)
vectors = st.tuples(units, units, units).map(np.array)
steerings = st.builds(
    Steering, strafe=units, climb=units, advance=units, yaw=units, pitch=units, boost=st.sampled_from([0.25, 1.0, 4.0])
)


def start(motion=None, pose=None):
    return Craft(Camera(LENS, np.eye(4) if pose is None else pose), motion or Motion())


def fly(pilot, craft, steering, seconds, fps=60, surroundings=None):
    for _ in range(round(seconds * fps)):
        craft = pilot.advance(craft, steering, surroundings, 1.0 / fps)
    return craft


def ground(disparity, h=40, w=64):
    return Surroundings(np.full((h, w), disparity, np.float32), np.zeros((h, w), np.float32), np.ones((h, w), bool))


@given(vectors, vectors, st.floats(0.001, 0.5), st.integers(2, 7))
def test_glide_is_exact_over_any_division_of_time(velocity, target, dt, parts):
    """Without turning, n short steps are one long one."""
    once = glide(start(Motion(velocity)), Motion(target), dt, Response())
    craft = start(Motion(velocity))
    for _ in range(parts):
        craft = glide(craft, Motion(target), dt / parts, Response())
    np.testing.assert_allclose(craft.camera.position, once.camera.position, atol=1e-9)
    np.testing.assert_allclose(craft.motion.velocity, once.motion.velocity, atol=1e-9)


@given(vectors, vectors, st.floats(0.001, 2.0))
def test_glide_never_overshoots_its_target(velocity, target, dt):
    after = glide(start(Motion(velocity, velocity)), Motion(target, target), dt, Response()).motion
    assert np.linalg.norm(after.velocity - target) <= np.linalg.norm(velocity - target) + 1e-12
    assert np.dot(after.spin - target, velocity - target) >= -1e-12


def test_glide_against_many_small_euler_steps():
    response, target = Response(), Motion(np.array([0.2, 0.0, 1.0]), np.array([0.5, 0.1, 0.0]))
    craft = start()
    for _ in range(30):
        craft = glide(craft, target, 1.0 / 30.0, response)
    position, attitude, velocity, spin = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
    dt = 1e-4
    for _ in range(10000):
        for rate, wanted, tau, friction in (
            (velocity, target.velocity, response.translation, response.friction),
            (spin, target.spin, response.rotation, response.spin_friction),
        ):
            error = wanted - rate
            size = np.linalg.norm(error)
            if size > 1e-9:
                rate[:] = rate + error / size * min((size + friction) / tau * dt, size)
        position += turn(*attitude) @ velocity * dt
        attitude += spin * dt
    np.testing.assert_allclose(craft.camera.position, position, atol=2e-3)
    np.testing.assert_allclose(angles(craft.camera.rotation), attitude, atol=2e-3)


@settings(max_examples=15, deadline=None)
@given(steerings, steerings)
def test_flight_does_not_depend_on_the_frame_rate(first, second):
    ends = []
    for fps in (30, 60, 144):
        pilot, craft = ManualPilot(), start()
        for steering in (first, second, Steering()):
            craft = fly(pilot, craft, steering, 0.5, fps)
        ends.append(craft.camera.world_from_camera)
    way = 0.5 * (first.boost + second.boost)
    for end in ends[:-1]:
        assert np.abs(end[:3, 3] - ends[-1][:3, 3]).max() < 0.01 * way
        assert np.abs(end[:3, :3] - ends[-1][:3, :3]).max() < 0.01


@pytest.mark.parametrize("boost", [0.25, 1.0, 4.0])
def test_released_it_rests_within_0_4_s_and_then_exactly(boost):
    pilot = ManualPilot()
    craft = fly(pilot, start(), Steering(advance=1.0, yaw=1.0, pitch=0.3, climb=0.5, boost=boost), 1.0)
    forward = craft.motion.velocity.copy()
    seconds = 0.0
    while not (craft.motion.velocity == 0.0).all() or not (craft.motion.spin == 0.0).all():
        craft = pilot.advance(craft, Steering(), None, 1.0 / 60.0)
        seconds += 1.0 / 60.0
        assert np.dot(craft.motion.velocity, forward) >= 0.0, "no overshoot"
    assert seconds < 0.42
    assert pilot.advance(craft, Steering(), None, 1.0 / 60.0) is craft


def test_a_craft_at_rest_keeps_its_very_pose():
    craft = start(pose=rigid(turn(0.3, 0.2), np.array([1.0, 2.0, 3.0])))
    assert fly(ManualPilot(), craft, Steering(), 1.0, surroundings=ground(1.0)) is craft


def test_directions():
    def way(**steering):
        return fly(ManualPilot(), start(), Steering(**steering), 1.0).camera

    assert way(advance=1.0).position[2] == pytest.approx(0.93 * BASE_SPEED, rel=0.02)
    assert way(strafe=1.0).position[0] > 0.8 * BASE_SPEED
    assert way(climb=1.0).position[1] < -0.8 * BASE_SPEED
    assert angles(way(yaw=1.0).rotation)[0] > 0.7
    assert angles(way(pitch=1.0).rotation)[1] > 0.4
    assert angles(way(roll=1.0).rotation)[2] > 0.4


def test_speed_factors_and_diagonals():
    def pace(**steering):
        return np.linalg.norm(fly(ManualPilot(), start(), Steering(**steering), 1.5).motion.velocity)

    assert pace(advance=1.0) == pytest.approx(BASE_SPEED)
    assert pace(advance=1.0, boost=4.0, speed=0.5) == pytest.approx(2.0 * BASE_SPEED)
    assert pace(advance=1.0, strafe=1.0) == pytest.approx(BASE_SPEED), "diagonals are no faster"


def test_climbing_is_along_the_worlds_vertical_whatever_the_gaze():
    craft = start(pose=rigid(turn(0.5, -1.0), np.zeros(3)))
    position = fly(ManualPilot(), craft, Steering(climb=1.0), 1.0).camera.position
    assert position[1] < -0.8 * BASE_SPEED
    assert np.hypot(position[0], position[2]) < 1e-9


def test_yaw_keeps_the_horizon_level():
    craft = fly(ManualPilot(), start(pose=rigid(turn(0.0, 0.6), np.zeros(3))), Steering(yaw=1.0), 3.0)
    _, pitch, roll = angles(craft.camera.rotation)
    assert pitch == pytest.approx(0.6)
    assert roll == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_pitch_stops_softly_at_80_degrees(sign):
    pilot, craft, last = ManualPilot(), start(), math.inf
    for i in range(600):
        craft = pilot.advance(craft, Steering(pitch=sign, drag=(0.0, 0.02 * sign * (i > 300))), None, 1.0 / 60.0)
        assert abs(angles(craft.camera.rotation)[1]) <= math.radians(80.0) + 1e-6
        if 60 < i < 300:
            assert abs(craft.motion.spin[1]) <= last + 1e-9
            last = abs(craft.motion.spin[1])
    assert abs(angles(craft.camera.rotation)[1]) > math.radians(79.0)


def test_roll_returns_to_level_when_not_commanded():
    pilot = ManualPilot()
    craft = fly(pilot, start(), Steering(roll=1.0), 1.0)
    assert angles(craft.camera.rotation)[2] > 0.4
    craft = fly(pilot, craft, Steering(), 6.0)
    assert abs(angles(craft.camera.rotation)[2]) < 1e-3
    assert pilot.advance(craft, Steering(), None, 1.0 / 60.0) is craft


@given(st.integers(-600, 600), st.integers(-600, 600), st.sampled_from([20, 60, 144]))
@settings(max_examples=12, deadline=None)
def test_the_mouse_turns_in_full_and_then_rests(right, up, fps):
    pilot, right, up = ManualPilot(), 1e-3 * right, 1e-3 * up
    craft = pilot.advance(start(), Steering(drag=(right, up)), None, 1.0 / fps)
    craft = fly(pilot, craft, Steering(), 1.0, fps)
    assert angles(craft.camera.rotation) == pytest.approx((right, up, 0.0), abs=1e-9)
    assert (craft.motion.spin == 0.0).all()


def test_the_mouse_is_smoothed_and_shows_in_the_motion():
    pilot = ManualPilot()
    craft = pilot.advance(start(), Steering(drag=(0.3, 0.0)), None, 1.0 / 60.0)
    assert 0.05 < angles(craft.camera.rotation)[0] < 0.15
    assert craft.motion.spin[0] > 1.0
    assert angles(fly(pilot, craft, Steering(), 0.15).camera.rotation)[0] > 0.28


def test_another_pilots_turn_is_taken_over_without_a_jump():
    craft = start(Motion(np.array([0.0, 0.0, 1.0]), np.array([0.4, 0.0, 0.0])))
    pilot = ManualPilot()
    pilot.advance(start(), Steering(drag=(0.5, 0.0)), None, 1.0 / 60.0)
    after = pilot.advance(craft, Steering(), None, 1e-3)
    assert np.abs(after.motion.spin - craft.motion.spin).max() < 0.01
    assert np.abs(after.motion.velocity - craft.motion.velocity).max() < 0.02


def test_the_ground_is_soft():
    clear = fly(ManualPilot(), start(), Steering(advance=1.0), 1.0, surroundings=ground(0.5)).camera.position
    near = fly(ManualPilot(), start(), Steering(advance=1.0), 1.0, surroundings=ground(0.95)).camera.position
    assert clear[1] == 0.0
    assert near[1] < -0.3 * BASE_SPEED
    assert near[2] == pytest.approx(clear[2], rel=0.01), "it lifts, it does not stop"
    sinking = fly(ManualPilot(), start(), Steering(climb=-1.0), 1.0, surroundings=ground(1.2)).camera.position
    assert sinking[1] < 0.0


def test_ground_push_grows_and_ignores_what_is_unknown():
    pushes = [ground_push(ground(d)) for d in (0.5, 0.9, 0.95, 1.0, 5.0)]
    assert pushes == sorted(pushes)
    assert pushes[1] == pytest.approx(0.0, abs=1e-5)
    assert pushes[-1] == 2.0
    unknown = ground(1.0)
    assert ground_push(Surroundings(unknown.disparity, unknown.sky, np.zeros((40, 64), bool))) == 0.0


def test_an_hour_of_turning_leaves_the_pose_rigid():
    pilot, craft = ManualPilot(), start()
    for i in range(4000):
        craft = pilot.advance(craft, Steering(advance=1.0, yaw=1.0, pitch=math.sin(0.01 * i), roll=0.3), None, 0.05)
    np.testing.assert_allclose(craft.camera.rotation.T @ craft.camera.rotation, np.eye(3), atol=1e-12)


def test_no_time_no_change():
    craft = start(Motion(np.ones(3)))
    assert ManualPilot().advance(craft, Steering(advance=1.0), None, 0.0) is craft
