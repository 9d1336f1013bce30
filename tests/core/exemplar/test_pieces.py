from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar import pieces as cutting
from core.exemplar.pieces import pieces

SIZE = HEIGHT, WIDTH = 36, 64


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.floats(0.05, 0.95), st.integers(1, 3), st.sampled_from([0.0, 0.1, 1.0]))
def test_pieces_are_connected_and_together_all_of_what_is_new(seed, share, grain, contrast):
    random = np.random.default_rng(seed)
    new = np.kron(random.random((12, 16)) < share, np.ones((grain, grain))) > 0
    looks = (contrast * random.random((*new.shape, 5))).astype(np.float32)
    total = np.zeros(new.shape, int)
    for piece in pieces(new, looks):
        assert cv2.connectedComponents(piece.astype(np.uint8), connectivity=8)[0] == 2
        total += piece
    assert np.array_equal(total, new.astype(int))


def test_what_looks_the_same_is_cut_into_about_equal_parts():
    parts = list(pieces(np.ones(SIZE, bool), np.zeros((*SIZE, 3), np.float32)))
    sizes = [part.sum() for part in parts]
    assert len(sizes) == 12
    assert max(sizes) < 1.5 * min(sizes)
    assert max(np.ptp(np.nonzero(part)[axis]) for part in parts for axis in (0, 1)) < cutting._LARGEST


def test_pieces_end_where_what_is_wanted_changes():
    """Along a slanted edge, which no rectangle follows, but for the pixels over which looks are averaged."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    side = x + y > 50
    looks = np.where(side, np.float32(0.6), np.float32(0.0))[..., None].repeat(3, axis=2)
    mixed = sum(min((piece & side).sum(), (piece & ~side).sum()) for piece in pieces(np.ones(SIZE, bool), looks))
    assert mixed <= 1.5 * HEIGHT


def test_small_parts_stay_whole():
    new, looks = np.zeros(SIZE, bool), np.random.default_rng(0).random((*SIZE, 3)).astype(np.float32)
    new[2 : 2 + cutting._LARGEST, 3 : 3 + cutting._LARGEST] = True
    new[30:34, 40:44] = True
    assert [piece.sum() for piece in pieces(new, looks)] == [cutting._LARGEST**2, 16]


def test_nothing_new_is_nothing_to_cut():
    assert not list(pieces(np.zeros(SIZE, bool), np.zeros((*SIZE, 3), np.float32)))


def test_what_is_not_connected_is_not_one_piece():
    new, looks = np.zeros(SIZE, bool), np.zeros((*SIZE, 3), np.float32)
    new[1:4, 1:4] = new[1:4, 8:12] = True
    assert len(list(pieces(new, looks))) == 2
    new[1:4, 1:12] = True
    assert len(list(pieces(new, looks))) == 1
