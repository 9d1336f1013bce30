"""Likeness: known values, the published SSIM as twin, and that what is not seen does not count."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core.evaluation.likeness import likeness, psnr, ssim_map

pytestmark = pytest.mark.usefixtures("one_thread")
WHOLE = np.ones((32, 48), bool)


@pytest.fixture
def picture() -> np.ndarray:
    rows, columns = np.mgrid[:32, :48] / 48.0
    waves = np.stack([np.sin(9 * rows), np.cos(7 * columns), np.sin(5 * rows * columns)], axis=-1)
    return (0.5 + 0.2 * waves + np.random.default_rng(0).uniform(-0.1, 0.1, (32, 48, 3))).astype(np.float32)


def test_psnr_of_a_known_error(picture):
    assert psnr(picture + np.float32(0.1), picture, WHOLE) == pytest.approx(20.0, abs=1e-3)
    assert psnr(picture + np.float32(0.01), picture, WHOLE) == pytest.approx(40.0, abs=1e-2)
    assert psnr(picture, picture, WHOLE) == math.inf
    half = WHOLE.copy()
    half[:, 24:] = False
    spoilt = picture.copy()
    spoilt[:, 24:] += 0.3
    spoilt[:, :24] += 0.1
    assert psnr(spoilt, picture, half) == pytest.approx(20.0, abs=1e-3)


def test_ssim_is_the_published_one(picture):
    from torchmetrics.functional.image import structural_similarity_index_measure

    other = np.clip(picture + np.random.default_rng(1).normal(0.0, 0.05, picture.shape), 0.0, 1.0).astype(np.float32)
    pair = [torch.from_numpy(each).permute(2, 0, 1)[None].double() for each in (other, picture)]
    _, full = structural_similarity_index_measure(*pair, data_range=1.0, return_full_image=True)
    twin = full[0].mean(0).numpy()
    ours = ssim_map(other, picture)
    assert ours.shape == twin.shape
    np.testing.assert_allclose(ours[5:-5, 5:-5], twin[5:-5, 5:-5], atol=1e-5)
    assert np.allclose(ssim_map(picture, picture), 1.0)


def test_noise_is_unlike_and_more_of_it_more_so(picture, vgg):
    noise = np.random.default_rng(2).normal(size=picture.shape).astype(np.float32)
    some, more = (likeness(picture + level * noise, picture, WHOLE, vgg) for level in (np.float32(0.02), np.float32(0.1)))
    same = likeness(picture, picture, WHOLE, vgg)
    assert (same.ssim, same.lpips, same.seen) == (pytest.approx(1.0), 0.0, 1.0)
    assert same.psnr > some.psnr > more.psnr
    assert same.ssim > some.ssim > more.ssim
    assert same.lpips < some.lpips < more.lpips


def test_what_is_not_seen_does_not_count(picture, vgg):
    seen = WHOLE.copy()
    seen[:, :20] = False
    spoilt = np.clip(picture + np.float32(0.05), 0.0, 1.0)
    worse = spoilt.copy()
    worse[:, :20] = 0.0
    assert likeness(spoilt, picture, seen, vgg) == likeness(worse, picture, seen, vgg)
    assert likeness(spoilt, picture, seen, vgg).seen == pytest.approx(28 / 48)


def test_too_little_is_not_judged(picture, vgg):
    seen = np.zeros((32, 48), bool)
    seen[:5, :5] = True
    assert likeness(picture, picture, seen, vgg) is None
