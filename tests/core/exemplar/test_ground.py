"""Laws of the ground, below which a flight makes no land."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import landlocked
from handmade import keyframe, punched, whole_view
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import turn
from core.classical import ClassicalGenerator
from core.exemplar.ground import Ground, grounded

WIDTH, HEIGHT = 64, 40
PHOTO = keyframe(size=(WIDTH, HEIGHT))
RAYS = PHOTO.camera.rays(WIDTH, HEIGHT).astype(np.float32)


def plane(slope: float, offset: float = 0.0):
    """A photo of a plane, as far as it is seen."""
    return replace(landlocked(PHOTO), disparity=np.clip(slope * RAYS[..., 1] + offset, 0.01, 1.0).astype(np.float32))


def completed(view):
    generator = ClassicalGenerator()
    generator.begin(PHOTO, 0)
    return generator.fill(view)


@settings(deadline=None)
@given(st.floats(0.5, 5.0))
def test_the_ground_is_where_a_plane_is(height):
    assert Ground.of(plane(1.0 / height)).slope == pytest.approx(1.0 / height, rel=1e-3)


def test_a_horizon_below_the_middle_is_found():
    ground = Ground.of(plane(3.0, -0.3))
    assert ground.slope == pytest.approx(3.0, rel=0.1)
    assert ground.offset == pytest.approx(-0.3, abs=0.05)


@settings(deadline=None)
@given(st.floats(0.0, 0.4))
def test_hills_before_the_camera_raise_no_horizon(rise):
    assert Ground.of(plane(1.2, rise)).offset > -1e-4
    assert (Ground.of(plane(1.2, rise)).floor(RAYS)[RAYS[..., 1] < 0.0] == np.float32(0.01)).all()


def test_a_photo_of_the_sky_shows_no_ground():
    floor = Ground.of(replace(PHOTO, sky=np.ones_like(PHOTO.sky))).floor(RAYS)
    assert (floor == np.float32(0.01)).all()


@given(st.floats(-3.1, 3.1))
def test_the_ground_is_the_same_all_around(yaw):
    ground = Ground(1.5, -0.2)
    turned = (RAYS @ turn(yaw).T.astype(np.float32)).astype(np.float32)
    assert np.allclose(ground.floor(turned), ground.floor(RAYS), atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.2, 5.0), st.floats(-1.2, 1.2), st.floats(-0.3, 0.3), st.integers(0, 999))
def test_grounding_never_touches_known_land_and_lowers_none(height, pitch, roll, seed):
    holes = np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.4
    view = punched(whole_view(PHOTO), holes)
    done = completed(replace(view, camera=PHOTO.camera.moved(np.zeros(3), turn(0.0, pitch, roll))))
    floor = Ground(1.0 / height, 0.0).floor(RAYS @ done.view.camera.rotation.T.astype(np.float32))
    out = grounded(done, floor)
    assert np.array_equal(out.disparity[done.view.mask], done.disparity[done.view.mask])
    assert (out.disparity >= done.disparity).all()
    assert out.disparity.max() <= 1.0


def test_grounded_holes_are_no_pits():
    view = punched(whole_view(PHOTO), np.ones((HEIGHT, WIDTH), bool))
    done = replace(completed(view), disparity=np.full((HEIGHT, WIDTH), 0.01, np.float32))
    floor = Ground(1.0 / 1.5, 0.0).floor(RAYS)
    assert np.array_equal(grounded(done, floor).disparity, floor)
