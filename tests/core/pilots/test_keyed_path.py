"""Keyed paths: through every key, smooth, without a seam where closed, and the same from text and file."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from handmade import CopyGenerator, keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, Intrinsics, rigid, turn
from core.errors import PilotError
from core.flight import Flight, FlightSettings
from core.flight_log import FlightLog
from core.pilots import make_pilot
from core.pilots.keyed_path import PREFIX, Key, KeyedPath
from core.steering import Craft, Steering

places = st.floats(-5.0, 5.0)
poses = st.builds(
    lambda x, y, z, yaw, pitch, roll: rigid(turn(yaw, pitch, roll), np.array([x, y, z])),
    places,
    places,
    places,
    st.floats(-math.pi, math.pi),
    st.floats(-1.4, 1.4),
    st.floats(-1.0, 1.0),
)
keys = st.builds(Key, poses, st.floats(0.3, 8.0).map(lambda seconds: round(seconds, 3)))
paths = st.builds(KeyedPath, st.lists(keys, min_size=1, max_size=7).map(tuple), st.floats(0.0, 1.0), st.booleans())
smooth = st.builds(KeyedPath, st.lists(keys, min_size=2, max_size=6).map(tuple), st.just(0.0), st.booleans())
quick = settings(max_examples=40, deadline=None)


def passing(path):
    """When each key is passed."""
    return np.concatenate([[0.0], np.cumsum([key.seconds for key in path.keys])[:-1]])


def rates(path, time, h=1e-5):
    """One-sided rates of change of the pose before and after ``time``."""
    now = path.pose(time)
    return (now - path.pose(time - h)) / h, (path.pose(time + h) - now) / h


@quick
@given(paths)
def test_every_key_is_passed_through_exactly(path):
    for key, time in zip(path.keys, passing(path), strict=True):
        np.testing.assert_allclose(path.pose(time), key.pose, atol=1e-9)


@quick
@given(paths)
def test_poses_are_rigid_everywhere(path):
    for time in np.linspace(0.0, path.seconds, 23):
        pose = path.pose(time)
        np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-9)
        assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)


@quick
@given(paths)
def test_velocity_has_no_step_at_any_key(path):
    """Of position; views turn as smoothly, but quickly where two keys face away from each other."""
    inner = passing(path) if path.closed and len(path.keys) > 1 else passing(path)[1:-1]
    for time in inner:
        before, after = rates(path, time + (path.seconds if path.closed else 0.0))
        np.testing.assert_allclose(before[:3, 3], after[:3, 3], atol=0.05)


@quick
@given(smooth)
def test_without_tension_acceleration_has_no_step_either(path):
    h = 1e-3
    for time in passing(path)[1:-1]:
        before = path.pose(time)[:3, 3] - 2.0 * path.pose(time - h)[:3, 3] + path.pose(time - 2.0 * h)[:3, 3]
        after = path.pose(time + 2.0 * h)[:3, 3] - 2.0 * path.pose(time + h)[:3, 3] + path.pose(time)[:3, 3]
        jerk = 6.0 * 60.0 / min(key.seconds for key in path.keys) ** 3  # a cubic's, generously
        assert np.abs(after - before).max() / h**2 < 3.0 * jerk * 5.0 * h + 1e-3


def ring(count, turns=1.0):
    """A closed path round a circle, looking along it."""
    angles = np.arange(count) / count * 2.0 * math.pi
    return KeyedPath(
        tuple(Key(rigid(turn(turns * a), np.array([math.sin(a), 0.0, 1.0 - math.cos(a)])), 1.5) for a in angles), closed=True
    )


@pytest.mark.parametrize("turns", [0.0, 1.0, -1.0, 2.0])
def test_a_closed_path_has_no_seam(turns):
    """Pose, velocity and turning agree across the join, also where the view has turned all the way round."""
    path = ring(8, turns)
    np.testing.assert_allclose(path.pose(path.seconds), path.pose(0.0), atol=1e-12)
    np.testing.assert_allclose(path.pose(path.seconds - 1e-9), path.pose(0.0), atol=1e-7)
    before, after = rates(path, path.seconds)
    np.testing.assert_allclose(before, after, atol=1e-3)
    assert np.abs(before).max() > 0.1, "it does not stop there"
    middle = path.pose(0.75)  # a ring's symmetry holds at the join as anywhere
    across = path.pose(path.seconds - 0.75)
    np.testing.assert_allclose(middle[2, 3], across[2, 3], atol=1e-9)


def test_the_view_never_spins():
    """Between two neighbouring keys it turns the shorter way, whatever sign their quaternions have."""
    yaws = np.radians([0.0, 100.0, 190.0, 280.0, 370.0, 300.0, 180.0])
    path = KeyedPath(tuple(Key(rigid(turn(yaw), np.zeros(3)), 2.0) for yaw in yaws))
    times = np.linspace(0.0, path.seconds, 600)
    forward = np.array([path.pose(t)[:3, 2] for t in times])
    turned = np.arccos(np.clip((forward[1:] * forward[:-1]).sum(axis=1), -1.0, 1.0))
    assert turned.max() / (times[1] - times[0]) < math.radians(120.0)
    assert turned.sum() == pytest.approx(np.abs(np.diff(yaws)).sum(), rel=0.15)


def test_tension_straightens_and_rests():
    corner = [np.array([0.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 1.0])]
    loose, tight = (KeyedPath(tuple(Key(rigid(np.eye(3), p), 2.0) for p in corner), tension) for tension in (0.0, 1.0))
    off = [max(abs(path.pose(t)[2, 3]) for t in np.linspace(0.0, 2.0, 50)) for path in (loose, tight)]
    assert off[0] > 0.05
    assert off[1] < 1e-12
    assert np.abs(rates(tight, 2.0)[0]).max() < 1e-3 < np.abs(rates(loose, 2.0)[0]).max()


@quick
@given(paths)
def test_text_gives_the_same_path(path):
    again = KeyedPath.of_text(path.text)
    assert again.closed == path.closed
    assert again.tension == pytest.approx(path.tension, abs=1e-3)
    for key, other in zip(path.keys, again.keys, strict=True):
        np.testing.assert_allclose(other.pose, key.pose, atol=1e-5)
        assert other.seconds == pytest.approx(key.seconds)


def test_keys_are_edited():
    path = KeyedPath()
    for z in (0.0, 0.6, 3.0):
        path = path.dropped(rigid(np.eye(3), np.array([0.0, 0.0, z])))
    assert [key.seconds for key in path.keys[:2]] == [1.5, 6.0]
    swapped = path.swapped(0, 2)
    assert [key.pose[2, 3] for key in swapped.keys] == [3.0, 0.6, 0.0]
    assert [key.seconds for key in swapped.keys] == [key.seconds for key in path.keys]
    assert [key.pose[2, 3] for key in path.without(1).keys] == [0.0, 3.0]
    assert path.timed(1, 1e9).keys[1].seconds == 600.0


def test_the_pilot_flies_it_from_text_and_file(tmp_path):
    path = ring(5)
    path = KeyedPath(path.keys)
    file = tmp_path / "keys.json"
    path.save(file)
    for what in (PREFIX + path.text, str(file)):
        pilot, craft = make_pilot(what), Craft(Camera(Intrinsics.from_fov(1.0, 1.6), rigid(np.eye(3), np.array([0.3, 0.0, 0.0]))))
        for _ in range(round(path.seconds * 30.0) + 1):
            craft = pilot.advance(craft, Steering(), None, 1.0 / 30.0)
        assert pilot.name == "keys"
        assert pilot.done
        np.testing.assert_allclose(craft.camera.world_from_camera, path.keys[-1].pose, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a keyed path"),
        ("[]", "not a keyed path"),
        ('{"photoflight_keys":[]}', "keys of shape"),
        ('{"photoflight_keys":[[0,0,0,1,0,0,0]]}', "keys of shape"),
        ('{"photoflight_keys":[[0,0,0,1,0,0,0,0]]}', "seconds between keys"),
        ('{"photoflight_keys":[[0,0,0,2,0,0,0,1]]}', "no rotation"),
        ('{"photoflight_keys":[[0,0,0,1,0,0,0,1]],"tension":2}', "tension of 0 to 1"),
    ],
)
def test_damage_is_told_in_one_line(text, said, tmp_path):
    with pytest.raises(PilotError, match=said) as raised:
        make_pilot(PREFIX + text)
    assert "\n" not in str(raised.value)
    if text.startswith('{"photo'):
        (tmp_path / "k.json").write_text(text)
        with pytest.raises(PilotError, match=r"k\.json: "):
            make_pilot(str(tmp_path / "k.json"))


def test_keys_and_holds_are_flown_again_from_the_log():
    """Whoever is given the controls by a text, and every switch of the steering, is in the log."""
    path = KeyedPath(tuple(Key(rigid(turn(0.2 * z), np.array([0.1 * z, 0.0, 0.4 * z])), 1.0) for z in range(3)))
    settings = FlightSettings(aspect=1.6, refine_size=(64, 40), lockstep=True)
    flown = Flight(keyframe(), CopyGenerator(), settings)
    cameras = []
    for i in range(150):
        if i == 40:
            flown.engage(PREFIX + path.text)
        steering = Steering(
            advance=float(i < 20),
            strafe=float(i > 120),
            hold_speed=10 < i < 30,
            hold_height=i > 90,
            hold_heading=i > 100,
            calm=i > 60,
        )
        flown.advance(1.0 / 60.0, steering)
        cameras.append(flown.camera)
    again = Flight(keyframe(), CopyGenerator(), replace(settings, replay=FlightLog.of(flown.log.document())))
    for camera in cameras:
        again.advance(1.0 / 60.0, Steering())
        np.testing.assert_array_equal(again.camera.world_from_camera, camera.world_from_camera)
        assert again.camera.intrinsics == camera.intrinsics
    flown.close()
    again.close()
