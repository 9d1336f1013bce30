"""Patches: what comes from the photo is found there, what repeats or leaves something out is not complete."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from handmade import keyframe

from core.evaluation.patches import _SIDE, _STRIDES, PhotoPatches, _Level, _Patches

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def view():
    """A view whose texture is as strong at all sizes."""
    made = keyframe(size=(256, 160))
    random, land = np.random.default_rng(3), made.image.astype(np.float32)
    for size in ((256, 160), (64, 40), (16, 10)):
        land += cv2.resize(
            random.normal(0.0, 20.0, (*size[::-1], 3)).astype(np.float32), (256, 160), interpolation=cv2.INTER_LINEAR
        )
    return np.clip(land, 0, 255).astype(np.uint8), made.sky


@pytest.fixture(scope="module")
def photo(view) -> PhotoPatches:
    return PhotoPatches(*view)


def test_the_photo_is_found_in_itself(photo, view):
    same = photo.similarity(*view)
    assert (same.coherence, same.completeness) == pytest.approx((0.0, 0.0), abs=1e-3)
    assert same.repetition < 0.01


def test_figures_do_not_depend_on_the_contrast_of_photo_and_frame(photo, view):
    image, sky = view
    frame = np.ascontiguousarray(image[:, ::-1])
    found = photo.similarity(frame, sky)
    softer = PhotoPatches(image // 2 + 60, sky).similarity(frame // 2 + 60, sky)
    assert (softer.coherence, softer.completeness) == pytest.approx((found.coherence, found.completeness), rel=0.03)
    assert found.coherence == pytest.approx(1.0, abs=0.2)  # mirrored land is as new as one half of the photo is to the other


def test_parts_of_the_photo_are_coherent_and_incomplete(photo, view):
    image, sky = view
    tile = image[96:160, 64:128]
    tiled = image.copy()
    tiled[96:] = np.tile(tile, (1, 4, 1))
    found = photo.similarity(tiled, sky)
    assert found.coherence < 0.35
    assert found.completeness > 2.0 * found.coherence
    assert found.repetition > 0.5


def test_a_crop_moved_by_whole_pixels_of_every_width_is_coherent(photo, view):
    image, sky = view
    moved = np.roll(image, 32, axis=1)
    assert photo.similarity(moved, np.roll(sky, 32, axis=1)).coherence < 0.2


def test_other_land_is_less_coherent_the_less_it_is_like_the_photo(photo, view):
    image, sky = view
    noise = np.random.default_rng(4).normal(size=image.shape)
    found = [
        photo.similarity(np.clip(image + level * noise, 0, 255).astype(np.uint8), sky).coherence
        for level in (0.0, 10.0, 30.0, 60.0)
    ]
    assert found == sorted(found)
    assert found[-1] > 1.0


def test_smeared_land_is_coherent_with_little_of_the_photo(photo, view):
    image, sky = view
    smeared = np.asarray(cv2.blur(image, (61, 1)))
    found = photo.similarity(smeared, sky)
    assert found.completeness > found.coherence > 0.2
    assert found.repetition > 0.3


def test_sky_and_the_upper_part_do_not_count(photo, view):
    image, sky = view
    other = image.copy()
    other[:60] = 255 - other[:60]
    assert photo.similarity(other, sky).coherence == pytest.approx(0.0, abs=1e-3)
    clouded = sky.copy()
    clouded[:, :100] = 1.0
    other[:, :90] = 255 - other[:, :90]
    little = photo.similarity(other, clouded)
    assert little.coherence == pytest.approx(0.0, abs=1e-3)
    assert little.repetition < 0.01  # fewer patches than the photo has are not repeated for that


def test_without_land_there_are_no_figures(photo, view):
    image, sky = view
    found = photo.similarity(image, np.ones_like(sky))
    assert all(math.isnan(value) for value in (found.coherence, found.completeness, found.repetition))
    assert math.isnan(PhotoPatches(image, np.ones_like(sky)).similarity(image, sky).coherence)


def test_the_nearest_is_the_nearest(view):
    """The principal components find what a plain search finds, or something hardly farther."""
    image, _ = view
    land = np.ones(image.shape[:2], bool)
    known, frame = (_Patches.of(each, land, 64) for each in (image, np.ascontiguousarray(image[:, ::-1])))
    found, distances = _Level.of(known).nearest(frame, known)
    some = slice(None, None, 10)
    asked = frame.vectors[frame.asked][some]
    plain = np.sqrt(np.square(asked[:, None] - known.vectors[None]).mean(axis=2))
    assert distances[some] == pytest.approx(plain[np.arange(len(asked)), found[some]], rel=1e-4)
    assert distances[some].mean() == pytest.approx(plain.min(axis=1).mean(), rel=0.05)


def test_patches_of_one_width_lie_where_those_of_the_others_do():
    image = np.zeros((160, 256, 3), np.uint8)
    for width, stride in _STRIDES.items():
        patches = _Patches.of(image, np.ones((160, 256), bool), width)
        height = width * 160 // 256
        assert len(patches.vectors) == (height - _SIDE + 1) * (width - _SIDE + 1)
        assert len(patches.asked) == pytest.approx(len(patches.vectors) / stride**2, rel=0.05)
        assert patches.cells.max() + 1 == len(patches.asked)
