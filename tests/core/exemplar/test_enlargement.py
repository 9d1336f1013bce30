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
    if np.square(wanted[here[0] - 2 : here[0] + 4, here[1] - 2 : here[1] + 4]).sum() < enlargement._FLAT:
        return tuple(best - (here - 2 * own))
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


def test_detail_is_that_of_the_pieces_which_overlap():
    rng = np.random.default_rng(1)
    height, width = 13, 12
    picture, smooth = (rng.integers(100, 150, (height, width, 4), np.uint8) for _ in range(2))
    large = rng.integers(100, 150, (2 * height, 2 * width, 4), np.uint8)
    wanted, offered = (rng.normal(0.0, 9.0, (k * height, k * width)).astype(np.float32) for k in (2, 1))
    pieces = np.stack([rng.integers(2, side - 3, (height, width)) for side in (height, width)], axis=-1).astype(np.int32)
    strengths = np.empty((height, width), np.float32)
    enlargement._strengthen(pieces, wanted, offered, strengths)
    plain = large.astype(float)
    for y, x in np.ndindex(2 * height, 2 * width):
        for row, down in ((y // 2, 0.75), (y // 2 + (1 if y % 2 else -1), 0.25)):
            for column, across in ((x // 2, 0.75), (x // 2 + (1 if x % 2 else -1), 0.25)):
                of = row if 0 <= row < height else y // 2, column if 0 <= column < width else x // 2
                v, u = pieces[of] + (y, x) - 2 * np.array(of)
                plain[y, x] += down * across * strengths[of] * (picture[v, u].astype(float) - smooth[v, u])
    means = plain.reshape(height, 2, width, 2, 4).mean(axis=(1, 3))
    plain += np.repeat(np.repeat(picture - means, 2, axis=0), 2, axis=1)
    enlargement._add(pieces, strengths, picture, smooth, large)
    assert np.abs(large - plain).max() <= 0.501


def test_where_less_is_wanted_than_a_piece_has_its_detail_is_weaker():
    offered = np.random.default_rng(2).normal(0.0, 9.0, (12, 12)).astype(np.float32)
    pieces, strengths = np.full((12, 12, 2), 6, np.int32), np.empty((12, 12), np.float32)
    same = np.tile(offered[5:9, 5:9], (7, 7))[3:27, 3:27]  # around each piece what lies around (6, 6) ...
    for share in (0.0, 0.25, 4.0):
        enlargement._strengthen(pieces, share * same, offered, strengths)
        assert np.allclose(strengths[::2, ::2][1:-1, 1:-1], min(share, 1.0), atol=1e-5)
