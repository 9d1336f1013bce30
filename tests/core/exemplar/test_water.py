from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import turn
from core.exemplar.atlas import Atlas
from core.exemplar.water import Water, above

PHOTO = keyframe(size=(96, 60))
DOWN = PHOTO.camera.rays(96, 60)[..., 1]


def lake(height: float, slope: float):
    """PHOTO, with a lake of that plane wherever it is seen before the land."""
    return replace(PHOTO, disparity=np.maximum(0.05, (DOWN - slope) / height).astype(np.float32))


@pytest.mark.parametrize(("height", "slope"), [(0.4, 0.0), (0.6, 0.08), (0.5, -0.1)])
def test_the_plane_of_water_is_found(height, slope):
    water = Water.of(lake(height, slope))
    assert water is not None
    assert (water.height, water.slope) == pytest.approx((height, slope), abs=0.01)


def test_rough_land_is_no_water():
    rough = np.random.default_rng(0).uniform(0.1, 0.5, PHOTO.disparity.shape).astype(np.float32)
    assert Water.of(replace(PHOTO, disparity=rough)) is None
    assert Water.of(replace(PHOTO, disparity=np.full_like(rough, 0.2))) is None


def test_boulders_in_the_water_do_not_tilt_it():
    photo = lake(0.4, 0.0)
    disparity = photo.disparity.copy()
    disparity[45:55, 20:40] += 0.1
    disparity[50:58, 60:80] += np.linspace(0.0, 0.2, 20, dtype=np.float32)
    water = Water.of(replace(photo, disparity=disparity))
    assert (water.height, water.slope) == pytest.approx((0.4, 0.0), abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.2, 0.2), st.floats(0.0, 2.0), st.floats(-0.5, 0.5), st.floats(1.0, 8.0), st.floats(0.1, 0.5))
def test_wherever_one_flies_water_is_water_and_land_above_it_is_land(up, forward, angle, far, tall):
    water = Water(0.5, 0.05)
    camera = PHOTO.camera.moved(np.array([0.3, -up, forward]), turn(angle, 0.0))
    rays = camera.rays(96, 60) @ camera.rotation.T
    place = camera.position + far * rays
    on_water = place.copy()
    on_water[..., 1] = 0.5 + 0.05 * np.abs(place[..., 2])
    for raised, expected in ((0.0, 0.0), (tall * far, 1.0)):
        point = on_water - [0.0, raised, 0.0]
        local = (point - camera.position) @ camera.rotation
        disparity = 1.0 / local[..., 2]
        seen = disparity > 0.02
        beam = (local * disparity[..., None]) @ camera.rotation.T
        seen_above = above(water, camera, beam.astype(np.float32), disparity.astype(np.float32))
        assert np.abs(seen_above[seen] - expected).max(initial=0.0) < 0.02


def test_an_atlas_knows_what_is_above_the_water():
    photo = lake(0.4, 0.0)
    atlas = Atlas.of([photo], 96)
    on = (photo.disparity > 0.06) & (np.arange(60)[:, None] < 58)
    assert np.median(atlas.above[:60][on[: len(atlas.above)]]) < 0.05
    assert (Atlas.of([replace(photo, disparity=np.full_like(photo.disparity, 0.2))], 96).above == 1.0).all()
