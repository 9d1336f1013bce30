"""A keyframe without its sky."""

import numpy as np
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
