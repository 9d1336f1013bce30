"""Renewal: low bands that stay do not boil, and debts that stay are not renewed."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from handmade import keyframe, whole_view

from core.evaluation.land import inland
from core.evaluation.renewal import Change, boiling, renewed
from core.generator import RefinedView

WHOLE = np.ones((80, 128), bool)


@pytest.fixture
def picture() -> np.ndarray:
    random = np.random.default_rng(0).random((80, 128, 3)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(random, (0, 0), 1.0))


def test_equal_pictures_do_not_boil_and_shifted_ones_do(picture):
    assert boiling(picture, picture, WHOLE) == 0.0
    coarse = np.asarray(cv2.GaussianBlur(picture, (0, 0), 6.0))
    found = [boiling(coarse, np.roll(coarse, shift, axis=1), WHOLE) for shift in (1, 4, 12)]
    assert 0.0 < found[0] < found[1] < found[2]


def test_new_light_boils_as_much_as_it_is_new_and_new_detail_hardly(picture):
    assert boiling(picture, picture + np.float32(0.1), WHOLE) == pytest.approx(0.1, rel=1e-4)
    checkerboard = np.float32(0.1) * (-1.0) ** np.indices((80, 128)).sum(axis=0)[..., None].astype(np.float32)
    assert boiling(picture, picture + checkerboard, WHOLE) < 0.005


def test_the_blur_is_as_wide_as_the_view(picture):
    larger, moved = (np.asarray(cv2.resize(each, (256, 160))) for each in (picture, np.roll(picture, 9, axis=0)))
    assert boiling(larger, moved, np.ones((160, 256), bool)) == pytest.approx(
        boiling(picture, np.roll(picture, 9, axis=0), WHOLE), rel=0.1
    )


def test_what_is_not_masked_does_not_count(picture):
    mask = WHOLE.copy()
    mask[:, 50:] = False
    other = picture.copy()
    other[:, 50:] += 1.0
    assert boiling(picture, other, mask) == 0.0
    other[:, :50] += np.float32(0.2)
    assert boiling(picture, other, mask) == pytest.approx(0.2, rel=1e-4)  # up to the border of the mask
    assert math.isnan(boiling(picture, other, ~WHOLE))


def test_renewed_is_what_has_lost_debt():
    before, after = np.full((80, 128), 1.0, np.float32), np.full((80, 128), 1.0, np.float32)
    after[:40] = 0.8  # too little
    after[40:60] = 0.7
    assert renewed(before, after, WHOLE) == pytest.approx(0.25)
    mask = WHOLE.copy()
    mask[:40] = False
    assert renewed(before, after, mask) == pytest.approx(0.5)
    assert math.isnan(renewed(before, after, ~WHOLE))


def test_sky_holes_and_the_skyline_are_left_out():
    view = whole_view(keyframe(size=(128, 80)))
    land = inland(view.sky > 0.1)
    brighter = np.where(land[..., None], view.image + np.float32(0.1), view.image)
    debt = np.ones((80, 128), np.float32)
    left = np.indices((80, 128))[1] < 64
    refined = RefinedView(brighter, np.maximum(view.disparity, np.float32(0.01)), view.sky, debt * (~land | left))
    worn = replace(view, debt=debt)
    found = Change.of(worn, refined)
    assert (found.boiling, found.renewed) == pytest.approx((0.1, (land & ~left).sum() / land.sum()), rel=1e-3)
    assert Change.of(worn.within(left), refined).renewed == 0.0
