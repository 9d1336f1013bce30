"""Flown paths: faithful, small, flown back to the exact start, and readable by others."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, Intrinsics, angles, rigid, turn
from core.errors import PilotError
from core.pilots import make_pilot
from core.pilots.path import HomePilot, Path, RewindPilot
from core.pilots.path_file import load_path, save_path
from core.pilots.pilot import ManualPilot
from core.steering import Craft, Motion, Steering

LENS = Intrinsics.from_fov(math.radians(55.0), 1.6)
START = rigid(turn(0.4, 0.1), np.array([1.0, -0.5, 2.0]))


def flown(seconds, fps=60, start=None, seed=0, moods=0.5):
    """Craft, path and every pose of a flight whose steering changes every ``moods`` seconds."""
    craft = Craft(Camera(LENS, np.eye(4) if start is None else start))
    path, pilot, random, poses = Path(craft.camera.world_from_camera), ManualPilot(), np.random.default_rng(seed), []
    for i in range(round(seconds * fps)):
        if i % round(moods * fps) == 0:
            steering = Steering(*random.uniform(-1.0, 1.0, 5))
        craft = pilot.advance(craft, steering, None, 1.0 / fps)
        path.record(craft.camera.world_from_camera, 1.0 / fps)
        poses.append(craft.camera.world_from_camera)
    return craft, path, poses


def arrive(pilot, craft, path=None, fps=60.0):
    flight = [craft]
    while not pilot.done:
        flight.append(pilot.advance(flight[-1], Steering(), None, 1.0 / fps))
        if path is not None:
            path.record(flight[-1].camera.world_from_camera, 1.0 / fps)
        assert len(flight) < 100.0 * fps
    return flight


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([20, 60]))
def test_thinning_stays_within_a_pixel(seed, fps):
    _, path, poses = flown(5.0, fps, START, seed)
    found = np.array([path.pose((i + 1) / fps) for i in range(len(poses))])
    assert np.abs(found[:, :3, 3] - np.array(poses)[:, :3, 3]).max() < 3e-3
    assert np.abs(found[:, :3, :3] - np.array(poses)[:, :3, :3]).max() < 4e-3
    assert path.seconds == pytest.approx(5.0)
    np.testing.assert_array_equal(path.pose(0.0), START)
    np.testing.assert_allclose(path.pose(99.0), poses[-1], atol=1e-9)


def test_an_hour_takes_less_than_a_megabyte():
    """Two minutes of a flight that changes its mind every two seconds, times thirty."""
    _, path, _ = flown(120.0, fps=30, moods=2.0)
    times, _ = path.keys
    assert 30 * path.nbytes < 1e6
    assert len(times) < 120 * 2.5


def test_rest_takes_neither_time_nor_memory():
    craft, path, _ = flown(1.0)
    size, seconds = path.nbytes, path.seconds
    for _ in range(100):
        path.record(craft.camera.world_from_camera, 1.0)
    assert (path.nbytes, path.seconds) == (size, seconds)


def test_many_turns_about_the_vertical_are_kept_apart():
    path = Path(np.eye(4))
    for i in range(1, 601):
        path.record(rigid(turn(0.05 * i), np.zeros(3)), 0.05)
    for i in (100, 333, 600):
        np.testing.assert_allclose(path.pose(0.05 * i), rigid(turn(0.05 * i), np.zeros(3)), atol=3e-3)


def test_cutting_keeps_what_was_before():
    _, path, _ = flown(6.0)
    before = [path.pose(t) for t in np.linspace(0.0, 2.5, 9)]
    path.cut(2.5)
    assert path.seconds == pytest.approx(2.5)
    np.testing.assert_allclose([path.pose(t) for t in np.linspace(0.0, 2.5, 9)], before, atol=1e-9)
    path.cut(0.0)
    assert path.seconds == 0.0
    np.testing.assert_array_equal(path.pose(1.0), np.eye(4))


@pytest.mark.parametrize("recording", [False, True])
def test_rewind_arrives_exactly_at_the_start(recording):
    craft, path, poses = flown(9.0)
    pilot = RewindPilot(path)
    flight = arrive(pilot, craft, path if recording else None)
    np.testing.assert_array_equal(flight[-1].camera.world_from_camera, np.eye(4))
    assert flight[-1].motion.still
    assert path.seconds < 0.1
    assert (len(flight) - 1) / 60.0 == pytest.approx(9.0 / 3.0 + 1.0, abs=0.05)
    places = np.array(poses)[:, :3, 3]
    for step in flight[40:]:  # the craft's own momentum has gone by then
        assert np.linalg.norm(places - step.camera.position, axis=1).min() < 0.05, "back the way it came"
    flown_velocities = np.diff(places, axis=0) * 60.0
    velocities = np.diff([step.camera.position for step in flight], axis=0) * 60.0
    steepest = np.abs(np.diff(flown_velocities, axis=0)).max()
    assert np.abs(np.diff(velocities, axis=0)).max() < 3.0**2 * steepest + 0.1, "no jolt that was not flown"
    assert np.linalg.norm(velocities[-1]) < 0.05, "slowing down at home"


def test_rewind_of_a_long_flight_takes_a_minute():
    path = Path(np.eye(4))
    for i in range(1, 3601):
        path.record(rigid(np.eye(3), np.array([0.0, 0.0, float(i)])), 1.0)
    craft = Craft(Camera(LENS, path.pose(3600.0)))
    assert (len(arrive(RewindPilot(path), craft)) - 1) / 60.0 == pytest.approx(61.0, abs=0.1)


def test_rewind_taken_over_midway_can_be_rewound_again():
    craft, path, _ = flown(6.0)
    pilot = RewindPilot(path)
    for _ in range(60):
        craft = pilot.advance(craft, Steering(), None, 1.0 / 60.0)
        path.record(craft.camera.world_from_camera, 1.0 / 60.0)
    assert 3.0 < path.seconds < 5.0
    manual = ManualPilot()
    for _ in range(60):
        craft = manual.advance(craft, Steering(strafe=1.0), None, 1.0 / 60.0)
        path.record(craft.camera.world_from_camera, 1.0 / 60.0)
    flight = arrive(RewindPilot(path), craft)
    np.testing.assert_array_equal(flight[-1].camera.world_from_camera, np.eye(4))


def test_rewinding_nothing_is_done_at_once():
    path = Path(START)
    flight = arrive(RewindPilot(path), Craft(Camera(LENS, START)))
    np.testing.assert_array_equal(flight[-1].camera.world_from_camera, START)


@pytest.mark.parametrize("seconds", [0.5, 20.0])
def test_home_is_reached_smoothly_within_two_seconds_and_exactly(seconds):
    craft, path, _ = flown(seconds, start=START)
    flight = arrive(HomePilot(path), craft, path)
    assert (len(flight) - 1) / 60.0 <= 2.02
    np.testing.assert_array_equal(flight[-1].camera.world_from_camera, START)
    assert (flight[-1].motion.velocity == 0.0).all()
    positions = np.array([step.camera.position for step in flight])
    velocities = np.diff(positions, axis=0) * 60.0
    np.testing.assert_allclose(velocities[0], craft.camera.rotation @ craft.motion.velocity, atol=0.05)
    assert np.abs(np.diff(velocities, axis=0)).max() < 0.12 * max(1.0, np.abs(velocities).max())


def test_saved_paths_come_back_as_they_were(tmp_path):
    _, path, _ = flown(4.0, start=START)
    save_path(path, tmp_path / "flight.json", LENS, (1280, 720))
    again = load_path(tmp_path / "flight.json")
    np.testing.assert_array_equal(again.start, START)
    for t in np.linspace(0.0, 4.0, 23):
        np.testing.assert_allclose(again.pose(t), path.pose(t), atol=1e-7)


def test_the_file_speaks_nerfstudios_language(tmp_path):
    path = Path(np.eye(4))
    for i in range(1, 61):
        path.record(rigid(turn(0.005 * i, 0.002 * i), np.array([0.02 * i, -0.01 * i, 0.05 * i])), 1.0 / 30.0)
    save_path(path, tmp_path / "flight.json", LENS, (1280, 720), fps=30.0)
    document = json.loads((tmp_path / "flight.json").read_text())
    assert {"keyframes", "camera_type", "render_height", "render_width", "fps", "seconds", "is_cycle", "camera_path"} <= set(
        document
    )
    assert len(document["camera_path"]) == 61
    assert document["seconds"] * document["fps"] == pytest.approx(61)
    first, last = document["camera_path"][0], document["camera_path"][-1]
    assert first["fov"] == pytest.approx(math.degrees(LENS.fov[1]))
    assert first["aspect"] == pytest.approx(16 / 9)
    np.testing.assert_allclose(np.reshape(first["camera_to_world"], (4, 4)), np.eye(4), atol=1e-9)
    gl = np.reshape(last["camera_to_world"], (4, 4))
    np.testing.assert_allclose(gl[:3, 3], [1.2, 0.6, -3.0], atol=5e-3)  # OpenGL: +Y up, forward is -Z
    looking = -gl[:3, 2]
    assert looking[0] > 0.25, "to the right"
    assert looking[1] > 0.1, "up"


def test_foreign_files_fly_from_the_start_camera(tmp_path):
    _, path, _ = flown(3.0, start=START)
    save_path(path, tmp_path / "flight.json", LENS, (640, 360))
    document = json.loads((tmp_path / "flight.json").read_text())
    del document["photoflight"]
    (tmp_path / "foreign.json").write_text(json.dumps(document))
    foreign = load_path(tmp_path / "foreign.json")
    np.testing.assert_array_equal(foreign.pose(0.0), np.eye(4))
    np.testing.assert_allclose(START @ foreign.pose(2.0), path.pose(2.0), atol=5e-3)


def test_a_path_file_is_a_pilot(tmp_path):
    craft, path, _ = flown(2.0)
    save_path(path, tmp_path / "over the hills.json", LENS, (640, 360))
    pilot = make_pilot(str(tmp_path / "over the hills.json"))
    assert pilot.name == "over the hills"
    flight = arrive(pilot, Craft(Camera(LENS)))
    np.testing.assert_allclose(flight[-1].camera.world_from_camera, craft.camera.world_from_camera, atol=1e-6)
    np.testing.assert_allclose(flight[60].camera.world_from_camera, path.pose(1.0), atol=1e-6)


def test_joining_takes_the_shorter_turn():
    """From heading 3.0 to -3.0 is 0.28 radians across the back, not 6.0 the other way."""
    path = Path(rigid(turn(-3.0), np.zeros(3)))
    flight = arrive(HomePilot(path), Craft(Camera(LENS, rigid(turn(3.0), np.zeros(3))), Motion()))
    assert all(abs(angles(step.camera.rotation)[0]) > 2.9 for step in flight)


POSE = np.eye(4).ravel().tolist()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not a JSON file"),
        ("[1, 2]", "not a camera path"),
        ("{}", "no 'camera_path' in it"),
        ('{"camera_path": []}', "camera_path is empty"),
        ('{"camera_path": [{"camera_to_world": [1, 2, 3]}]}', "a pose of 3 numbers where 16"),
        ('{"camera_path": [{"camera_to_world": "north"}]}', "not a camera path"),
        (json.dumps({"camera_path": [{"camera_to_world": [float("nan")] * 16}]}), "16 finite"),
        (json.dumps({"camera_path": [{"camera_to_world": [2.0] * 16}]}), "no rigid pose"),
        (json.dumps({"camera_path": [{"camera_to_world": POSE}], "fps": -5}), "fps -5"),
        (json.dumps({"photoflight": {"start": POSE, "times": [0.0, 1.0], "rows": [[0.0] * 12]}}), "keys of shape"),
        (json.dumps({"photoflight": {"start": POSE, "times": [0.0, 0.0], "rows": [[0.0] * 12] * 2}}), "times must rise"),
        (json.dumps({"photoflight": {"start": POSE, "times": [], "rows": []}}), "keys of shape"),
        (json.dumps({"photoflight": 3}), "not a camera path"),
    ],
)
def test_bad_files_are_told_in_one_line(tmp_path, content, complaint):
    file = tmp_path / "bad.json"
    file.write_text(content)
    with pytest.raises(PilotError) as caught:
        make_pilot(str(file))
    assert str(file) in str(caught.value)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_unwritable_files(tmp_path):
    with pytest.raises(PilotError, match=r"gone\.json: cannot be read \(No such file"):
        make_pilot(str(tmp_path / "gone.json"))
    with pytest.raises(PilotError, match=r"cannot be saved \(No such file.*choose another place"):
        save_path(Path(np.eye(4)), tmp_path / "no" / "where.json", LENS, (640, 360))
