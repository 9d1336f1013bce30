"""Land: streaks follow the lines in it, and what lies at the skyline is left out."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from core.evaluation.land import inland, luma, rays, streaks

WHOLE = np.ones((80, 128), bool)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).random((80, 128)).astype(np.float32)


def test_stripes_have_one_direction_whatever_it_is():
    rows, columns = np.mgrid[:80, :128]
    for angle in (0.0, 0.4, math.pi / 2, 2.0):
        stripes = np.sin(0.5 * (columns * math.cos(angle) + rows * math.sin(angle))).astype(np.float32)
        assert streaks(stripes, WHOLE) == pytest.approx(1.0, abs=0.02)


def test_smeared_land_is_more_streaked_the_longer_the_smear(noise):
    found = [streaks(np.asarray(cv2.blur(noise, (length, 1))), WHOLE) for length in (1, 3, 9, 31)]
    assert found == sorted(found)
    assert found[0] < 0.3
    assert found[-1] > 0.9
    assert streaks(np.asarray(cv2.blur(noise, (1, 9))), WHOLE) == pytest.approx(found[2], abs=0.1)


def test_streaks_do_not_depend_on_the_size_of_the_picture(noise):
    rough = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigmaX=6.0, sigmaY=2.0))
    larger = np.asarray(cv2.resize(rough, (512, 320), interpolation=cv2.INTER_CUBIC))
    assert streaks(larger, np.ones(larger.shape, bool)) == pytest.approx(streaks(rough, WHOLE), abs=0.03)


def test_flat_land_has_no_direction_to_tell():
    assert math.isnan(streaks(np.full((80, 128), 0.5, np.float32), WHOLE))


def test_what_is_no_land_has_no_streaks(noise):
    land = WHOLE.copy()
    land[:, 64:] = False
    other = noise.copy()
    other[:, 70:] = 0.5
    assert streaks(other, land) == pytest.approx(streaks(noise, land), rel=0.01)


def zoomed(picture, times):
    """Return the mean of ``picture`` magnified up to so many times about its middle: drawn out along rays."""
    height, width = picture.shape
    middle = (0.5 * (width - 1), 0.5 * (height - 1))
    turns = [cv2.getRotationMatrix2D(middle, 0.0, scale) for scale in np.geomspace(1.0, times, 24)]
    return np.mean([cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT) for turn in turns], axis=0)


def test_what_is_drawn_out_along_rays_has_them_and_what_goes_round_has_none(noise):
    assert rays(noise, WHOLE) < 0.02
    found = [rays(zoomed(noise, times).astype(np.float32), WHOLE) for times in (1.0, 1.1, 1.3)]
    assert found == sorted(found)
    assert found[-1] > 0.8
    rows, columns = np.mgrid[:80, :128]
    rings = np.sin(np.hypot(columns - 63.5, rows - 39.5)).astype(np.float32)
    assert rays(rings, WHOLE) == 0.0
    assert math.isnan(rays(np.full((80, 128), 0.5, np.float32), WHOLE))
    assert math.isnan(rays(noise, ~WHOLE))


@pytest.mark.parametrize(("width", "margin"), [(128, 3), (256, 3), (960, 11)])
def test_the_margin_grows_with_the_picture(width, margin):
    sky = np.zeros((50, width), bool)
    sky[:10] = True
    assert np.array_equal(inland(sky).all(axis=1), np.arange(50) >= 10 + margin)


def test_luma_is_that_of_the_standard():
    colours = np.array([[[255, 255, 255], [0, 255, 0], [0, 0, 0]]], np.uint8)
    assert luma(colours)[0] == pytest.approx([1.0, 0.7152, 0.0])
