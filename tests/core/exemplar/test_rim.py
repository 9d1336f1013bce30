from __future__ import annotations

import numpy as np

from core.exemplar.rim import evened_rim

HEIGHT, WIDTH, SCALE, SKYLINE = 40, 64, 4, 16
GREEN, WHITE = (40, 120, 30), (250, 250, 250)


def scene(*, torn: bool):
    """Land below a level skyline, white along it, and a picture of it with teeth; where it is ``torn`` each pixel is a patch."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    source = np.stack([x + 0.5, y + 0.5], axis=-1)
    sky = np.where(y < SKYLINE, 1.0, 0.0).astype(np.float32)
    land = np.broadcast_to(np.array(GREEN, np.float32), (HEIGHT, WIDTH, 3)).copy()
    rows = np.s_[SKYLINE - 2 : SKYLINE + 2]
    if torn:
        source[rows] = np.random.default_rng(0).permuted(source[rows], axis=1)
        land[rows] = WHITE
    there = np.where(land[..., 0] == WHITE[0], 0.4, sky).astype(np.float32)
    picture = np.dstack([land, 255.0 * sky]).astype(np.uint8).repeat(SCALE, 0).repeat(SCALE, 1)
    teeth = np.random.default_rng(1).random(SCALE * WIDTH) < 0.5
    picture[SCALE * SKYLINE - 3 : SCALE * SKYLINE, teeth, 3] = 0
    beside = np.ones((HEIGHT, WIDTH), np.float32)
    return picture, source, land, there, beside, sky


def test_a_skyline_of_one_patch_stays_as_the_photo_has_it():
    picture, *rest = scene(torn=False)
    before = picture.copy()
    evened_rim(picture, *rest)
    assert np.array_equal(picture, before)


def test_teeth_and_scraps_of_a_torn_skyline_go():
    picture, *rest = scene(torn=True)
    far = picture[SCALE * (SKYLINE + 12) :].copy()
    evened_rim(picture, *rest)
    assert np.ptp(picture[SCALE * (SKYLINE - 1) : SCALE * (SKYLINE + 1), 8:-8, 3].astype(int), axis=1).max() <= 8
    land = picture[SCALE * (SKYLINE + 1) - 2, 8:-8, :3].astype(int)
    assert np.abs(land - GREEN).max() < 30
    assert np.array_equal(picture[SCALE * (SKYLINE + 12) :], far)


def test_land_without_sky_has_no_rim():
    picture, *rest, _ = scene(torn=True)
    before = picture.copy()
    evened_rim(picture, *rest, np.zeros((HEIGHT, WIDTH), np.float32))
    assert np.array_equal(picture, before)


def test_what_was_deep_in_the_land_keeps_its_colours_at_a_torn_skyline():
    picture, source, land, there, beside, sky = scene(torn=True)
    before = picture.copy()
    evened_rim(picture, source, land, there, np.zeros_like(beside), sky)
    assert np.array_equal(picture[..., :3], before[..., :3])
    assert not np.array_equal(picture[..., 3], before[..., 3])
