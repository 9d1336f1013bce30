"""A picture as it is sampled, and as it is shown where it is found in the photo."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.keyframe import FINER, Keyframe
from core.texels import SHORTEST, halvings, shown, texels


class RedLook:
    """Red, and as much sky as there is; counts how often it is asked."""

    nbytes = 1000

    def __init__(self) -> None:
        self.asked: list[int] = []

    def picture(self, keyframe: Keyframe, scale: int) -> np.ndarray:
        self.asked.append(scale)
        red = np.zeros((*keyframe.sky.shape, 4), np.uint8)
        red[..., 0], red[..., 3] = 255, np.rint(255.0 * keyframe.sky)
        return np.repeat(np.repeat(red, scale, axis=0), scale, axis=1)


def looked(magnification: int = 2) -> Keyframe:
    return replace(keyframe(size=(80, 50)), look=RedLook(), magnification=magnification)


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 64))
def test_halvings_end_once_the_shorter_side_is_short(width: int, height: int, above: int):
    levels = halvings(np.zeros((height, width, 3), np.uint8), above)
    assert [level.shape[:2] for level in levels] == [(height >> n, width >> n) for n in range(len(levels))]
    assert all(min(level.shape[:2]) > above for level in levels[:-1])
    assert min(levels[-1].shape[:2]) <= above


def test_halvings_are_means():
    picture = np.random.default_rng(0).random((64, 96, 2), np.float32)
    for number, level in enumerate(halvings(picture, 8)):
        side = 2**number
        assert np.abs(level - picture.reshape(64 // side, side, 96 // side, side, 2).mean(axis=(1, 3))).max() < 1e-5


def test_without_a_look_the_picture_is_shown_as_it_is_sampled():
    key = keyframe(size=(80, 50))
    assert shown(key) is texels(key)
    assert np.array_equal(texels(key)[0][..., :3], key.image)


def test_faint_sky_is_none_and_the_densest_is_whole():
    key = keyframe(size=(256, 4))
    key = replace(key, sky=np.broadcast_to(np.arange(256, dtype=np.float32) / 255.0, (4, 256)).copy())
    alpha = texels(key)[0][0, :, 3]
    assert not alpha[:11].any()
    assert (alpha[-11:] == 255).all()
    assert (np.diff(alpha.astype(int)) >= 0).all()
    as_look = shown(replace(key, look=RedLook()))[0][0, :, 3]
    assert np.array_equal(as_look, alpha)


def test_with_a_look_the_picture_is_found_once_and_as_finely_as_is_wanted():
    key = looked(magnification=3)
    levels = shown(key)
    assert levels[0].shape == (150, 240, 4)
    assert (levels[0][..., 0] == 255).all()
    assert min(levels[-1].shape[:2]) <= SHORTEST
    assert shown(key) is levels
    assert key.look.asked == [3]


def test_what_is_sampled_does_not_depend_on_the_look():
    key = looked()
    assert np.array_equal(texels(key)[0], texels(replace(key, look=None))[0])
    assert not key.look.asked


def test_a_keyframe_counts_as_fine_as_its_look_however_it_is_shown():
    for magnification in (1, 2, 5):
        key = looked(magnification)
        assert key.columns == FINER * 80
        assert key.finest.shape == (FINER * 50, FINER * 80, 3)
        assert key.shown_size == (80 * magnification, 50 * magnification)
        assert key.nbytes == replace(key, look=None).nbytes + 1000
    alone = keyframe(size=(80, 50))
    assert alone.columns == 80
    assert alone.finest is alone.image
    assert alone.shown_size == (80, 50)


def test_pictures_live_no_longer_than_their_keyframe():
    key = looked()
    texels(key)
    kept = weakref.ref(shown(key)[0])
    assert kept() is not None
    del key
    gc.collect()
    assert kept() is None
