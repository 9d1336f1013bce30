"""A flight without a window: lockstep, fades, coming home, and ten minutes on autopilot."""

from __future__ import annotations

import gc
import math
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from handmade import CopyGenerator, RaisingGenerator, StripedGenerator, keyframe

from core.classical import ClassicalGenerator
from core.errors import PilotError
from core.flight import Flight, FlightSettings
from core.sight import FADE_SECONDS, ground_clearance
from core.steering import Steering, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.generator import Generator

SIZE = (48, 30)
DT = 1.0 / 30.0


def made(generator: Generator | None = None) -> Flight:
    settings = FlightSettings(aspect=1.6, refine_size=(64, 40), lockstep=True, world_bytes=4 * 2**20)
    return Flight(keyframe(), generator or CopyGenerator(), settings)


@pytest.fixture
def flight() -> Iterator[Flight]:
    flight = made()
    yield flight
    flight.close()


def fly(flight: Flight, seconds: float, **held: float) -> None:
    for _ in range(round(seconds / DT)):
        flight.advance(DT, Steering(**held))
        flight.frame(SIZE)


def test_it_begins_at_the_photo_and_hovers_there(flight: Flight) -> None:
    fly(flight, 2.0)
    frame = flight.frame(SIZE)
    assert frame.newer.keyframes == (flight.world.photo,)
    assert frame.older is None
    assert frame.newer.lookup.covered.all()
    assert flight.still


def test_keys_move_it_and_the_world_grows(flight: Flight) -> None:
    fly(flight, 1.0, advance=1.0)
    assert flight.camera.position[2] > 0.5
    assert len(flight.frame(SIZE).newer.keyframes) > 1


def test_new_keyframes_fade_in(flight: Flight) -> None:
    fades = []
    for _ in range(60):
        flight.advance(DT, Steering(advance=1.0))
        frame = flight.frame(SIZE)
        assert (frame.older is None) == (frame.fade == 1.0)
        fades.append(frame.fade)
    steps = np.diff(fades)
    assert steps.max() <= DT / FADE_SECONDS + 1e-9, "no keyframe comes in faster than the fade"
    assert 0.0 in fades


@pytest.mark.parametrize("way", ["home", "rewind"])
def test_home_is_the_photo_alone(flight: Flight, way: str) -> None:
    fly(flight, 1.0, advance=1.0, yaw=0.3)
    flight.engage(way)
    fly(flight, 4.0)
    assert np.array_equal(flight.camera.world_from_camera, np.eye(4))
    assert flight.frame(SIZE).newer.keyframes == (flight.world.photo,)
    assert flight.pilot.name == "manual"


def test_steering_takes_over_without_a_jerk(flight: Flight) -> None:
    flight.engage("autopilot")
    fly(flight, 1.5)
    before = flight.craft.motion.velocity
    flight.advance(DT, Steering(strafe=1.0))
    assert flight.pilot.name == "manual"
    assert np.abs(flight.craft.motion.velocity - before).max() < 0.5


def test_lockstep_repeats_itself() -> None:
    lookups = []
    for _ in range(2):
        flight = made(ClassicalGenerator())
        flight.engage("autopilot")
        fly(flight, 2.0)
        lookups.append(flight.frame(SIZE).newer)
        flight.close()
    one, two = lookups
    assert np.array_equal(one.lookup.uv, two.lookup.uv)
    for a, b in zip(one.keyframes, two.keyframes, strict=True):
        assert np.array_equal(a.image, b.image)


def test_a_flight_is_the_same_on_any_canvas() -> None:
    worlds = []
    for canvas in ((64, 40), (400, 250)):
        settings = FlightSettings(1.6, (64, 40), lockstep=True, canvas=canvas)
        flight = Flight(keyframe(), StripedGenerator(), settings)
        flight.engage("autopilot")
        fly(flight, 3.0)
        worlds.append(flight.world.keyframes[1:])
        flight.close()
    assert [{key.magnification for key in world} for world in worlds] == [{1}, {7}]
    assert len(worlds[0]) > 5
    for one, other in zip(*worlds, strict=True):
        assert (one.camera.world_from_camera == other.camera.world_from_camera).all()
        assert (one.image == other.image).all()
        assert (one.disparity == other.disparity).all()


def test_instruments_show_the_size_of_keyframes(flight: Flight) -> None:
    fly(flight, 1.0, advance=1.0)
    assert flight.status().refine_size == flight.world.keyframes[-1].image.shape[1::-1] == (64, 40)


def test_a_failing_generator_does_not_end_the_flight() -> None:
    flight = made(RaisingGenerator())
    fly(flight, 3.0, advance=0.5)
    assert flight.status().generator == "classical"
    assert "out of memory" in str(flight.refiner.last_error)
    flight.close()


def test_a_generator_that_knows_no_sky_flies_into_a_photo_without_it() -> None:
    generator = CopyGenerator()
    generator.sky = False
    flight = made(generator)
    assert not flight.world.photo.sky.any()
    fly(flight, 0.5, advance=1.0)
    assert flight.refiner.last_error is None
    flight.close()


def test_an_unknown_pilot_is_named(flight: Flight) -> None:
    with pytest.raises(PilotError, match="nosuch"):
        flight.engage("nosuch")


def test_reshape_keeps_the_pose_and_the_photo_covers(flight: Flight) -> None:
    for aspect in (0.5, 1.0, 3.0):
        flight.reshape(aspect)
        assert flight.frame((60, round(60 / aspect))).newer.lookup.covered.all()


def test_reshape_to_a_chosen_field_of_view_and_back(flight: Flight) -> None:
    flight.reshape(1.5)
    own = flight.lens
    flight.reshape(1.5, 0.5)
    assert flight.camera.intrinsics == flight.lens
    assert flight.lens.fov[1] == pytest.approx(0.5)
    assert flight.lens.aspect == pytest.approx(1.5)
    flight.reshape(1.5)
    assert flight.lens == own


MINUTES = float(os.environ.get("PHOTOFLIGHT_MINUTES", "1.5"))  # of the long flight: ten minutes fly in about two


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_minutes_on_autopilot() -> None:
    """No crash, no growth of memory after the first minute (< 5 MB a minute), pose orthonormal, height above ground kept."""
    flight = made(ClassicalGenerator())
    flight.engage("autopilot")
    dt, sizes, heights = 0.1, [], []
    try:
        for step in range(round(600 * MINUTES)):
            flight.advance(dt, Steering())
            if step % 5 == 0:
                flight.frame(SIZE)
            if step % 300 == 299:
                sizes.append(resident_bytes())
                rotation = flight.camera.rotation
                assert np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-9
                heights.append(flight.status().height)
    finally:
        flight.close()
    assert flight.refiner.failures == 0
    assert np.isfinite(flight.camera.world_from_camera).all()
    assert (sizes[-1] - sizes[1]) / 2**20 / (MINUTES - 1) < 5.0
    seen = [height for height in heights if math.isfinite(height)]
    assert len(seen) >= 0.8 * len(heights)
    assert min(seen) > 0.02
    assert max(seen) < 20.0


def test_ground_clearance_of_a_plane() -> None:
    rows, fy, height = 40, 1.2, 0.7
    v = (np.arange(rows) + 0.5) / rows - 0.5
    disparity = np.repeat(np.maximum(v, 0.0)[:, None] / fy / height, 64, axis=1).astype(np.float32)
    around = Surroundings(disparity, (disparity == 0.0).astype(np.float32), np.ones_like(disparity, bool))
    assert ground_clearance(around, fy) == pytest.approx(height, rel=1e-5)
    assert math.isnan(ground_clearance(None, fy))
