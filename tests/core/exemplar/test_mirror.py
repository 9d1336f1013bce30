"""Calm water: where it is a mirror, and what it and what stands in it show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from exemplars import here

from core.exemplar.atlas import Atlas
from core.exemplar.mirror import Mirror
from core.exemplar.renewal import smoothness

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
    atlas = Atlas((), SIZE, (level,), colours, plain, np.zeros_like(plain), plain, over)
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
