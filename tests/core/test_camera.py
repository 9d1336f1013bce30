"""Laws of poses, angles, projection and lenses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.camera import (
    Camera,
    Intrinsics,
    angles,
    inverse,
    orthonormalised,
    rigid,
    turn,
)

half_turns = st.floats(-3.1, 3.1)
pitches = st.floats(-1.5, 1.5)
lengths = st.floats(-100.0, 100.0)
vectors = st.tuples(lengths, lengths, lengths).map(np.array)
rotations = st.builds(turn, half_turns, pitches, half_turns)
poses = st.builds(rigid, rotations, vectors)
lenses = st.builds(Intrinsics.from_fov, st.floats(0.2, 2.5), st.floats(0.3, 3.0))
aspects = st.floats(0.3, 3.0)


def close(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a, b, atol=tolerance)


@given(poses, poses, poses)
def test_poses_are_a_group(a, b, c):
    close(inverse(a) @ a, np.eye(4), 1e-10)
    close(a @ inverse(a), np.eye(4), 1e-10)
    close((a @ b) @ c, a @ (b @ c))
    close(inverse(a @ b), inverse(b) @ inverse(a))
    close(inverse(inverse(a)), a, 1e-12)


@given(poses)
def test_orthonormalising_keeps_poses_and_mends_drift(pose):
    close(orthonormalised(pose), pose, 1e-12)
    mended = orthonormalised(pose + np.pad(np.full((3, 3), 1e-4), (0, 1)))
    close(mended[:3, :3].T @ mended[:3, :3], np.eye(3), 1e-12)
    assert np.linalg.det(mended[:3, :3]) == pytest.approx(1.0)
    assert np.abs(mended - pose).max() < 1e-3


@given(half_turns, pitches, half_turns)
def test_angles_invert_turn(yaw, pitch, roll):
    close(angles(turn(yaw, pitch, roll)), (yaw, pitch, roll), 1e-7)


def test_signs_of_angles():
    """Yaw turns to the right, pitch up, roll clockwise: the camera's forward and right axes, in the world."""
    assert turn(yaw=0.1)[0, 2] > 0.0
    assert turn(pitch=0.1)[1, 2] < 0.0
    assert turn(roll=0.1)[1, 0] > 0.0


@given(poses, lenses, st.floats(0.01, 1.0))
def test_rays_project_back_to_their_pixels(pose, lens, disparity):
    camera = Camera(lens, pose)
    width, height = 7, 5
    rays = camera.rays(width, height)
    points = camera.position + (rays / disparity) @ camera.rotation.T
    uv, found = camera.project(points)
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    close(uv, np.stack([u, v], axis=-1), 1e-6)
    close(found, disparity, 1e-6)


def test_points_behind_the_camera_have_negative_disparity_and_no_warning():
    _, disparity = Camera(Intrinsics.from_fov(1.0, 1.5)).project(np.array([[0.0, 0.0, -2.0], [0.0, 0.0, 0.0], [0.0, 0.0, 4.0]]))
    assert disparity[0] < 0.0
    assert disparity[2] == 0.25


@given(poses, vectors, rotations)
def test_moved_is_in_the_cameras_own_frame(pose, translation, rotation):
    camera = Camera(Intrinsics.from_fov(1.0, 1.5), pose)
    moved = camera.moved(translation, rotation)
    close(camera.camera_from_world @ moved.world_from_camera, rigid(rotation, translation), 1e-8)
    close(moved.rotation.T @ moved.rotation, np.eye(3), 1e-12)
    assert moved.intrinsics == camera.intrinsics


@given(st.floats(0.2, 2.5), aspects)
def test_field_of_view_spans_the_longer_side(fov, aspect):
    lens = Intrinsics.from_fov(fov, aspect)
    assert max(lens.fov) == pytest.approx(fov)
    assert lens.aspect == pytest.approx(aspect)


@given(lenses, st.floats(0.1, 2.5))
def test_spanning_has_the_field_of_view_and_the_shape(lens, vertical):
    seen = lens.spanning(vertical)
    assert seen.fov[1] == pytest.approx(vertical)
    assert seen.aspect == pytest.approx(lens.aspect)


@given(lenses, aspects, st.floats(1.0, 1.5))
def test_covered_lies_inside_and_containing_outside(lens, aspect, margin):
    inner, outer = lens.covered_by(aspect), lens.containing(aspect, margin)
    assert inner.aspect == pytest.approx(aspect)
    assert outer.aspect == pytest.approx(aspect)
    assert all(a <= b + 1e-12 for a, b in zip(inner.fov, lens.fov, strict=True))
    assert any(a == pytest.approx(b) for a, b in zip(inner.fov, lens.fov, strict=True)), "the widest that fits"
    spans = [(lens.fx / outer.fx), (lens.fy / outer.fy)]
    assert min(spans) == pytest.approx(margin), "the narrowest that contains"


@given(poses, lenses)
def test_at_and_through_change_one_thing(pose, lens):
    camera = Camera(Intrinsics.from_fov(1.0, 1.5))
    assert camera.at(pose).intrinsics is camera.intrinsics
    assert camera.through(lens).world_from_camera is camera.world_from_camera
    close(camera.at(pose).world_from_camera, pose, 1e-12)
