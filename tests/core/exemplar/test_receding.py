"""Laws of far land that stays far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import flown, landlocked
from handmade import keyframe, whole_view
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import turn
from core.exemplar.receding import Recession, receding

SIZE = WIDTH, HEIGHT = 64, 40
PHOTO = landlocked(keyframe(size=SIZE))
OPEN = Recession.of(keyframe(size=SIZE))
NOWHERE = np.full((HEIGHT, WIDTH), 0.01, np.float32)


def wall(disparity: float):
    """A photo of a wall across the whole view."""
    return replace(PHOTO, disparity=np.full((HEIGHT, WIDTH), disparity, np.float32))


def seen(photo, forward: float = 0.0, yaw: float = 0.0):
    """The view of ``photo`` from so far ahead, turned so far, and its rays in the world."""
    camera = photo.camera.moved(np.array((0.0, 0.0, forward)), turn(yaw))
    view = flown(PHOTO, photo, camera, SIZE)
    return view, (camera.rays(WIDTH, HEIGHT) @ camera.rotation.T).astype(np.float32)


@settings(deadline=None, max_examples=20)
@given(st.floats(-1.0, 1.0))
def test_a_view_that_was_turned_alone_is_as_it_was(yaw):
    view, rays = seen(wall(0.1), yaw=yaw)
    assert np.allclose(receding(view, rays, NOWHERE, OPEN).disparity, view.disparity, rtol=1e-5)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.02, 0.12), st.floats(0.1, 1.0))
def test_a_far_wall_flees_as_fast_as_one_flies(disparity, forward):
    view, rays = seen(wall(disparity), forward)
    out = receding(view, rays, NOWHERE, OPEN).disparity[HEIGHT // 2, WIDTH // 2]
    assert 1.0 / out == pytest.approx(1.0 / disparity + forward, rel=0.02)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.36, 0.9), st.floats(0.0, 0.5))
def test_what_is_near_comes_nearer_as_ever(disparity, forward):
    view, rays = seen(wall(disparity), forward)
    assert np.array_equal(receding(view, rays, NOWHERE, OPEN).disparity, view.disparity)


@settings(deadline=None, max_examples=20)
@given(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4))
def test_nothing_comes_nearer_and_its_picture_and_the_sky_stay(forward, yaw):
    view, rays = seen(PHOTO, forward, yaw)
    out = receding(view, rays, NOWHERE, OPEN)
    assert (out.disparity <= view.disparity * (1.0 + 1e-6)).all()
    assert (out.disparity[view.disparity == 0.0] == 0.0).all()
    assert out.image is view.image
    assert out.mask is view.mask


def test_land_sinks_no_lower_than_the_floor():
    view, rays = seen(wall(0.1), 1.0)
    floor = np.full((HEIGHT, WIDTH), 0.105, np.float32)
    out = receding(view, rays, floor, OPEN).disparity
    assert (out[view.mask] >= 0.105).all()
    out = receding(view, rays, np.full_like(floor, 0.8), OPEN).disparity
    assert np.array_equal(out, view.disparity)  # and is not raised to it


def test_towards_a_wall_that_was_ten_units_away_one_flies_for_ever():
    key = wall(0.1)
    for _ in range(100):
        camera = key.camera.moved(np.array((0.0, 0.0, 0.2)), np.eye(3))
        view = flown(PHOTO, key, camera, SIZE)
        rays = camera.rays(WIDTH, HEIGHT).astype(np.float32)
        disparity = receding(view, rays, NOWHERE, OPEN).disparity
        key = replace(wall(0.1), camera=camera, disparity=np.full_like(disparity, disparity[HEIGHT // 2, WIDTH // 2]))
    assert 1.0 / key.disparity[0, 0] == pytest.approx(30.0, rel=0.03)


def test_towards_the_end_of_a_photo_without_sky_one_flies_for_ever_as_well():
    photo = wall(0.4)
    recession = Recession.of(photo)
    key = photo
    for _ in range(100):
        camera = key.camera.moved(np.array((0.0, 0.0, 0.2)), np.eye(3))
        view = flown(PHOTO, key, camera, SIZE)
        disparity = receding(view, camera.rays(WIDTH, HEIGHT).astype(np.float32), NOWHERE, recession).disparity
        key = replace(photo, camera=camera, disparity=np.full_like(disparity, disparity[HEIGHT // 2, WIDTH // 2]))
        assert key.disparity[0, 0] >= 0.89 * 0.4  # and it stays about where it was
    assert key.disparity[0, 0] == pytest.approx(0.9 * 0.4, rel=0.02)


def test_a_photo_with_sky_has_its_far_land_where_every_other_has():
    assert OPEN == (0.15, 0.35, 0.0)
    assert Recession.of(wall(0.02)) == pytest.approx((0.15, 0.35, 0.018))  # and one that sees far, though it sees no sky


def test_a_view_that_does_not_say_where_it_comes_from_is_refused():
    with pytest.raises(ValueError, match="sampled from"):
        receding(whole_view(PHOTO), PHOTO.camera.rays(*SIZE).astype(np.float32), NOWHERE, OPEN)
