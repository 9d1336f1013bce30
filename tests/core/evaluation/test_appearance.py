"""Appearance: ratios to the photo, what counts as land, and what counts as a collapse."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import cv2
import numpy as np
import pytest
from handmade import keyframe

from core.evaluation.appearance import PERSISTENCE, Drift, appearance


@pytest.fixture
def view():
    return keyframe(size=(128, 80))


def measured(view, image=None):
    return appearance(view.image if image is None else image, view.disparity, view.sky)


def drifted(view, image):
    return Drift.of([measured(view), measured(view, image)])


def test_the_photo_is_like_itself(view):
    drift = drifted(view, view.image)
    assert drift.sharpness[1] == drift.laplacian[1] == drift.contrast[1] == drift.streaks[1] == 1.0
    assert drift.colour[1] == drift.rays[1] == 0.0


def test_blur_is_less_sharp_and_noise_sharper(view):
    found = [drifted(view, cv2.GaussianBlur(view.image, (0, 0), sigma)).sharpness[1] for sigma in (0.5, 1.0, 2.0)]
    assert 1.0 > found[0] > found[1] > found[2]
    noise = np.random.default_rng(0).integers(-40, 41, view.image.shape)
    assert drifted(view, np.clip(view.image + noise, 0, 255).astype(np.uint8)).sharpness[1] > 1.2


def test_colour_drift_is_the_difference_of_means(view):
    brighter = np.minimum(view.image + np.array([12, 24, 0]), 255).astype(np.uint8)  # only sky is cut off
    drift = drifted(view, brighter)
    assert drift.colour[1] == pytest.approx((12 + 24) / 3 / 255, abs=1e-3)


def test_the_sky_and_its_rim_do_not_count(view):
    other = view.image.copy()
    other[cv2.dilate((view.sky > 0.1).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = (255, 0, 255)
    # a pixel of land next to the rim is sharpened by what lies beside it, so the rim is wide
    assert astuple(measured(view)) == pytest.approx(astuple(measured(view, other)), rel=0.02)


def test_disparity_is_that_of_land(view):
    figures = measured(view)
    land = view.disparity[view.sky < 0.01]
    assert figures.far == pytest.approx(np.percentile(land, 3), rel=0.1)
    assert figures.near == pytest.approx(np.percentile(land, 97), rel=0.1)
    assert figures.far <= figures.middle <= figures.near


def test_no_land_no_figures(view):
    figures = appearance(view.image, view.disparity, np.ones_like(view.sky))
    assert (figures.sky, figures.land) == (1.0, 0.0)
    assert math.isnan(figures.sharpness)
    assert math.isnan(figures.near)


def test_correlation_tells_noise_from_pictures(view):
    noise = np.random.default_rng(0).integers(0, 256, (80, 128, 1)).repeat(3, axis=2).astype(np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    assert abs(measured(view, noise).correlation) < 0.05
    assert measured(view, smooth).correlation > 0.9
    checkerboard = (255 * (np.indices((80, 128)).sum(axis=0) % 2))[..., None].repeat(3, axis=2).astype(np.uint8)
    assert measured(view, checkerboard).correlation < -0.9


def flight(*frames):
    return Drift.of(list(frames)).collapsed()


def test_flat_noisy_and_bare_flights_have_collapsed(view):
    good = measured(view)
    flat = replace(good, contrast=0.1 * good.contrast)
    noisy = replace(good, correlation=0.1 * good.correlation)
    harsh = replace(good, sharpness=4.0 * good.sharpness)
    bare = appearance(view.image, view.disparity, np.ones_like(view.sky))
    assert flight(good, good, good, good, good) is None
    for bad in (flat, noisy, harsh, bare):
        assert flight(good, good, *[bad] * PERSISTENCE) == 2
        assert flight(good, *[bad] * PERSISTENCE, good) == 1
        assert flight(good, bad, good, bad, good, bad) is None
    assert flight(good, flat, noisy, bare) == 1
    assert flight(good) is None
    assert flight(good, flat) is None
