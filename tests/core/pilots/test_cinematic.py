"""Cinematic moves: they begin and end at rest, scale with the scene, and the loop closes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.camera import Camera, Intrinsics, angles, rigid, turn
from core.errors import PilotError
from core.pilots import PILOTS, make_pilot
from core.pilots.cinematic import CINEMATICS, UNKNOWN_REACH, CinematicPilot, gap, scene_reach
from core.steering import Craft, Motion, Steering, Surroundings

if TYPE_CHECKING:
    from core.pilots.pilot import Pilot

LENS = Intrinsics.from_fov(math.radians(55.0), 1.6)
ELSEWHERE = rigid(turn(0.7, -0.2), np.array([3.0, -1.0, 5.0]))
MOVES = sorted(CINEMATICS)
ENDING = [name for name in MOVES if not CINEMATICS[name].cyclic]


def fly(pilot: Pilot, craft: Craft, seconds: float, fps: float = 30.0) -> list[Craft]:
    flight = [craft]
    for _ in range(round(seconds * fps)):
        flight.append(pilot.advance(flight[-1], Steering(), None, 1.0 / fps))
    return flight


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("reach", [1.25, 4.0])
def test_moves_begin_and_end_at_rest_and_are_smooth(name, reach):
    pose = CINEMATICS[name].pose
    np.testing.assert_array_equal(pose(0.0, reach), np.eye(4))
    step = 1e-4
    for rest in (step, 1.0):
        assert np.abs(pose(rest, reach) - pose(rest - step, reach)).max() / step < 0.01 * reach
    poses = np.array([pose(u, reach) for u in np.linspace(0.0, 1.0, 401)])
    rotations = poses[:, :3, :3]
    np.testing.assert_allclose(rotations.transpose(0, 2, 1) @ rotations, np.tile(np.eye(3), (401, 1, 1)), atol=1e-12)
    acceleration = np.diff(poses[:, :3, 3], 2, axis=0) * 400.0**2
    assert np.abs(acceleration).max() < 25.0 * reach, "no kinks"
    assert (poses[:, 1, 3] <= 1e-12).all(), "never downwards"


@pytest.mark.parametrize("name", MOVES)
def test_moves_scale_with_the_scene(name):
    pose = CINEMATICS[name].pose
    np.testing.assert_allclose(pose(0.4, 4.0)[:3, 3], 2.0 * pose(0.4, 2.0)[:3, 3], atol=1e-12)
    np.testing.assert_allclose(pose(0.4, 4.0)[:3, :3], pose(0.4, 2.0)[:3, :3], atol=1e-12)


def test_orbit_keeps_what_it_circles_in_the_middle():
    reach = 3.0
    for u in (0.2, 0.6, 1.0):
        uv, disparity = Camera(LENS, CINEMATICS["orbit"].pose(u, reach)).project(np.array([0.0, 0.0, reach]))
        np.testing.assert_allclose(uv, 0.5, atol=1e-9)
        assert disparity == pytest.approx(1.0 / reach)


def test_the_loop_is_seamless():
    """Start, end and every derivative in between agree across the seam, so a film of one round repeats without a jump."""
    pose = CINEMATICS["loop"].pose
    np.testing.assert_allclose(pose(1.0, 2.0), pose(0.0, 2.0), atol=1e-12)
    h = 1e-3
    around = [pose(u % 1.0, 2.0)[:3, 3] for u in (-2 * h, -h, 0.0, h, 2 * h)]
    velocity_before, velocity_after = (around[2] - around[0]) / (2 * h), (around[4] - around[2]) / (2 * h)
    np.testing.assert_allclose(velocity_before, velocity_after, atol=0.1)
    flight = fly(CinematicPilot("loop", 2.0, seconds=4.0), Craft(Camera(LENS)), 8.0)
    first, second = flight[120], flight[240]
    np.testing.assert_allclose(first.camera.world_from_camera, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(second.camera.world_from_camera, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(flight[150].camera.world_from_camera, flight[30].camera.world_from_camera, atol=1e-9)
    assert max(np.linalg.norm(craft.camera.position) for craft in flight) > 0.4


@pytest.mark.parametrize("name", ENDING)
def test_a_move_flies_from_anywhere_and_ends_exactly(name):
    pilot = CinematicPilot(name, 2.0)
    flight = fly(pilot, Craft(Camera(LENS, ELSEWHERE)), CINEMATICS[name].seconds + 0.1)
    assert pilot.done
    np.testing.assert_allclose(flight[-1].camera.world_from_camera, ELSEWHERE @ CINEMATICS[name].pose(1.0, 2.0), atol=1e-12)
    assert (flight[-1].motion.velocity == 0.0).all()
    assert pilot.advance(flight[-1], Steering(), None, 0.1) is flight[-1], "it hovers from then on"


@pytest.mark.parametrize("name", MOVES)
def test_a_moving_craft_is_taken_up_without_a_jump(name):
    motion = Motion(np.array([0.3, 0.0, 1.0]), np.array([0.4, 0.1, 0.0]))
    flight = fly(CinematicPilot(name, 2.0), Craft(Camera(LENS, ELSEWHERE), motion), 3.0, fps=120.0)
    positions = np.array([craft.camera.position for craft in flight])
    velocities = np.diff(positions, axis=0) * 120.0
    np.testing.assert_allclose(velocities[0], ELSEWHERE[:3, :3] @ motion.velocity, atol=0.05)
    assert np.abs(np.diff(velocities, axis=0)).max() < 0.1
    yaws = np.array([angles(craft.camera.rotation)[0] for craft in flight])
    assert np.diff(yaws)[0] * 120.0 == pytest.approx(0.4, abs=0.03)
    for craft, velocity in zip(flight[2:], velocities[1:], strict=True):
        np.testing.assert_allclose(craft.camera.rotation @ craft.motion.velocity, velocity, atol=0.05)


def test_moves_do_not_depend_on_the_frame_rate():
    ends = [
        fly(CinematicPilot("sweep"), Craft(Camera(LENS)), 5.0, fps)[-1].camera.world_from_camera for fps in (30.0, 60.0, 144.0)
    ]
    np.testing.assert_allclose(ends[0], ends[2], atol=1e-9)
    np.testing.assert_allclose(ends[1], ends[2], atol=1e-9)


def test_scene_reach_is_the_median_depth_of_land():
    disparity = np.full((8, 8), 0.5, np.float32)
    sky = np.zeros((8, 8), np.float32)
    assert scene_reach(disparity, sky) == pytest.approx(2.0)
    sky[:4], disparity[:4] = 1.0, 0.01
    assert scene_reach(disparity, sky) == pytest.approx(2.0), "sky does not count"
    assert scene_reach(np.full((8, 8), 1e-3, np.float32), np.zeros((8, 8), np.float32)) == 6.0
    assert scene_reach(disparity, np.ones((8, 8), np.float32)) == UNKNOWN_REACH


@pytest.mark.parametrize("name", PILOTS)
def test_every_named_pilot_flies(name):
    pilot = make_pilot(name, seed=1)
    assert pilot.name == name
    assert not pilot.done
    assert np.isfinite(fly(pilot, Craft(Camera(LENS)), 0.2)[-1].camera.world_from_camera).all()


def test_unknown_pilots_are_named_with_what_there_is():
    with pytest.raises(PilotError, match=r"zeppelin: no such pilot; there are manual, autopilot, dolly, .*loop"):
        make_pilot("zeppelin")
    with pytest.raises(PilotError, match="-1 seconds: give a positive"):
        make_pilot("dolly", seconds=-1)


def valley(column):
    """Hills with a deep gap at ``column`` of 64."""
    disparity = np.full((40, 64), 0.6, np.float32)
    disparity[:, max(column - 4, 0) : column + 4] = 0.05
    return Surroundings(disparity, np.zeros((40, 64), np.float32), np.ones((40, 64), bool))


def test_through_flies_to_the_gap():
    assert gap(valley(32), LENS) == pytest.approx(0.0, abs=0.02)
    assert gap(valley(20), LENS) == pytest.approx(-gap(valley(44), LENS), abs=0.02)
    for column, way in ((20, -1.0), (44, 1.0)):
        pilot, craft = CinematicPilot("through", 2.0), Craft(Camera(LENS))
        while not pilot.done:
            craft = pilot.advance(craft, Steering(), valley(column), 1.0 / 30.0)
        uv, _ = Camera(LENS).project(craft.camera.position)
        assert uv[0] == pytest.approx((column + 0.0) / 64.0, abs=0.02)
        assert way * angles(craft.camera.rotation)[0] > 0.05, "and looks there"
        assert craft.motion.still
