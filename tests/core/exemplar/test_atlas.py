from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from exemplars import here, landlocked
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar.atlas import Atlas, unfolded

if TYPE_CHECKING:
    from core.keyframe import Keyframe

WIDTH, HEIGHT = 64, 40
PHOTO = keyframe(size=(WIDTH, HEIGHT))
LAND = landlocked(PHOTO)
OWN = 2  # level of a small photo's own pixels once it is sharpened: it is made twice as large twice


def _same(read: np.ndarray, own: np.ndarray) -> bool:
    """Whether pixels are the photo's own but for rounding, and for fine detail that was cut off at black and white."""
    apart = np.abs(read.astype(float) - own)
    return bool((apart <= 2.0).mean() > 0.96 and apart.max() < 16.0)


def sharpened(*photos: Keyframe) -> Atlas:
    atlas = Atlas.of(photos, WIDTH)
    atlas.sharpen()
    return atlas


def test_a_photo_reads_back_as_itself():
    atlas = Atlas.of([LAND], WIDTH)
    own = np.dstack([LAND.image, np.zeros((HEIGHT, WIDTH), np.uint8)])
    assert np.array_equal(atlas.read(here(WIDTH, HEIGHT)), own)
    atlas.sharpen()
    assert _same(atlas.read(here(WIDTH, HEIGHT), OWN), own)


def test_sharpened_only_what_is_read_is_finer():
    before, after = Atlas.of([PHOTO, LAND], WIDTH), sharpened(PHOTO, LAND)
    assert after.levels[0].shape == (4 * HEIGHT, 8 * WIDTH, 4)
    assert all(np.array_equal(getattr(before, name), getattr(after, name)) for name in ("colours", "disparity", "sky", "above"))
    place = here(2 * WIDTH, HEIGHT)
    assert _same(after.read(place, OWN), before.read(place))
    roughness = (cv2.Laplacian(a.read(here(4 * WIDTH, 4 * HEIGHT) / 4.0), cv2.CV_32F).var() for a in (before, after))
    assert next(roughness) * 1.2 < next(roughness)


def test_sky_and_disparity_read_back_as_themselves():
    atlas = sharpened(PHOTO)
    assert np.array_equal(atlas.sky_at(here(WIDTH, HEIGHT)), PHOTO.sky)
    assert np.array_equal(atlas.disparity_at(here(WIDTH, HEIGHT)), PHOTO.disparity)
    assert _same(atlas.read(here(WIDTH, HEIGHT), OWN)[..., 3], 255.0 * PHOTO.sky)


def test_within_two_pixels_of_sky_land_lies_beside_it_and_nowhere_else():
    sky = np.zeros((HEIGHT, WIDTH), np.float32)
    sky[10, 20] = 1.0
    near = Atlas.of([replace(LAND, sky=sky)], WIDTH).beside_sky_at(here(WIDTH, HEIGHT))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    assert np.array_equal(near, (np.maximum(abs(y - 10), abs(x - 20)) <= 2).astype(np.float32))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, WIDTH, width=32), st.floats(0.0, HEIGHT, width=32), st.integers(0, 2))
def test_beyond_the_right_edge_lies_the_mirror_image(x: float, y: float, pages: int):
    atlas = Atlas.of([LAND, *[keyframe(size=(WIDTH, HEIGHT), seed=i + 1) for i in range(pages)]], WIDTH)
    for page in range(pages + 1):
        inner = np.clip(x, 0.5, WIDTH - 0.5)  # nearer to its edges there is nothing to interpolate with
        pair = np.array([[[inner, y], [2 * WIDTH - inner, y]]], np.float32) + np.float32([2 * WIDTH * page, 0.0])
        one, other = atlas.read(pair)[0].astype(int)
        assert np.abs(one - other).max() <= 8  # OpenCV interpolates in steps of 1 / 32 pixel


def test_pages_do_not_bleed_into_each_other():
    """Wherever in a page, up to its very folds, at any level, and where halving leaves odd sides."""
    atlas = Atlas.of([keyframe(size=(3 * WIDTH + 2, 3 * HEIGHT), seed=seed) for seed in range(3)], WIDTH)
    assert atlas.width == 6 * atlas.size[0]
    x, y = np.meshgrid(np.linspace(0.0, atlas.width / 3, 2000, endpoint=False, dtype=np.float32), np.float32([3.3, 20.8]))
    place = np.stack([x, y], axis=-1)
    for number, page in enumerate(atlas.pages):
        there = place + np.float32([2 * number * atlas.size[0], 0.0])
        for level in range(len(atlas.levels)):
            assert np.abs(atlas.read(there, level).astype(int) - page.read(place, level)).max() <= 4  # of 1/32 pixel
        assert np.abs(atlas.colours_at(there).astype(int) - page.colours_at(place)).max() <= 4
        assert np.abs(atlas.disparity_at(there) - page.disparity_at(place)).max() < 1e-3


def test_the_first_photo_is_as_it_is_alone():
    alone, among = (Atlas.of([PHOTO, *others], WIDTH) for others in ([], [keyframe(size=(100, 90), seed=1)]))
    assert all(np.array_equal(one, page) for one, page in zip(alone.levels, among.pages[0].levels, strict=True))
    assert all(np.array_equal(getattr(alone, name), getattr(among.pages[0], name)) for name in ("disparity", "sky", "light"))
    place = here(2 * WIDTH, HEIGHT)
    assert np.array_equal(alone.read(place), among.read(place))


def test_other_photos_take_on_the_look_of_the_first():
    other = keyframe(size=(WIDTH, HEIGHT), seed=1)
    bluer = replace(other, image=(0.5 * other.image).astype(np.uint8) + np.uint8([0, 0, 90]), disparity=np.sqrt(other.disparity))
    first, page = Atlas.of([PHOTO, bluer], WIDTH).pages
    land = PHOTO.sky < 0.05
    assert np.abs(page.colours[land].mean(axis=0) - first.colours[land].mean(axis=0)).max() < 4.0
    assert np.abs(np.percentile(page.disparity[land], (10, 90)) - np.percentile(first.disparity[land], (10, 90))).max() < 0.05


@pytest.mark.parametrize("size", [(160, 40), (40, 64), (64, 120)])
def test_other_photos_are_cropped_to_the_shape_of_the_first(size: tuple[int, int]):
    """A panorama to its middle; where there is a choice to as much sky as the first has, not to a middle without any."""
    page = Atlas.of([PHOTO, keyframe(size=size, seed=1)], WIDTH).pages[1]
    assert page.sky.shape == (HEIGHT, WIDTH)
    assert abs(page.sky.mean() - PHOTO.sky.mean()) < 0.08
    if size[1] == HEIGHT:
        assert np.array_equal(page.sky, keyframe(size=size, seed=1).sky[:, 48:112])


def test_land_shows_no_sky_and_goes_on_under_it():
    photo = replace(PHOTO, image=np.where(PHOTO.sky[..., None] > 0.5, (0, 0, 255), (120, 90, 30)).astype(np.uint8))
    soft = np.rint(PHOTO.sky[..., None] * (0, 0, 255) + (1.0 - PHOTO.sky[..., None]) * (120, 90, 30)).astype(np.uint8)
    for image in (photo.image, soft):
        atlas = sharpened(replace(photo, image=image))
        clear = PHOTO.sky < 0.05
        assert _same(atlas.levels[OWN][clear][:, :3], image[clear])
        assert np.abs(atlas.levels[OWN][PHOTO.sky > 0.95][:, :3] - np.array((120.0, 90.0, 30.0))).max() < 8.0
    assert np.abs(atlas.levels[0][..., :3] - np.array((120.0, 90.0, 30.0))).max() < 16.0


@pytest.mark.parametrize("size", [(16, 16), (40, 64), (200, 30), (1, 1), (3000, 30)])
def test_any_shape_gives_sides_that_can_be_halved_three_times(size: tuple[int, int]):
    atlas = Atlas.of([keyframe(size=size)], 64)
    assert atlas.size[0] % 8 == atlas.size[1] % 8 == 0
    assert min(atlas.size) >= 16
    assert atlas.disparity.shape == atlas.sky.shape == atlas.light.shape == atlas.size[::-1]
    assert max(atlas.levels[0].shape[:2]) <= 1024
    atlas.sharpen()
    assert max(atlas.levels[0].shape[:2]) <= 4096


@settings(deadline=None)
@given(st.floats(0.01, 100.0))
def test_a_level_is_the_coarsest_that_is_fine_enough(density: float):
    atlas = Atlas((), (64, 40), tuple(np.zeros((320 >> n, 512 >> n, 4), np.uint8) for n in range(4)), *[np.zeros((40, 64))] * 5)
    fineness = [level.shape[0] / 40 for level in atlas.levels]
    level = atlas.level(density)
    assert fineness[level] >= 2.0 * density or level == 0
    assert level == 3 or fineness[level + 1] < 2.0 * density


@pytest.mark.parametrize(("own", "kept"), [(256, 1024), (512, 2048), (1000, 2000), (1600, 3200), (1640, 1640), (5000, 4096)])
def test_a_small_photo_is_kept_larger_than_it_is(own: int, kept: int):
    atlas = sharpened(keyframe(size=(own, own // 8)))
    assert atlas.levels[0].shape[1] == kept


def test_unfolding_puts_mirror_images_beside_pages():
    picture = np.arange(24).reshape(2, 12)
    whole = unfolded(picture, 4)
    for page in range(3):
        own = picture[:, 4 * page : 4 * page + 4]
        assert np.array_equal(whole[:, 8 * page : 8 * page + 8], np.hstack([own, own[:, ::-1]]))


def test_at_the_density_of_a_view_pixels_have_their_colours_in_their_middle():
    fine = landlocked(keyframe(size=(4 * WIDTH, 4 * HEIGHT)))
    atlas = Atlas.of([fine], WIDTH)
    means = fine.image.reshape(HEIGHT, 4, WIDTH, 4, 3).mean(axis=(1, 3))
    assert np.abs(atlas.colours_at(here(WIDTH, HEIGHT)) - means).max() <= 2.0
    assert np.array_equal(atlas.colours_at(here(2 * WIDTH, HEIGHT)), unfolded(atlas.colours, WIDTH))
