from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import here
from handmade import keyframe, whole_view
from hypothesis import given, settings
from hypothesis import strategies as st

from core.classical import ClassicalGenerator
from core.exemplar.walls import faced

WIDTH, HEIGHT = 64, 40
X, Y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
ALL = np.ones((HEIGHT, WIDTH), bool)
HERE = here(WIDTH, HEIGHT).astype(np.int32)


def land(disparity):
    photo = keyframe(size=(WIDTH, HEIGHT))
    generator = ClassicalGenerator()
    generator.begin(photo, 0)
    whole = np.broadcast_to(np.asarray(disparity, np.float32), (HEIGHT, WIDTH))
    return replace(generator.fill(whole_view(photo)), disparity=whole.copy(), sky=np.zeros((HEIGHT, WIDTH), np.float32))


def slope(disparity, axis):
    return np.abs(np.diff(np.log(disparity), axis=axis)).mean()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([-1.0, 1.0]), st.floats(0.45, 0.9))
def test_a_wall_beside_the_flight_faces_it_at_its_mean_distance(side, near):
    """Half a view of a wall through which the camera flies: 1 octave drawn out for each that it comes nearer."""
    away = np.maximum(side * (X - WIDTH / 2), 8.0)
    wall = land(near * away / away.max())
    new = side * (X - WIDTH / 2) > 10.0
    out = faced(wall, HERE, new, wall.disparity)
    assert slope(out.disparity[new].reshape(HEIGHT, -1), 1) < 0.35 * slope(wall.disparity[new].reshape(HEIGHT, -1), 1)
    assert np.log(out.disparity[new]).mean() == pytest.approx(np.log(wall.disparity[new]).mean(), abs=1e-3)


@given(st.floats(0.05, 1.0))
@settings(max_examples=20, deadline=None)
def test_ground_that_was_ground_stays(near):
    ground = land(near * np.maximum(Y - 10.0, 1.0) / HEIGHT)
    np.testing.assert_allclose(
        faced(ground, HERE, ALL, ground.disparity).disparity, np.maximum(ground.disparity, 0.01), rtol=1e-5
    )


def test_what_stood_upright_stands_where_ground_was():
    """Trees that are copied onto the ground do not lie on it; what lay flatter in the photo is no steeper for it."""
    ground = land(0.6 * np.maximum(Y - 10.0, 6.0) / HEIGHT)
    new = Y > 24.0
    upright = faced(ground, HERE, new, np.full((HEIGHT, WIDTH), 0.3, np.float32)).disparity
    assert slope(upright[26:], 0) < 0.3 * slope(ground.disparity[26:], 0)
    assert np.log(upright[new]).mean() == pytest.approx(np.log(ground.disparity[new]).mean(), abs=1e-3)
    steeper = np.square(ground.disparity)
    np.testing.assert_allclose(faced(ground, HERE, new, steeper).disparity, ground.disparity, rtol=1e-5)


def test_gentle_slopes_and_what_is_far_stay():
    gentle = land(0.5 * np.exp(0.003 * (X - WIDTH / 2)))
    np.testing.assert_allclose(faced(gentle, HERE, ALL, gentle.disparity).disparity, gentle.disparity, rtol=1e-5)
    far = land(0.1 * np.exp(0.02 * (X - WIDTH / 2)))
    np.testing.assert_allclose(faced(far, HERE, ALL, far.disparity).disparity, far.disparity, rtol=1e-5)


def test_pieces_of_different_shifts_face_each_for_itself():
    """So a wall becomes a row of curtains, the nearer ones still nearer."""
    wall = land(0.8 * np.maximum(X - WIDTH / 2, 4.0) / (WIDTH / 2))
    labels = HERE.copy()
    labels[:, 52:, 0] += 7
    out = faced(wall, labels, X > 42.0, wall.disparity).disparity
    assert slope(out[:, 43:52], 1) < 0.3 * slope(wall.disparity[:, 43:52], 1)
    assert out[:, 53:].min() > 1.1 * out[:, 43:51].max()


def test_what_is_known_or_sky_stays_and_nothing_is_no_trouble():
    wall = land(0.8 * np.maximum(X - WIDTH / 2, 4.0) / (WIDTH / 2))
    new = X > 50.0
    np.testing.assert_array_equal(faced(wall, HERE, new, wall.disparity).disparity[~new], wall.disparity[~new])
    np.testing.assert_array_equal(faced(wall, HERE, ~ALL, wall.disparity).disparity, wall.disparity)
    sky = replace(wall, sky=np.ones((HEIGHT, WIDTH), np.float32))
    np.testing.assert_array_equal(faced(sky, HERE, ALL, wall.disparity).disparity, wall.disparity)
