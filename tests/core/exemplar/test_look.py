from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import flat, here, landlocked, patchwork
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar import look as looks
from core.exemplar.atlas import Atlas
from core.exemplar.look import CopiedLook, magnified
from core.exemplar.tone import LARGEST
from core.sky import Dome

WIDTH, HEIGHT = 64, 40
SCALE = 4  # times finer than they were found that pictures are shown here
FINE = keyframe(size=(4 * WIDTH, 4 * HEIGHT))
LAND = landlocked(FINE)


def view(sky):
    """A keyframe with that sky, as the camera of the photo sees it."""
    return replace(
        FINE, image=np.zeros((HEIGHT, WIDTH, 3), np.uint8), disparity=np.full((HEIGHT, WIDTH), 0.5, np.float32), sky=sky
    )


@pytest.fixture(scope="module")
def dome():
    return Dome.of(FINE)


@pytest.fixture(scope="module")
def land():
    return Atlas.of([LAND], WIDTH)


def test_the_photo_magnified_is_the_photo(land):
    inner = np.s_[2:-2, 2:-2]
    picture = magnified(land, flat(here(WIDTH, HEIGHT)), 4)
    apart = np.abs(picture[inner][..., :3].astype(int) - LAND.image[inner])
    assert (apart <= 2).mean() > 0.99  # the rest is fine detail that was cut off at black and white


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_one_patch_magnified_is_the_photo_enlarged(scale):
    import cv2

    atlas = Atlas.of([landlocked(keyframe(size=(WIDTH, HEIGHT)))], WIDTH)
    picture = magnified(atlas, flat(here(WIDTH, HEIGHT)), scale)
    wanted = cv2.resize(atlas.levels[0][..., :3], (scale * WIDTH, scale * HEIGHT), interpolation=cv2.INTER_LINEAR)
    inner = np.s_[2 * scale : -2 * scale, 2 * scale : -2 * scale]
    assert np.abs(picture[inner][..., :3].astype(int) - wanted[inner]).max() <= 4  # OpenCV interpolates in steps of 1 / 32 pixel


def test_far_from_seams_patches_are_shown_as_if_alone(land):
    one, other = 0.8 * here(WIDTH, HEIGHT), 0.7 * here(WIDTH, HEIGHT) + np.float32((15.0, 9.0))
    right = np.broadcast_to((np.arange(WIDTH) > 30)[None, :, None], one.shape)
    mixed = magnified(land, flat(np.where(right, other, one)), 4)
    assert np.array_equal(mixed[:, : 4 * 30], magnified(land, flat(one), 4)[:, : 4 * 30])
    assert np.array_equal(mixed[:, 4 * 32 :], magnified(land, flat(other), 4)[:, 4 * 32 :])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6))
def test_a_plain_photo_is_plain_however_it_is_cut(seed, tile):
    photo = landlocked(keyframe(size=(WIDTH, HEIGHT)))
    photo.image[:] = (40, 130, 220)
    picture = magnified(Atlas.of([photo], WIDTH), flat(patchwork(WIDTH, HEIGHT, seed, tile)[0]), 4)
    assert (picture == (40, 130, 220, 0)).all()


def test_positions_and_tones_come_back(land, dome):
    random = np.random.default_rng(0)
    source = random.uniform(0.0, (2 * WIDTH, HEIGHT), (HEIGHT, WIDTH, 2)).astype(np.float32)
    tone = random.uniform(-LARGEST, LARGEST, (HEIGHT, WIDTH, 3)).astype(np.float32)
    look = CopiedLook.of(land, dome, source, tone)
    assert np.abs(look.positions - source).max() < 2 * WIDTH / 65535.0
    assert np.abs(look.tones - tone).max() <= 0.5 * LARGEST / 127.0 + 1e-6
    again = CopiedLook.of(land, dome, look.positions, look.tones)
    assert np.array_equal(again.source, look.source)
    assert np.array_equal(again.tone, look.tone)


def test_seven_bytes_a_pixel_are_enough(land, dome):
    look = CopiedLook.of(land, dome, here(WIDTH, HEIGHT), np.zeros((HEIGHT, WIDTH, 3), np.float32))
    assert look.nbytes <= 7 * WIDTH * HEIGHT


@pytest.mark.parametrize("tone", [-0.2, 0.0, 0.1])
def test_a_tone_shifts_every_colour(land, dome, tone):
    still = np.zeros((HEIGHT, WIDTH), np.float32)
    looks = [CopiedLook.of(land, dome, here(WIDTH, HEIGHT), np.full((HEIGHT, WIDTH, 3), t, np.float32)) for t in (0.0, tone)]
    bare, toned = (look.picture(view(still), SCALE).astype(float) for look in looks)
    assert bare.shape == (SCALE * HEIGHT, SCALE * WIDTH, 4)
    assert np.abs(np.clip(bare[..., :3] + 255.0 * tone, 0.0, 255.0) - toned[..., :3]).max() <= 1.0


def test_where_all_is_sky_the_dome_is_shown(land, dome):
    look = CopiedLook.of(land, dome, here(WIDTH, HEIGHT), np.zeros((HEIGHT, WIDTH, 3), np.float32))
    picture = look.picture(view(np.ones((HEIGHT, WIDTH), np.float32)), SCALE)
    assert (picture[..., 3] == 255).all()
    seen = dome.view(FINE.camera, 4 * WIDTH, 4 * HEIGHT)
    assert np.abs(picture[..., :3] / 255.0 - seen).mean() < 0.02


@pytest.mark.parametrize("skyline", [0, 14, 22, 31, HEIGHT])
def test_rows_that_are_all_sky_or_all_land_are_left_out_without_a_trace(dome, skyline, monkeypatch):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    sky = (
        np.clip(skyline + 2.0 * np.sin(x / 5.0) - y, 0.0, 1.0).astype(np.float32) if 0 < skyline < HEIGHT else 1.0 * (y < skyline)
    )
    tone = np.random.default_rng(0).uniform(-0.2, 0.2, (HEIGHT, WIDTH, 3)).astype(np.float32)
    look = CopiedLook.of(Atlas.of([FINE], WIDTH), dome, patchwork(WIDTH, HEIGHT)[0], tone)
    picture = look.picture(view(np.float32(sky)), SCALE)
    monkeypatch.setattr(looks, "_AROUND", HEIGHT)
    assert np.array_equal(picture, look.picture(view(np.float32(sky)), SCALE))


def test_no_specks_of_sky_in_the_land_nor_of_land_in_the_sky(dome):
    """Wherever it is copied from, alpha stays within that of the pixels around."""
    atlas = Atlas.of([FINE], WIDTH)
    sky = np.zeros((HEIGHT, WIDTH), np.float32)
    sky[:20] = 1.0
    look = CopiedLook.of(atlas, dome, patchwork(WIDTH, HEIGHT)[0], np.zeros((HEIGHT, WIDTH, 3), np.float32))
    alpha = look.picture(view(sky), SCALE)[..., 3]
    assert (alpha[: 4 * 18] == 255).all()
    assert (alpha[4 * 22 :] == 0).all()


def test_the_keyframe_s_own_sky_is_shown_wherever_it_is_copied_from(land, dome):
    """Even where the photo has land: alpha is that of the view."""
    wave = 0.1 + 0.05 * np.abs(np.arange(WIDTH) % 32 - 16.0)
    sky = np.broadcast_to(wave.astype(np.float32), (HEIGHT, WIDTH)).copy()
    for atlas in (land, Atlas.of([FINE], WIDTH)):
        look = CopiedLook.of(atlas, dome, here(WIDTH, HEIGHT), np.zeros((HEIGHT, WIDTH, 3), np.float32))
        alpha = look.picture(view(sky), 2)[40:, :, 3] / 255.0  # below the photo's skyline
        assert np.abs(alpha.reshape(-1, 2, WIDTH, 2).mean(axis=(1, 3)) - sky[20:]).max() < 0.02
