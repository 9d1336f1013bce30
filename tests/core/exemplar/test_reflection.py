"""Reflections: what is seen below the water is what stands above it, upside down, for whoever looks from wherever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import flown, here
from handmade import LENS, keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, turn
from core.classical import ClassicalGenerator
from core.exemplar.atlas import Atlas
from core.exemplar.generator import ExemplarGenerator
from core.exemplar.levels import SHUT
from core.exemplar.reflection import Reflection
from core.exemplar.water import Water

WIDTH, HEIGHT = 128, 80
CAMERA = Camera(LENS)
DEPTH, WATER = 12.0, Water(0.5, 0.0)  # of a far wall, scene units


def lake(*, mirrors: bool):
    """A wall of rubble in the water, up to a sky."""
    base = keyframe(CAMERA, size=(WIDTH, HEIGHT))
    rng = np.random.default_rng(0)
    down = CAMERA.rays(WIDTH, HEIGHT)[..., 1]
    foot = WATER.height / DEPTH  # tangent below the horizon
    wall, sky = np.abs(down + 0.06) < 0.06 + foot, down < -0.12 - foot
    image = np.full((HEIGHT, WIDTH, 3), 180.0)
    rubble = np.repeat(np.repeat(rng.uniform(20.0, 160.0, (HEIGHT // 4, WIDTH // 4)), 4, axis=0), 4, axis=1)
    image[wall] = rubble[wall, None]
    rows = np.flatnonzero((down[:, 0] > foot) & (down[:, 0] < 0.12 + 3.0 * foot))
    for row in rows:  # a point of the wall at tangent t is mirrored at 2 h / depth - t
        other = np.argmin(np.abs(down[:, 0] - (2.0 * foot - down[row, 0])))
        image[row] = image[other] if mirrors else rng.uniform(20.0, 220.0, (WIDTH, 1))
    disparity = np.maximum(down / WATER.height, 1.0 / DEPTH)
    return replace(base, image=image.astype(np.uint8), disparity=disparity.astype(np.float32), sky=sky.astype(np.float32))


def reflection(photo) -> Reflection:
    return Reflection(photo, Atlas.of([photo], WIDTH), Water.of(photo))


def test_only_a_mirror_mirrors():
    assert reflection(lake(mirrors=True)).is_there
    assert not reflection(lake(mirrors=False)).is_there
    dry = keyframe(CAMERA, size=(WIDTH, HEIGHT))
    without = Reflection(dry, Atlas.of([dry], WIDTH), None)
    assert not without.is_there
    assert not without.water.any()


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-0.3, 0.3),
    st.floats(0.0, 3.0),
    st.floats(-0.6, 0.6),
    st.floats(-0.2, 0.2),
    st.floats(-0.2, 0.2),
    st.floats(-0.1, 0.1),
)
def test_the_camera_below_sees_upside_down_what_the_water_mirrors(up, forward, yaw, pitch, roll, slope):
    """A point above the water is seen in it where its mirror image under the water would be."""
    camera = CAMERA.moved(np.array([0.2, -up, forward]), turn(yaw, pitch, roll))
    mirror = reflection(lake(mirrors=True))
    mirror._plane = Water(0.5, slope)
    point = np.array([[1.5, -0.4, 9.0 + forward]])
    normal = np.array([0.0, 1.0, -slope])
    under = point - 2.0 * (point @ normal - 0.5)[:, None] * normal / (normal @ normal)
    (seen, _), (below, _) = camera.project(under), mirror._below(camera).project(point)
    assert below[0] == pytest.approx([seen[0, 0], 1.0 - seen[0, 1]], abs=1e-9)


def test_the_water_shows_the_land_above_it():
    photo = lake(mirrors=True)
    generator = ClassicalGenerator()
    generator.begin(photo, 0)
    done = generator.fill(flown(photo, photo, CAMERA, (WIDTH, HEIGHT)))
    mirror, atlas = reflection(photo), Atlas.of([photo], WIDTH)
    shown, dry = mirror.shown(here(WIDTH, HEIGHT), CAMERA, done, atlas.above)
    changed = (shown != here(WIDTH, HEIGHT)).any(axis=2)
    assert changed.mean() > 0.05
    assert (atlas.above[changed] < 0.3).all()
    assert (dry[changed] == 1.0).all()
    assert np.array_equal(dry[~changed], atlas.above[~changed])
    down = CAMERA.rays(WIDTH, HEIGHT)[..., 1]
    rows = shown[..., 1].astype(int)[changed]
    tangents = down[:, 0][rows] + down[changed]
    assert np.median(np.abs(tangents - 2.0 * WATER.height / DEPTH)) < 0.01  # a pixel is 0.009
    assert np.median(np.abs(shown[..., 0] - here(WIDTH, HEIGHT)[..., 0])[changed]) <= 1.0


def test_what_a_lake_mirrors_is_copied_to_no_land_and_never_wears():
    photo = lake(mirrors=True)
    generator = ExemplarGenerator()
    generator.begin(photo, 0)
    camera = CAMERA.moved(np.array([0.0, 0.0, 1.0]), np.eye(3))
    refined = generator(flown(photo, photo, camera, (WIDTH, HEIGHT)))
    picture = generator._prepared.synthesis.levels[0].picture[:, :WIDTH]
    assert (picture[generator._prepared.reflection.water][:, 3] == SHUT).all()
    assert not refined.debt[-8:].any() or refined.debt[-8:].max() < 2.0
    assert np.isfinite(refined.image).all()


def test_without_clear_sky_between_what_it_mirrors_it_is_no_mirror():
    """Nothing could be shown there, and what never wears would be drawn out for ever."""
    photo = lake(mirrors=True)
    image = photo.image.copy()
    sky = reflection(photo).sky
    speckled = np.random.default_rng(1).integers(0, 255, (*image.shape[:2], 1), np.uint8).repeat(3, axis=2)
    image[sky] = speckled[sky]
    speckled = replace(photo, image=image)
    assert reflection(speckled).is_there
    generator = ExemplarGenerator()
    generator.begin(speckled, 0)
    generator(flown(speckled, speckled, CAMERA, (WIDTH, HEIGHT)))
    assert not generator._prepared.mirror.is_there
    assert not generator._prepared.reflection.is_there
