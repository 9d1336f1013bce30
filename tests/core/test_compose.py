"""Composing through lookups: the photo at home, clean skylines away from it, debt that follows magnification."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
from handmade import StripedLook, keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, Intrinsics, turn
from core.compose import at_home, compose
from core.frame import Layer
from core.keyframe import Keyframe
from core.sky import Dome
from core.warp import make_warper, warp
from core.warp.lookup import HOLE, Lookup

WIDTH, HEIGHT = 240, 160
SKYLINE = 0.4
SKY = np.array([120.0, 160.0, 220.0])
LAND = np.array([60.0, 50.0, 40.0])


@functools.cache
def scene() -> tuple[Keyframe, Dome]:
    """Plain sky over textured land with a soft, wavy skyline, the alpha exact."""
    v, u = np.mgrid[0.5:HEIGHT, 0.5:WIDTH] / np.array([HEIGHT, WIDTH])[:, None, None]
    sky = np.clip((SKYLINE + 0.03 * np.sin(20.0 * u) - v) * HEIGHT / 4.0 + 0.5, 0.0, 1.0)[..., None]
    texture = np.random.default_rng(1).normal(0.0, 15.0, (HEIGHT, WIDTH, 1))
    image = sky * SKY + (1.0 - sky) * np.clip(LAND + texture, 0.0, 255.0)
    disparity = np.full((80, 120), 0.25, np.float32)
    debt = np.zeros_like(disparity)
    camera = Camera(Intrinsics.from_fov(math.radians(55.0), WIDTH / HEIGHT))
    photo = Keyframe(camera, np.rint(image).astype(np.uint8), disparity, sky[..., 0].astype(np.float32), debt)
    return photo, Dome.of(photo)


def seen_from(photo: Keyframe, camera: Camera, width: int, height: int, stretch: float = 1.0) -> Lookup:
    """Exact lookup of the flat land of ``photo`` at constant disparity, its sky by rotation."""
    rays = camera.rays(width, height) @ camera.rotation.T @ photo.camera.rotation
    step = (camera.position - photo.camera.position) @ photo.camera.rotation
    lens = photo.camera.intrinsics
    disparity = np.float32(photo.disparity.mean())

    def place(points: np.ndarray) -> np.ndarray:
        return np.stack(
            [lens.fx * points[..., 0] / points[..., 2] + lens.cx, lens.fy * points[..., 1] / points[..., 2] + lens.cy], -1
        )

    near = disparity / (1.0 - step[2] * disparity)
    land, sky = place(rays / near + step).astype(np.float32), place(rays).astype(np.float32)
    alpha = _nearest(photo.sky, land)
    is_land = (alpha < 0.95) & _inside(land)
    is_sky = ~is_land & _inside(sky) & (_nearest(photo.sky, sky) >= 0.5)
    slot = np.where(is_land | is_sky, 0, HOLE).astype(np.int8)
    uv = np.where(is_land[..., None], land, np.where(is_sky[..., None], sky, np.float32(0.0)))
    return Lookup(uv, np.where(is_land, near, 0.0).astype(np.float32), np.where(slot == 0, np.float32(stretch), 0.0), slot)


def _inside(uv: np.ndarray) -> np.ndarray:
    return ((uv >= 0.0) & (uv <= 1.0)).all(axis=-1)


def _nearest(picture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    rows, columns = (uv[..., 1] * height).astype(int), (uv[..., 0] * width).astype(int)
    return picture[rows.clip(0, height - 1), columns.clip(0, width - 1)]


def test_at_home_the_photo_comes_back() -> None:
    photo, dome = scene()
    view = compose(Layer((photo,), seen_from(photo, photo.camera, WIDTH, HEIGHT, stretch=2.0)), photo.camera, dome)
    assert view.mask.all()
    assert np.abs(view.image * 255.0 - photo.image).max() <= 1.0
    assert view.debt.max() == 0.0


def test_turning_on_the_spot_leaves_the_skyline_as_it_was() -> None:
    photo, dome = scene()
    camera = photo.camera.moved(np.zeros(3), turn(0.1, 0.05))
    view = compose(Layer((photo,), seen_from(photo, camera, WIDTH, HEIGHT, stretch=2.0)), camera, dome)
    image = view.image[view.mask] * 255.0
    assert image.min() >= photo.image.min() - 1.0
    rows = np.abs(np.diff(view.image, axis=0))[view.mask[1:] & view.mask[:-1]]
    assert rows.max() <= np.abs(np.diff(photo.image.astype(float), axis=0)).max() / 255.0 * 1.2


def test_no_old_sky_travels_with_the_land() -> None:
    """Under another sky the soft rim shows that sky and the land, nothing of the sky it was photographed with."""
    photo, dome = scene()
    black = Dome(photo, np.zeros_like(dome.equirect), tuple(np.zeros_like(level) for level in dome.details), dome.detail_camera)
    away = photo.camera.moved(np.array([0.6, 0.0, 0.0]), np.eye(3))
    lookup = seen_from(photo, away, WIDTH, HEIGHT)
    old_sky = Keyframe(photo.camera, photo.image, photo.disparity, photo.sky, photo.debt)
    exchanged = compose(Layer((old_sky,), lookup), away, _with_source(dome, black, away))
    rim = (exchanged.sky > 0.2) & (exchanged.sky < 0.8) & (exchanged.disparity > 0.0)
    assert rim.sum() > 100
    brightest_land = (LAND.max() + 60.0) / 255.0
    assert (exchanged.image[rim].max(axis=1) <= (1.0 - exchanged.sky[rim]) * brightest_land + 0.05).all()


def _with_source(source: Dome, target: Dome, camera: Camera) -> Dome:
    """A dome that is ``target`` for the view of ``camera`` and ``source`` for every other direction."""

    class Mixed(Dome):
        def view(self, seen: Camera, width: int, height: int) -> np.ndarray:
            assert seen is camera
            return target.view(seen, width, height)

    return Mixed(source.photo, source.equirect, source.details, source.detail_camera)


def test_holes_are_zero_and_sky_is_the_dome() -> None:
    photo, dome = scene()
    away = photo.camera.moved(np.array([0.0, 0.0, 1.0]), turn(0.3))
    view = compose(Layer((photo,), seen_from(photo, away, 96, 64)), away, dome)
    holes, sky = ~view.mask, view.mask & (view.disparity == 0.0)
    assert holes.any()
    assert sky.any()
    for array in (view.image, view.disparity, view.sky, view.stretch, view.debt):
        assert not array[holes].any()
    assert np.abs(view.image - view.backdrop)[sky].max() < 1e-5
    assert (view.sky[sky] == 1.0).all()


def test_a_level_that_no_pixel_needs_is_passed_over() -> None:
    """Pixels magnified and pixels minified eightfold need levels 0 and 3 of the keyframe and none between."""
    photo, dome = scene()
    lookup = seen_from(photo, photo.camera, WIDTH, HEIGHT)
    scale = photo.image.shape[1] / photo.disparity.shape[1]
    left = np.arange(WIDTH) < WIDTH // 2
    stretch = np.where(left, np.float32(2.0 * scale), np.float32(scale / 8.0)) * np.ones((HEIGHT, 1), np.float32)
    mixed = compose(Layer((photo,), Lookup(lookup.uv, lookup.disparity, stretch, lookup.slot)), photo.camera, dome)
    for half, value in ((left, 2.0 * scale), (~left, scale / 8.0)):
        whole = seen_from(photo, photo.camera, WIDTH, HEIGHT, stretch=value)
        alone = compose(Layer((photo,), whole), photo.camera, dome)
        assert np.abs(mixed.image - alone.image)[:, half].max() < 1e-6


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 20.0), st.floats(0.0, 3.0))
def test_debt_grows_with_magnification_only(stretch: float, owed: float) -> None:
    photo, dome = scene()
    indebted = Keyframe(photo.camera, photo.image, photo.disparity, photo.sky, np.full_like(photo.debt, owed))
    view = compose(Layer((indebted,), seen_from(photo, photo.camera, 48, 32, stretch)), photo.camera, dome)
    land = view.disparity > 0.0
    in_image = stretch * photo.disparity.shape[1] / photo.image.shape[1]
    assert np.allclose(view.stretch[land], in_image, rtol=1e-5)
    assert np.allclose(view.debt[land], owed + max(0.0, math.log2(in_image)), atol=1e-4)


def test_minified_pixels_are_averages() -> None:
    photo, dome = scene()
    stretch = 30 / photo.disparity.shape[1]
    view = compose(Layer((photo,), seen_from(photo, photo.camera, 30, 20, stretch)), photo.camera, dome)
    land = slice(12, None)
    assert view.image[land].std() < 0.5 * photo.image[12 * 8 :].std() / 255.0


def test_each_slot_shows_its_own_keyframe() -> None:
    photo, dome = scene()
    colours = [(200, 10, 10), (10, 200, 10), (10, 10, 200)]
    flat = np.full((16, 24), 0.5, np.float32)
    plain = [Keyframe(photo.camera, np.full((16, 24, 3), c, np.uint8), flat, 0.0 * flat, 0.0 * flat) for c in colours]
    slot = (np.arange(30 * 20).reshape(20, 30) % 4 - 1).astype(np.int8)
    uv = np.full((20, 30, 2), 0.5, np.float32)
    lookup = Lookup(uv, (slot >= 0) * np.float32(0.5), (slot >= 0) * np.float32(1.0), slot)
    view = compose(Layer(tuple(plain), lookup), photo.camera, dome)
    for index, colour in enumerate(colours):
        assert np.allclose(view.image[slot == index] * 255.0, colour, atol=0.01)


@pytest.mark.parametrize(("distance", "low", "high"), [(0.0, 1.0, 1.0), (0.05, 0.5, 0.99), (1.0, 0.0, 1e-6)])
def test_home_is_where_the_photo_was_taken(distance: float, low: float, high: float) -> None:
    photo, dome = scene()
    camera = photo.camera.moved(np.array([0.0, 0.0, distance]), turn(1.0))
    assert low <= at_home(photo, camera, dome) <= high
    other = Keyframe(photo.camera, photo.image, photo.disparity, photo.sky, photo.debt)
    assert at_home(other, camera, dome) == 0.0


def test_nothing_but_the_display_knows_how_finely_a_keyframe_is_shown() -> None:
    """So a flight is the same at any size, and so is one that is flown again."""
    photo, look, warper = keyframe(), StripedLook(), make_warper()
    dome, camera = Dome.of(photo), photo.camera.moved(np.array([0.0, 0.0, 0.2]), np.eye(3))
    views = []
    for finer in (1, 4, 8):
        key = replace(photo, look=look, magnification=finer)
        lookup = warp((photo, key), camera, (96, 60), warper)
        view = compose(Layer((photo, key), lookup), camera, dome)
        views.append((lookup.slot, view.image, view.disparity, view.debt))
    assert all((one == other).all() for others in views[1:] for one, other in zip(views[0], others, strict=True))
    assert not look.threads
