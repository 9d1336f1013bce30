from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import here
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import turn
from core.exemplar.atlas import Atlas
from core.exemplar.renewal import smoothness
from core.exemplar.water import Mirror, Water, above

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


SIZE = 96, 64  # of an atlas: a lake below row 32, lighter towards the viewer, with a rock in it


def pond(*, calm: bool) -> tuple[Atlas, Mirror]:
    width, height = SIZE
    rng = np.random.default_rng(0)
    light = np.broadcast_to(np.linspace(60.0, 160.0, height)[:, None, None], (height, width, 3)).copy()
    light[:32] = 40.0
    light[40:48, 30:42] = rng.uniform(0.0, 60.0, (8, 12, 1))
    if not calm:
        light[32:] += rng.normal(0.0, 20.0, (32, width, 1))
    colours = np.clip(light, 0.0, 255.0).astype(np.uint8)
    level = np.dstack([colours, np.zeros((height, width), np.uint8)])
    over = np.where(np.arange(height)[:, None] < 32, 1.0, 0.0).repeat(width, axis=1).astype(np.float32)
    plain = np.full((height, width), 0.2, np.float32)
    atlas = Atlas(SIZE, (level,), colours, plain, np.zeros_like(plain), plain, over)
    return atlas, Mirror(atlas, smoothness(atlas))


def test_calm_water_shows_what_lies_in_its_direction():
    _, mirror = pond(calm=True)
    assert mirror.is_there
    direction = here(*SIZE)
    nearer = direction - np.float32([0.0, 6.0])  # as it is after a while: carried towards the viewer
    over = np.where(direction[..., 1] < 38.0, 1.0, 0.0).astype(np.float32)
    shown, tone, weight = mirror.shown(nearer, direction, over)
    assert np.array_equal(shown[over > 0.5], nearer[over > 0.5])
    assert not weight[over > 0.7].any()
    open_water = np.s_[56:, 50:]
    assert np.array_equal(shown[open_water], direction[open_water])
    assert np.abs(tone[open_water]).max() == 0.0


def test_a_rock_takes_its_own_place_but_is_no_mirror():
    """Where the photo shows a rock in that direction, calm water shows the water beside it."""
    atlas, mirror = pond(calm=True)
    direction = here(*SIZE)
    water = np.broadcast_to(np.float32([70.5, 60.5]), direction.shape)
    shown, _, _ = mirror.shown(water, direction, np.zeros(SIZE[::-1], np.float32))
    colours = atlas.colours_at(shown)[40:48, 30:42].astype(float)
    beside = atlas.colours[40:48, 70:82].astype(float)
    assert np.abs(colours - beside).max() < 8.0


def test_what_stands_in_the_water_takes_on_its_colour_where_it_is():
    atlas, mirror = pond(calm=True)
    direction = here(*SIZE)
    rough = smoothness(atlas)[44, : SIZE[0]] <= 0.5
    reed = np.broadcast_to(np.float32([rough.argmax() + 0.5, 44.5]), direction.shape)  # rough, as it lies beside the rock
    shown, tone, weight = mirror.shown(reed, direction, np.zeros(SIZE[::-1], np.float32))
    assert np.array_equal(shown, reed)
    below = np.s_[58:62, 60:90]
    seen = atlas.colours_at(shown)[below] / 255.0 + (weight * tone)[below]
    assert np.abs(seen - atlas.colours[below] / 255.0).max() < 0.1


def test_rough_water_is_no_mirror():
    assert not pond(calm=False)[1].is_there
    dry, _ = pond(calm=True)
    land = replace(dry, above=np.ones_like(dry.above))
    assert not Mirror(land, smoothness(land)).is_there
