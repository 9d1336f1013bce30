"""Matching another photo's land to the first one's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from handmade import keyframe

from core.exemplar.matching import ranged, recoloured

SKY = keyframe().sky


def scene(mean, deviation, seed=0, skyless=False) -> np.ndarray:
    """Land (40, 64, 4) of such colours, under a white sky."""
    land = np.random.default_rng(seed).normal(mean, deviation, (*SKY.shape, 3))
    sky = np.zeros_like(SKY) if skyless else SKY
    image = land + sky[..., None] * (255.0 - land)
    return np.dstack([image, 255.0 * sky]).clip(0.0, 255.0).astype(np.uint8)


def lab(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture[..., :3] / np.float32(255.0), cv2.COLOR_RGB2LAB)[picture[..., 3] < 100]


NEAR = np.full(SKY.shape, 0.3, np.float32)
MEADOW, ROCK = scene((60, 110, 50), (12, 20, 10)), scene((120, 115, 125), (18, 18, 16), seed=1)


def test_land_takes_on_mean_and_covariance_and_sky_counts_for_nothing():
    out = recoloured(MEADOW, NEAR, ROCK, NEAR)
    assert np.abs(lab(out).mean(axis=0) - lab(ROCK).mean(axis=0)).max() < 1.5
    assert np.abs(np.cov(lab(out).T) - np.cov(lab(ROCK).T)).max() < 0.3 * np.cov(lab(ROCK).T).max()
    assert np.array_equal(out[..., 3], MEADOW[..., 3])


def test_near_land_is_matched_to_near_land_and_far_to_far():
    """Whatever of either there is: most of this photo is rock, most of that one meadow."""
    rows = np.arange(len(SKY))[:, None] * np.ones_like(SKY)
    far, farther = (np.where(rows < edge, np.float32(0.05), np.float32(0.8)) for edge in (30, 20))
    rocky, grassy = (np.where((depth < 0.1)[..., None], ROCK, MEADOW) for depth in (far, farther))
    out = recoloured((0.8 * rocky).astype(np.uint8), far, grassy, farther)
    for part in (rows >= 30, (rows < 30) & (SKY < 0.05)):
        mine, wanted = (picture[part][:, :3].mean(axis=0) for picture in (out, rocky))
        assert np.abs(mine - wanted).max() < 6.0


def test_what_is_alike_stays_as_it_is():
    assert np.abs(recoloured(MEADOW, NEAR, MEADOW, NEAR).astype(int) - MEADOW)[..., :3].max() <= 2


def test_noise_is_not_blown_up():
    calm = scene((60, 110, 50), 2.0, skyless=True)
    out = recoloured(calm, NEAR, scene((120, 90, 80), 40.0, seed=2, skyless=True), NEAR)
    assert lab(out).std(axis=0).max() < 1.5 * lab(calm).std(axis=0).max()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_photos_of_one_colour_or_all_sky(value: int):
    for alpha in (0, 255):
        plain = np.full((16, 24, 4), (value, value, value, alpha), np.uint8)
        out = recoloured(plain, NEAR, MEADOW, NEAR)
        assert np.abs(out[..., :3].mean(axis=(0, 1)) - (60, 110, 50)).max() < 6.0
        recoloured(MEADOW, NEAR, plain, NEAR)


def test_land_reaches_as_far_and_as_near():
    land, sky = np.geomspace(0.02, 0.5, 64 * 40, dtype=np.float32).reshape(40, 64), np.zeros((40, 64), np.float32)
    out = ranged(np.sqrt(land), sky, land, sky)
    assert np.abs(np.log(out / land)).max() < 0.01
    flat = ranged(np.full_like(land, 0.3), sky, land, sky)
    assert np.isfinite(flat).all()
    assert np.ptp(flat) == 0.0
    assert ranged(land, np.ones_like(sky), land, sky).min() >= 0.01
