"""Enlargement: what goes in comes back as means, and the compiled search and sums are the plain ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar import enlargement
from core.exemplar.enlargement import enlarged


def _picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0.0, 1.0, (height, width, 4)).astype(np.float32), (0, 0), 1.0)
    return np.clip(127.0 + 90.0 * noise, 20.0, 235.0).astype(np.uint8)


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 40), st.integers(3, 40), st.integers(0, 9))
def test_halved_again_it_is_the_picture(height: int, width: int, seed: int):
    picture = cv2.GaussianBlur(_picture(height, width, seed), (0, 0), 1.0)  # what is enlarged of it stays within [0, 255]
    large = enlarged(picture)
    assert large.shape == (2 * height, 2 * width, 4)
    again = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    if min(height, width) >= 12:  # smaller ones are enlarged smoothly
        assert np.abs(again.astype(int) - picture).max() <= 1


@pytest.mark.parametrize("level", [0, 100, 255])
def test_what_is_flat_stays_flat(level: int):
    assert np.array_equal(enlarged(np.full((20, 30, 4), level, np.uint8)), np.full((40, 60, 4), level, np.uint8))


def test_an_edge_stays_as_sharp_as_it_was():
    picture = np.full((32, 48, 4), (40, 40, 40, 0), np.uint8)
    picture[:, 23:] = 200, 200, 200, 0
    large, smooth = enlarged(picture)[20], cv2.resize(picture, (96, 64), interpolation=cv2.INTER_CUBIC)[20]
    widths = [np.count_nonzero((row[:, 0] > 50) & (row[:, 0] < 190)) for row in (large, smooth)]
    assert widths[0] < widths[1]


def test_texture_gets_the_fine_detail_that_smooth_enlargement_lacks():
    """Of a picture halved and enlarged again, the variance of the Laplacian comes nearer to the picture's own, in logarithm."""
    whole = np.dstack([keyframe(size=(96, 64)).image, np.zeros((64, 96), np.uint8)])
    half = cv2.resize(whole, (48, 32), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(half, (96, 64), interpolation=cv2.INTER_CUBIC)
    pictures = (part[..., 1].astype(np.float32) for part in (whole, enlarged(half), smooth))
    own, ours, theirs = (np.log(cv2.Laplacian(part, cv2.CV_32F).var()) for part in pictures)
    assert theirs < ours
    assert abs(ours - own) < abs(theirs - own)


def test_pieces_are_those_that_a_plain_search_finds():
    picture = _picture(14, 17).astype(np.float32)
    large = cv2.resize(picture, (34, 28), interpolation=cv2.INTER_CUBIC)
    smooth = cv2.GaussianBlur(picture, (0, 0), 0.8)
    wanted, offered = enlargement._band(large), enlargement._band(smooth)
    pieces = np.empty((14, 17, 2), np.int32)
    enlargement._find(wanted, offered, pieces)
    for row, column in np.ndindex(14, 17):
        assert tuple(pieces[row, column]) == _plainly_found(wanted, offered, pieces, row, column)


def _plainly_found(wanted: np.ndarray, offered: np.ndarray, pieces: np.ndarray, row: int, column: int) -> tuple[int, int]:
    last = np.array(offered.shape) - 4
    own = np.array([row, column])
    here = np.clip(2 * own, 2, np.array(wanted.shape) - 4)

    def apart(there: np.ndarray) -> float:
        if (there < 2).any() or (there > last).any():
            return np.inf
        (y, x), (v, u) = here, there
        return float(np.square(wanted[y - 2 : y + 4, x - 2 : x + 4] - offered[v - 2 : v + 4, u - 2 : u + 4]).sum())

    best = np.clip(own, 2, last)
    for step in (2, 1):
        around = [best + step * np.array([j, i]) for j in (-1, 0, 1) for i in (-1, 0, 1)]
        best = min([best, *around], key=apart)
    least = apart(best)
    for back in (np.array([0, 1]), np.array([1, 0])):
        if (own >= back).all():
            there = pieces[tuple(own - back)] + 2 * back + here - 2 * own
            if 0.8 * apart(there) < least:
                least, best = 0.8 * apart(there), there
    return tuple(best - (here - 2 * own))


def test_detail_is_the_weighted_mean_of_the_pieces_that_overlap():
    rng = np.random.default_rng(1)
    height, width = 13, 12
    fine = rng.normal(0.0, 5.0, (height, width, 4)).astype(np.float32)
    wanted, offered = (rng.normal(0.0, 9.0, (k * height, k * width)).astype(np.float32) for k in (2, 1))
    pieces = np.stack([rng.integers(2, side - 3, (height, width)) for side in (height, width)], axis=-1).astype(np.int32)
    detail = np.zeros((2 * height, 2 * width, 5), np.float32)
    enlargement._add(pieces, fine, wanted, offered, detail)
    plain = np.zeros((2 * height + 2, 2 * width + 2, 5))
    hat = np.outer([0.25, 0.75, 0.75, 0.25], [0.25, 0.75, 0.75, 0.25])
    inside = np.pad(np.ones_like(wanted), 1)
    for (row, column), (v, u) in zip(np.ndindex(height, width), pieces.reshape(-1, 2), strict=True):
        here = np.s_[2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
        known = inside[here] > 0.0
        there = offered[v - 1 : v + 3, u - 1 : u + 3]
        strength = min(np.abs(np.pad(wanted, 1)[here])[known].sum() / np.abs(there)[known].sum(), 1.0)
        plain[here][..., :4] += (hat * strength)[..., None] * fine[v - 1 : v + 3, u - 1 : u + 3]
        plain[here][..., 4] += hat
    assert np.allclose(detail, plain[1:-1, 1:-1], atol=1e-3)
