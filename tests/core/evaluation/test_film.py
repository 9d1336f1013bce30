"""Film: what a picture's land looks like, found through its lookup."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import cv2
import numpy as np
import pytest
from handmade import keyframe

from core.evaluation.film import of_picture
from core.warp import warp
from core.warp.cpu import CpuWarper


@pytest.fixture(scope="module")
def view():
    return keyframe(size=(256, 160))


@pytest.fixture(scope="module")
def lookup(view):
    return warp((view,), view.camera, (256, 160), CpuWarper(threads=1))


def test_blurred_land_is_less_sharp_and_flat_land_without_contrast(view, lookup):
    found = [of_picture(np.asarray(cv2.GaussianBlur(view.image, (0, 0), sigma)), lookup).laplacian for sigma in (0.3, 0.7, 1.5)]
    assert of_picture(view.image, lookup).laplacian >= found[0] > found[1] > found[2]
    flat = of_picture(np.full_like(view.image, (51, 102, 204)), lookup)
    assert (flat.laplacian, flat.contrast) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert (flat.red, flat.green, flat.blue) == pytest.approx((0.2, 0.4, 0.8), rel=1e-3)


def test_the_sky_and_its_rim_do_not_count(view, lookup):
    other = view.image.copy()
    other[cv2.dilate((lookup.disparity == 0.0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = (255, 0, 255)
    assert astuple(of_picture(other, lookup)) == pytest.approx(astuple(of_picture(view.image, lookup)), rel=0.01)


def test_without_land_there_are_no_figures(view, lookup):
    none = replace(lookup, disparity=np.zeros_like(lookup.disparity))
    assert all(math.isnan(value) for value in astuple(of_picture(view.image, none))[2:])
