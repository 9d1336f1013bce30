from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from exemplars import landlocked
from handmade import keyframe

from core.exemplar.atlas import Atlas
from core.exemplar.levels import (
    COMPONENTS,
    LEVELS,
    PATCH,
    SHUT,
    UNIT,
    Basis,
    barred,
    guide,
    levels_of,
    patches_of,
    project,
    subdued,
)
from core.exemplar.loops import Loops

SIZE = WIDTH, HEIGHT = 128, 80
PHOTO = keyframe(size=SIZE)


@pytest.fixture(scope="module")
def levels():
    return levels_of(Atlas.of([PHOTO, keyframe(size=SIZE, seed=1)], WIDTH))


def test_levels_halve_the_unfolded_photos(levels):
    for number, level in enumerate(levels):
        assert level.picture.shape == (HEIGHT >> number, 4 * WIDTH >> number, 4)
        assert level.features.shape[:2] == level.picture.shape[:2]
        assert level.columns == WIDTH >> number
        assert (level.basis is not None) == (number == LEVELS - 1)
    assert len(levels) == LEVELS


def test_the_right_half_mirrors_the_left(levels):
    for level in levels:
        for page in range(2):
            left = level.picture[:, 2 * page * level.columns : (2 * page + 1) * level.columns]
            right = level.picture[:, (2 * page + 1) * level.columns : (2 * page + 2) * level.columns]
            assert np.array_equal(left[:, ::-1], right)


def test_the_folds_are_shut(levels):
    for level in levels:
        for edge in range(0, level.picture.shape[1], level.columns):
            assert (level.picture[:, [edge, edge + level.columns - 1], 3] == SHUT).all()


@pytest.mark.parametrize("number", [LEVELS - 1])
def test_a_patch_of_the_photo_is_its_own_nearest(levels, number):
    level = levels[number]
    queries = []
    for page in range(2):  # a patch ends at the edge of its page
        part = np.s_[:, 2 * page * level.columns : 2 * (page + 1) * level.columns]
        guides = (level.features[part][..., level.looks :] / np.float32(UNIT)).astype(np.float32)
        queries.append(
            level.query(np.ascontiguousarray(level.picture[part][..., :3]), guides, np.ones(guides.shape[:2], bool), Loops())
        )
    query = np.concatenate(queries, axis=1)
    flat, wanted = (part.reshape(-1, part.shape[2]).astype(np.float64) for part in (level.features, query))
    away = np.square(flat).sum(axis=1) - 2.0 * wanted @ flat.T + np.square(wanted).sum(axis=1)[:, None]
    own = np.diag(away)
    assert own.max() <= 3.0  # features are whole numbers, and one may round otherwise
    assert (own <= away.min(axis=1) + 3.0).all()


def test_projecting_is_what_numpy_does():
    random = np.random.default_rng(0)
    picture = cv2.GaussianBlur(random.integers(0, 256, (13, 17, 3), np.uint8), (0, 0), 1.0)
    basis = Basis.of(patches_of(picture))
    new = random.random((13, 17)) < 0.7
    out = np.full((13, 17, COMPONENTS + 1), 7, np.int32)
    project(picture, new, basis.mean, basis.axes, out)
    wanted = UNIT * basis.project(patches_of(picture)).reshape(13, 17, -1)
    assert np.abs(out[..., :COMPONENTS] - wanted)[new].max() < 0.501
    assert (out[~new] == 7).all()
    assert (out[..., COMPONENTS] == 7).all()


def test_components_keep_distances_of_what_they_were_made_of():
    """Patches that vary along few axes are as far apart as their components."""
    random = np.random.default_rng(0)
    patches = (random.normal(size=(200, 6)) @ random.normal(size=(6, 147))).astype(np.float32)
    parts = Basis.of(patches).project(patches)
    for one, other in random.integers(0, 200, (20, 2)):
        assert np.linalg.norm(parts[one] - parts[other]) == pytest.approx(np.linalg.norm(patches[one] - patches[other]), rel=1e-3)


def test_patches_are_as_far_apart_as_their_pixels_on_the_average():
    one, other = (np.random.default_rng(seed).integers(0, 256, (7, 7, 3), np.uint8) for seed in (0, 1))
    apart = np.square((one.astype(float) - other) / 255.0).sum() / 49.0
    assert np.square(patches_of(one)[24] - patches_of(other)[24]).sum() == pytest.approx(apart, rel=1e-5)


def test_guides_rise_with_disparity_sky_height_above_water_and_row():
    ramp = np.geomspace(0.01, 1.0, 20, dtype=np.float32)[None]
    zero, one = np.zeros_like(ramp), np.ones_like(ramp)
    cases = (
        ((ramp, zero, zero, zero), 0),
        ((one, ramp, zero, zero), 1),
        ((one, zero, zero, ramp), 1),
        ((one, zero, ramp, zero), 2),
    )
    for parts, channel in cases:
        guides = guide(*parts)
        assert (np.diff(guides[0, :, channel]) > 0.0).all()
        assert not np.delete(np.diff(guides[0], axis=0), channel, axis=1).any()
    assert np.abs(guide(zero, zero, zero, zero)).max() < 1e-6


def test_subduing_takes_low_frequencies_and_leaves_detail():
    flat = np.full((40, 40, 4), 228, np.uint8)
    assert (subdued(flat)[..., :3] == 163).all()
    assert (subdued(flat)[..., 3] == 228).all()
    noisy = flat.copy()
    noisy[..., :3] -= np.random.default_rng(0).integers(0, 40, (40, 40, 1), np.uint8)
    assert subdued(noisy)[..., 0].std() == pytest.approx(noisy[..., 0].std(), rel=0.05)


def test_what_is_unlike_anything_else_is_rare():
    photo = landlocked(keyframe(size=SIZE))
    image = np.full_like(photo.image, 100)
    image[40:48, 60:68] = (250, 20, 20)
    level = levels_of(Atlas.of([replace(photo, image=image)], WIDTH))[LEVELS - 1]
    rarity = level.rarity.reshape(level.picture.shape[:2])
    assert np.array_equal(rarity, rarity[:, ::-1])
    assert rarity[11, 16] > 100.0
    assert np.abs(rarity[:, 0]).max() < 1.0


def test_rarity_is_the_distance_to_the_nearest_patch_that_does_not_overlap():
    photo = landlocked(keyframe(size=(128, 80)))
    noise = np.random.default_rng(0).integers(0, 256, (80, 128, 3), np.uint8)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 8.0), None, 0, 255, cv2.NORM_MINMAX)  # neighbours are alike
    level = levels_of(Atlas.of([replace(photo, image=wide)], 128))[LEVELS - 1]
    own = level.features[:, : level.columns, :COMPONENTS].astype(float)
    rarity = level.rarity.reshape(level.picture.shape[:2])
    rows, columns = np.mgrid[: own.shape[0], : own.shape[1]]
    for y, x in ((0, 0), (10, 16), (19, 31), (5, 20)):
        away = np.square(own - own[y, x]).sum(axis=-1)
        away[(abs(rows - y) < PATCH) & (abs(columns - x) < PATCH)] = np.inf
        assert rarity[y, x] == pytest.approx(away.min(), abs=0.5)


def test_what_the_first_photo_has_nothing_like_is_foreign(levels):
    level = levels[-1]
    foreign = level.foreign.reshape(level.picture.shape[:2])
    assert not foreign[:, : 2 * level.columns].any()
    first = level.features[:, : level.columns].reshape(-1, level.features.shape[2])
    for y, x in ((3, 70), (11, 90), (19, 120)):
        assert foreign[y, x] == pytest.approx(np.square(first - level.features[y, x]).sum(axis=1).min(), abs=1.0)


def glow(sun: bool, radius: int = 4, **change) -> Atlas:
    """A dim photo, its land brighter the nearer it is to a point in the sky, in which a sun stands or does not."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    away = np.hypot(x - 64, y - 12)
    on_sky = PHOTO.sky[..., None] > 0.5
    land = 40.0 + 190.0 * np.exp(-away / 25.0)[..., None] * (1.0, 0.8, 0.4)
    image = np.where(on_sky, (60.0, 90.0, 140.0), land)
    if sun:
        image[away < radius] = 255.0
    photo = replace(PHOTO, image=image.astype(np.uint8), sky=on_sky[..., 0].astype(np.float32))
    return Atlas.of([replace(photo, **change)], WIDTH)


def test_land_in_the_glare_of_a_sun_is_barred():
    atlas = glow(sun=True)
    shut = barred(atlas)
    land = atlas.sky < 0.5
    top = np.argmax(land[:, 64])
    assert shut[top, 64]
    assert not shut[-20:].any()
    assert 0.0 < shut[land].mean() < 0.3


def test_without_a_sun_no_land_is_barred():
    atlas = glow(sun=False)
    assert not barred(atlas)[atlas.sky < 0.5].any()


def test_bright_clouds_bar_no_land():
    atlas = glow(sun=False)
    for clouds in (((20, 10), (60, 6)), ((64, 12), (30, 4)), ((30, 10), (5, 4), (90, 8), (5, 4), (60, 8), (5, 4))):
        light = atlas.light.copy()
        for centre, size in zip(clouds[::2], clouds[1::2], strict=True):
            cv2.ellipse(light, centre, size, 0.0, 0.0, 360.0, 1.0, -1)
        assert not barred(replace(atlas, light=light))[atlas.sky < 0.5].any()


def test_snow_bars_no_land():
    image = np.where(PHOTO.sky[..., None] > 0.5, (60, 90, 140), PHOTO.image).astype(np.uint8)
    image[30:44, 40:90] = 255
    atlas = Atlas.of([replace(PHOTO, image=image)], WIDTH)
    assert not barred(atlas)[atlas.sky < 0.5].any()


def test_a_white_sky_has_no_sun():
    atlas = glow(sun=True)
    assert barred(atlas)[atlas.sky < 0.5].any()
    light = np.where((atlas.sky >= 0.5) & (atlas.light < 0.9), np.float32(0.85), atlas.light)
    assert not barred(replace(atlas, light=light))[atlas.sky < 0.5].any()


def test_land_that_is_no_brighter_near_the_sun_has_no_glare():
    atlas = glow(sun=True)
    assert not barred(replace(atlas, colours=np.ascontiguousarray(atlas.colours[::-1])))[atlas.sky < 0.5].any()


def test_sky_is_barred_but_beside_the_land():
    atlas = glow(sun=False)
    shut, on_sky = barred(atlas), atlas.sky >= 0.5
    beside = cv2.dilate((~on_sky).astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    assert np.array_equal(shut, on_sky & ~beside)


@pytest.mark.parametrize("sky", [0.0, 1.0])
def test_photos_all_land_or_all_sky_have_levels(sky):
    made = levels_of(Atlas.of([replace(PHOTO, sky=np.full_like(PHOTO.sky, sky))], WIDTH))
    assert len(made) == LEVELS
    inner = made[0].picture[:, 1 : WIDTH - 1, 3] == SHUT
    assert inner.all() if sky else not inner.any()
