"""The autopilot over an analytic landscape: it keeps its height, hits nothing, stays level, for as long as one likes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from core.camera import Camera, Intrinsics, angles, rigid, turn
from core.pilots.autopilot import Autopilot
from core.pilots.pilot import BASE_SPEED
from core.steering import Craft, Motion, Steering, Surroundings

LENS = Intrinsics.from_fov(math.radians(55.0), 1.6)
HEIGHT = 0.45  # of the first camera above the plain, so that the ground at the frame's lower edge has disparity 0.72


@dataclass
class Terrain:
    """A plain at y = HEIGHT with ridges on it, up to four times as high as the first camera stands."""

    ridges: float = 1.8
    wall: float = math.inf  # a wall without end in the vertical, this far ahead
    _slopes: list = field(default_factory=lambda: [(0.23, 0.11, 0.4), (-0.13, 0.29, 1.9), (0.05, -0.19, 3.1)])

    def height(self, x, z):
        """Of the ground above the plain."""
        swell = sum(np.sin(a * x + b * z + c) for a, b, c in self._slopes) / 3.0
        flat_start = np.clip((np.hypot(x, z) - 2.0) / 4.0, 0.0, 1.0)
        return self.ridges * np.clip(swell - 0.15, 0.0, 1.0) * flat_start * 1.6 + np.where(z > self.wall, 50.0, 0.0)

    def clearance(self, position):
        return float(HEIGHT - self.height(position[0], position[2]) - position[1])

    def seen_by(self, camera: Camera, width: int = 24, height: int = 15) -> Surroundings:
        """March rays until they meet the ground; farther than 60 units is sky."""
        rays = camera.rays(width, height) @ camera.rotation.T
        depths = np.geomspace(0.08, 60.0, 48)
        points = camera.position + rays[:, :, None] * depths[:, None]
        under = HEIGHT - self.height(points[..., 0], points[..., 2]) < points[..., 1]
        hit = under.any(axis=-1)
        disparity = np.where(hit, 1.0 / depths[under.argmax(axis=-1)], 0.0).astype(np.float32)
        return Surroundings(disparity, (~hit).astype(np.float32), np.ones_like(hit))


def fly(terrain: Terrain, minutes: float, seed: int = 0, rate: float = 10.0):
    """Every frame of a flight; the surroundings are renewed every 0.4 s, as if refinement and display were slow."""
    craft, pilot, seen = Craft(Camera(LENS)), Autopilot(seed), None
    for i in range(round(minutes * 60.0 * rate)):
        craft = pilot.advance(craft, Steering(), seen, 1.0 / rate)
        if i % max(round(rate * 0.4), 1) == 0:
            seen = terrain.seen_by(craft.camera)
        yield craft


def test_ten_minutes_over_ridges_keep_height_and_horizon():
    terrain = Terrain()
    flight = list(fly(terrain, 10.0))
    clearances = np.array([terrain.clearance(craft.camera.position) for craft in flight])
    attitudes = np.array([angles(craft.camera.rotation) for craft in flight])
    assert clearances.min() > 0.2, "it must not touch the ground"
    assert 0.3 < np.median(clearances) < 0.7, "it keeps the height it started from"
    assert clearances.max() < 2.5, "over ridges of 2.4 units too"
    assert np.abs(attitudes[:, 1]).max() < 0.3
    assert np.abs(attitudes[:, 2]).max() < 1e-9
    assert math.dist(flight[-1].camera.position, (0.0, 0.0, 0.0)) > 150.0, "it travels instead of circling"
    rotation = flight[-1].camera.rotation
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-9)


def test_over_a_plain_it_flies_level_but_not_straight():
    flight = list(fly(Terrain(ridges=0.0), 1.5))
    positions = np.array([craft.camera.position for craft in flight])
    headings = np.array([angles(craft.camera.rotation)[0] for craft in flight])
    assert np.abs(positions[:, 1]).max() < 0.1
    assert 0.05 < np.ptp(headings) < 1.0


@pytest.mark.parametrize("wall", [11.0, 16.0])  # far enough for something open beside it at first
def test_a_wall_is_turned_away_from(wall):
    terrain = Terrain(ridges=0.5, wall=wall)
    flight = list(fly(terrain, 1.0))
    assert max(craft.camera.position[2] for craft in flight) < wall - 0.3
    assert min(terrain.clearance(craft.camera.position) for craft in flight) > 0.15
    speeds = [np.linalg.norm(craft.motion.velocity) for craft in flight[30:]]
    assert min(speeds) > 0.1, "it never gets stuck"


def filled(disparity: float) -> Surroundings:
    """A wall across the whole view."""
    shape = (40, 64)
    return Surroundings(np.full(shape, disparity, np.float32), np.zeros(shape, np.float32), np.ones(shape, bool))


def met(wall: Surroundings, before: Surroundings, seconds: float = 5.0) -> Craft:
    """Fly at ``wall`` after a first look at ``before``."""
    pilot = Autopilot()
    craft = pilot.advance(Craft(Camera(LENS)), Steering(), before, 0.05)
    for _ in range(round(seconds / 0.05)):
        craft = pilot.advance(craft, Steering(), wall, 0.05)
    return craft


def test_a_wall_that_fills_the_view_slows_lifts_and_turns():
    craft = met(filled(0.9), Terrain().seen_by(Camera(LENS)))
    velocity = craft.camera.rotation @ craft.motion.velocity
    assert np.hypot(velocity[0], velocity[2]) < 0.6 * BASE_SPEED
    assert velocity[1] < -0.2 * BASE_SPEED
    assert abs(craft.motion.spin[0]) > 0.2


def test_where_nothing_was_ever_open_a_wall_is_flown_through():
    """Beside and above a photo without sky there is nothing but what would be invented."""
    craft = met(filled(0.9), filled(0.5))
    velocity = craft.camera.rotation @ craft.motion.velocity
    assert velocity[2] > 0.3 * BASE_SPEED
    assert abs(craft.motion.spin[0]) < 0.08, "it goes on where it was going"
    assert abs(velocity[1]) < 0.02


def test_a_forest_is_flown_through_and_not_climbed_out_of():
    rays = Camera(LENS).rays(64, 40)
    disparity = np.maximum(0.35, rays[..., 1] / HEIGHT).astype(
        np.float32
    )  # trunks 2.9 units away on the plain, to the frame's top
    seen = Surroundings(disparity, np.zeros_like(disparity), np.ones(disparity.shape, bool))
    pilot, craft = Autopilot(), Craft(Camera(LENS))
    for _ in range(200):
        craft = pilot.advance(craft, Steering(), seen, 0.05)
    assert abs(craft.motion.velocity[1]) < 0.1
    assert 0.3 < craft.motion.velocity[2] < 0.8


@pytest.mark.parametrize("nothing", [None, "holes"])
def test_it_flies_on_while_it_sees_nothing(nothing):
    holes = Surroundings(np.zeros((40, 64), np.float32), np.zeros((40, 64), np.float32), np.zeros((40, 64), bool))
    pilot, craft = Autopilot(), Craft(Camera(LENS))
    for _ in range(100):
        craft = pilot.advance(craft, Steering(), None if nothing is None else holes, 0.05)
    assert np.isfinite(craft.camera.world_from_camera).all()
    assert craft.camera.position[2] > 3.0 * BASE_SPEED
    assert abs(craft.camera.position[1]) < 1e-6


def test_turns_are_about_the_present_heading():
    """The published code steers by world directions, so it can never leave the first picture's field of view."""
    facing_back = Camera(LENS, rigid(turn(math.pi), np.zeros(3)))
    ahead, back = (Autopilot(3).advance(Craft(camera), Steering(), None, 0.1) for camera in (Camera(LENS), facing_back))
    np.testing.assert_allclose(turn(math.pi) @ ahead.camera.position, back.camera.position, atol=1e-12)
    assert ahead.camera.position[2] > 0.0


def test_it_turns_to_the_sky_and_levels_a_tilt():
    sky_right = np.full((40, 64), 0.3, np.float32)
    sky_right[:20, 32:] = 0.0
    seen = Surroundings(sky_right, (sky_right == 0).astype(np.float32), np.ones((40, 64), bool))
    pilot, craft = Autopilot(), Craft(Camera(LENS, rigid(turn(0.0, 0.0, 0.5), np.zeros(3))))
    for _ in range(200):
        craft = pilot.advance(craft, Steering(), seen, 0.05)
    yaw, _, roll = angles(craft.camera.rotation)
    assert yaw > 0.3
    assert abs(roll) < 0.06


def test_same_seed_same_flight_and_other_seed_another():
    def end(seed):
        return [craft.camera.world_from_camera for craft in fly(Terrain(), 0.2, seed)][-1]

    first, again, other = end(1), end(1), end(2)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_frame_rate_changes_nothing_to_speak_of():
    seen = Terrain().seen_by(Camera(LENS))
    ends = []
    for rate in (30, 144):
        pilot, craft = Autopilot(), Craft(Camera(LENS))
        for _ in range(8 * rate):
            craft = pilot.advance(craft, Steering(), seen, 1.0 / rate)
        ends.append(craft.camera.position)
    assert np.linalg.norm(ends[0] - ends[1]) < 0.01 * np.linalg.norm(ends[0])


def test_it_takes_over_any_motion_smoothly_and_heeds_the_wheel():
    craft = Craft(Camera(LENS), Motion(np.array([0.5, 0.2, 2.0]), np.array([0.5, 0.2, 0.0])))
    after = Autopilot().advance(craft, Steering(), None, 1.0 / 60.0)
    assert np.abs(after.motion.velocity - craft.motion.velocity).max() < 0.05
    pilot = Autopilot()
    for _ in range(200):
        after = pilot.advance(after, Steering(speed=2.0), None, 0.05)
    assert np.linalg.norm(after.motion.velocity) == pytest.approx(2.0 * BASE_SPEED, rel=0.02)
