"""What the photo has shown as sky stays free."""

from dataclasses import replace

import numpy as np
from handmade import keyframe, punched, whole_view
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import turn
from core.classical import ClassicalGenerator
from core.classical.first_sight import sky_behind
from core.compose import compose
from core.frame import Layer
from core.sky import Dome
from core.warp import make_warper, warp


def test_at_home_it_is_the_photos_own_sky():
    photo = keyframe()
    everywhere = np.ones(photo.sky.shape, bool)
    assert np.array_equal(sky_behind(photo, photo.camera, photo.disparity, everywhere), photo.sky)
    assert not sky_behind(photo, photo.camera, photo.disparity, ~everywhere).any()


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 6.0), st.floats(-3.0, 3.0), st.integers(0, 9))
def test_where_the_photo_does_not_look_nothing_is_said(advance, yaw, seed):
    photo = keyframe()
    camera = photo.camera.moved(np.array([0.0, 0.0, advance]), turn(yaw))
    disparity = np.random.default_rng(seed).uniform(0.01, 1.0, photo.disparity.shape).astype(np.float32)
    behind = sky_behind(photo, camera, disparity, np.ones(disparity.shape, bool))
    points = camera.position + camera.rays(64, 40) / disparity[..., None] @ camera.rotation.T
    uv, nearness = photo.camera.project(points)
    outside = (nearness <= 0.0) | (uv < 0.0).any(axis=-1) | (uv >= 1.0).any(axis=-1)
    assert not behind[outside].any()
    assert (behind >= 0.0).all()
    assert (behind <= 1.0).all()


def test_a_hole_over_the_skyline_is_sky_though_land_was_beside_it():
    photo = keyframe()
    generator = ClassicalGenerator()
    generator.begin(photo, 0)
    camera = photo.camera.moved(np.array([0.0, 0.0, 1.0]), np.eye(3))
    layer = Layer((photo,), warp((photo,), camera, (64, 40), make_warper()))
    view = compose(layer, camera, Dome.of(photo))
    holes = np.zeros(view.mask.shape, bool)
    holes[2:12, 25:40] = True
    done = generator.complete(punched(view, holes))
    free = sky_behind(photo, camera, done.disparity, ~done.view.mask)
    assert (done.free >= 0.5).any()
    assert (done.sky >= done.free).all()
    assert np.array_equal(done.free[done.free > 0.0], free[done.free > 0.0])


def test_the_ground_ahead_is_no_sky_however_high_the_flight_has_climbed():
    photo = keyframe()
    generator = ClassicalGenerator()
    generator.begin(photo, 0)
    camera = photo.camera.moved(np.array([0.0, -1.0, 2.0]), np.eye(3))
    done = generator.complete(replace(whole_view(photo), camera=camera).within(np.zeros(photo.sky.shape, bool)))
    assert sky_behind(photo, camera, done.disparity, ~done.view.mask)[30:].any()
    assert (done.sky[25:] < 0.5).all()


def test_known_pixels_are_left_alone():
    photo = keyframe()
    generator = ClassicalGenerator()
    generator.begin(photo, 0)
    done = generator.complete(whole_view(photo))
    assert not done.free.any()
