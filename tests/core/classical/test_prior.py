from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import turn
from core.classical.prior import Prior, around

PHOTO = keyframe(size=(128, 80))
PRIOR = Prior(PHOTO)
HALVES = st.floats(0.1, 1.5)  # of the angle that a photo sees


def circle(count: int = 2001) -> np.ndarray:
    return np.linspace(-math.pi, math.pi, count, dtype=np.float32)


@settings(deadline=None)
@given(HALVES, st.floats(-1.0, 1.0))
def test_within_the_photo_it_is_where_it_is(half, share):
    angle, mirrored = around(np.float32([share * half * 0.999]), half)
    assert angle[0] == pytest.approx(share * half * 0.999, abs=1e-5)
    assert not mirrored[0]


@settings(deadline=None)
@given(HALVES)
def test_around_the_circle_angles_go_on_without_a_step(half):
    angle, _ = around(circle(), half)
    assert np.abs(angle).max() <= half + 1e-4
    steps = np.abs(np.diff(angle))
    assert steps.max() < 8.0 * math.tau / 2000.0


@settings(deadline=None)
@given(HALVES)
def test_the_mirror_changes_at_the_edges_of_the_photo_alone(half):
    angle, mirrored = around(circle(), half)
    changes = np.flatnonzero(mirrored[1:] != mirrored[:-1])
    assert (np.abs(angle[changes]) > half - 8.0 * math.tau / 2000.0).all()


@settings(deadline=None)
@given(HALVES)
def test_the_circle_closes(half):
    """What is seen at its two ends is the same, and seen the same way round."""
    close = np.float32([math.pi - 1e-3, -math.pi + 1e-3])
    angle, mirrored = around(close, half)
    assert abs(angle[0] - angle[1]) < 0.02
    assert mirrored[0] == mirrored[1] or half - abs(angle).min() < 0.02


@settings(deadline=None)
@given(HALVES, st.floats(-math.pi, math.pi))
def test_left_is_right_mirrored(half, azimuth):
    angle, mirrored = around(np.float32([azimuth, -azimuth]), half)
    assert angle[0] == pytest.approx(-angle[1], abs=1e-4)
    assert mirrored[0] == mirrored[1] or half - abs(angle[0]) < 1e-3


def test_through_the_photo_s_own_camera_positions_are_those_of_the_pixels():
    uv = PRIOR.positions(PHOTO.camera, 64, 40)
    own = np.stack(np.meshgrid((np.arange(64) + 0.5) / 64, (np.arange(40) + 0.5) / 40), axis=-1)
    inner = np.s_[2:-2, 2:-2]
    assert np.abs(uv - own)[inner].max() < 1e-4


@settings(deadline=None)
@given(st.floats(-3.1, 3.1), st.floats(-1.5, 1.5))
def test_positions_lie_in_the_photo_or_its_mirror_image(yaw, pitch):
    uv = PRIOR.positions(PHOTO.camera.moved(np.zeros(3), turn(yaw, pitch)), 32, 20)
    assert np.isfinite(uv).all()
    assert uv[..., 0].min() >= 0.0
    assert uv[..., 0].max() <= 2.0


@settings(deadline=None)
@given(st.floats(-3.1, 3.1))
def test_level_positions_go_on_around_the_circle(yaw):
    """Neighbours are neighbours in the photo, the ends of the mirror image being those of the photo."""
    uv = PRIOR.positions(PHOTO.camera.moved(np.zeros(3), turn(yaw)), 64, 40)
    step = np.abs(np.diff(uv[20, :, 0]))
    assert np.minimum(step, 2.0 - step).max() < 0.1


def sloped(open_columns: slice) -> np.ndarray:
    """Sky of a view through the photo's own camera, known | beyond, where its land reaches the top beside ``open_columns``."""
    sky = np.zeros_like(PHOTO.sky)
    sky[:, open_columns] = PHOTO.sky[:, open_columns]
    prior = Prior(replace(PHOTO, sky=sky))
    outside = np.zeros((40, 64), np.float32)
    outside[:, 48:] = 1.0
    return prior.view(PHOTO.camera, 64, 40, outside).sky


def test_a_slope_that_leaves_the_photo_at_its_top_comes_up_half_as_high_behind_land():
    sky = sloped(np.s_[40:88])
    assert (sky[:4, 2:18] == 1.0).all()  # as wide as the photo's slope, where it would be a tower
    assert (sky[18:, 2:18] < 0.5).all()  # and land below
    assert (sky[:, 50:] < 0.5).all()  # beyond the border of what is known it is the photo's


def test_a_wall_goes_on_to_the_top():
    assert (sloped(np.s_[:0]) < 0.5).all()
