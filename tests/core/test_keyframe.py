"""A keyframe with and without a sky."""

from dataclasses import replace

import numpy as np
import pytest
from handmade import keyframe


def test_without_sky_the_sky_is_the_farthest_land_and_the_rest_as_it_was():
    before = keyframe()
    after = before.without_sky()
    sky = before.geometry_sky >= 0.5
    assert sky.any()
    assert not after.sky.any()
    assert (after.disparity[sky] == np.float32(0.01)).all()
    assert (after.disparity[~sky] == before.disparity[~sky]).all()
    assert after.image is before.image
    assert before.sky.any()


def test_without_sky_it_is_another_for_caches():
    before = keyframe()
    _ = before.mesh, before.geometry_sky
    after = before.without_sky()
    assert after.serial != before.serial
    assert after.mesh is not before.mesh
    assert not after.geometry_sky.any()


@pytest.mark.parametrize(("rows", "closed"), [(0, True), (1, True), (3, False), (40, False)])
def test_a_view_is_closed_where_hardly_any_of_it_is_sky(rows, closed):
    sky = np.zeros((100, 8), np.float32)
    sky[:rows] = 1.0
    assert replace(keyframe(), disparity=np.ones((100, 8), np.float32), sky=sky).closed == closed
