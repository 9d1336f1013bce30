from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar import search as searching
from core.exemplar.coherence import NOWHERE
from core.exemplar.levels import COLOUR, SHUT, Level
from core.exemplar.loops import Loops
from core.exemplar.search import Believed, Piece, Positions, Search, _badly, add_up

LOOKS, COUNT = 12, 15  # features that are looks, and all of them
ROWS, COLUMNS = 12, 16
BARRED = searching._BARRED


def level(features=None, shut=(), rarity=None, foreign=None):
    """A photo of ROWS x COLUMNS pixels whose features are given, unfolded."""
    if features is None:
        features = np.random.default_rng(0).integers(0, 128, (ROWS, 2 * COLUMNS, COUNT), np.int32)
    picture = np.zeros((ROWS, 2 * COLUMNS, 4), np.uint8)
    picture.reshape(-1, 4)[list(shut), 3] = SHUT
    return Level(picture, picture, features, None, COLUMNS, rarity, foreign)


def here(left=0, top=0, size=(ROWS, 2 * COLUMNS)):
    """Every pixel shows what lies (left, top) from it in the photo."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([x + left, y + top], axis=-1).astype(np.int32)


def box(top, bottom, left, right, size=(ROWS, 2 * COLUMNS)):
    new = np.zeros(size, bool)
    new[top:bottom, left:right] = True
    return new


def found(photo, query, new, labels=None, believed=(1.0, 1.0, 1.0)):
    labels = np.where(new[..., None], NOWHERE, here()).astype(np.int32) if labels is None else labels.copy()
    Search(photo, Loops())(query, Believed(*(np.full(new.shape, part, np.float32) for part in believed)), new, labels)
    return labels


def plain_sum(piece, positions, price, at, shape):
    """What ``add_up`` adds up, shift by shift."""
    rows, width = len(positions.closed) // positions.width, positions.width
    total = np.zeros(shape)
    down, across = shape[0] - rows, shape[1] - width
    for row, column in np.ndindex(shape):
        for i in range(len(at)):
            y, x = row - down + at[i, 0], column - across + at[i, 1]
            apart = BARRED
            if 0 <= y < rows and 0 <= x < width:
                j = y * width + x
                squares = np.square(positions.features[:, j].astype(float) - piece.wanted[i])
                detail, colour, places = (part.sum() for part in np.split(squares, [LOOKS - COLOUR, LOOKS]))
                looks = piece.detail[i] * detail + piece.colour[i] * colour
                apart = min(looks + piece.places[i] * (places + price[j]) + positions.closed[j], BARRED)
            total[row, column] += apart
    return total


def sought(seed, height=3, width=4, count=6, rows=5, columns=7):
    """What ``add_up`` takes: a piece of ``count`` pixels, height x width of them at most, and a photo of rows x columns."""
    random = np.random.default_rng(seed)
    features = random.integers(0, 25, (COUNT, rows * columns)).astype(np.float32)
    squares = tuple(np.square(part).sum(axis=0) for part in np.split(features, [LOOKS - COLOUR, LOOKS]))
    closed = np.where(random.random(rows * columns) < 0.3, np.float32(BARRED), np.float32(0.0))
    positions = Positions(features, squares, closed, LOOKS, columns)
    at = np.stack([random.integers(0, height, count), random.integers(0, width, count)], axis=-1)
    at[0] = height - 1, width - 1
    wanted = random.integers(0, 25, (count, COUNT)).astype(np.float32)
    detail, colour = random.random((2, count), np.float32)
    piece = Piece(at, wanted, detail, colour, (np.arange(count) % 5 > 0).astype(np.float32), count)
    price = random.uniform(0.0, 500.0, rows * columns).astype(np.float32)
    return piece, positions, price, at, np.full((rows + height - 1, columns + width - 1), count * BARRED)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.integers(1, 6))
def test_what_shifts_cost_is_that_of_a_plain_sum(seed, height, width, count):
    piece, positions, price, at, total = sought(seed, height, width, count)
    add_up(piece, positions, price, at, total)
    assert np.abs(total - plain_sum(piece, positions, price, at, total.shape)).max() < 0.05


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(-6, 6), st.integers(-3, 3))
def test_a_piece_of_the_photo_is_found_where_it_is(seed, left, top):
    random = np.random.default_rng(seed)
    photo = level(random.integers(0, 128, (ROWS, 2 * COLUMNS, COUNT), np.int32))
    new = box(4, 8, 10, 18)
    query = np.roll(photo.features, (-top, -left), axis=(0, 1))
    labels = found(photo, query, new, np.where(new[..., None], NOWHERE, here(left, top)).astype(np.int32))
    assert np.array_equal(labels[new], here(left, top)[new])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.floats(0.05, 0.9))
def test_new_pixels_show_something_and_others_what_they_did(seed, share):
    random = np.random.default_rng(seed)
    photo, new = level(), random.random((ROWS, 2 * COLUMNS)) < share
    before = random.integers(0, (2 * COLUMNS, ROWS), (ROWS, 2 * COLUMNS, 2)).astype(np.int32)
    labels = found(photo, random.integers(0, 128, photo.features.shape, np.int32), new, before)
    assert np.array_equal(labels[~new], before[~new])
    assert (labels[new] >= 0).all()
    assert (labels[new] < (2 * COLUMNS, ROWS)).all()


def test_what_is_shut_gives_way_to_what_is_open():
    """The best shift would show what may not be copied: the next best is shown."""
    random = np.random.default_rng(3)
    features = random.integers(0, 40, (ROWS, 2 * COLUMNS, COUNT), np.int32)
    shut = [row * 2 * COLUMNS + column for row in range(4, 8) for column in range(10, 18)]
    new = box(4, 8, 10, 18)
    labels = found(level(features, shut), features, new, np.full((ROWS, 2 * COLUMNS, 2), NOWHERE, np.int32))
    u, v = labels[new].T
    assert not np.isin(v * 2 * COLUMNS + u, shut).any()


def test_a_photo_that_is_all_shut_is_searched_all_the_same():
    photo = level(shut=range(ROWS * 2 * COLUMNS))
    new = box(4, 8, 10, 18)
    assert np.array_equal(found(photo, photo.features, new)[new], here()[new])


def test_what_lies_around_decides_between_equals():
    """The same piece stands twice in the photo: that is taken which goes on as the view does."""
    photo = level()
    photo.features[2:8, 20:28] = photo.features[2:8, 4:12]
    new = box(3, 7, 5, 11)
    for left in (0, 16):
        around = np.where(new[..., None], NOWHERE, here(left)).astype(np.int32)
        assert np.array_equal(found(photo, photo.features + 3, new, around)[new], here(left)[new])


def test_what_was_suggested_is_taken_if_it_suits():
    photo, new = level(), box(4, 8, 10, 18)
    query = photo.features + np.random.default_rng(4).integers(-9, 10, photo.features.shape, np.int32)
    noisy = found(photo, query, new, here())
    assert np.array_equal(noisy[new], here()[new])
    wrong = found(photo, query, new, np.where(new[..., None], here()[::-1, ::-1], here()).astype(np.int32))
    assert np.array_equal(wrong[new], here()[new])


def test_what_was_suggested_in_part_is_found_elsewhere():
    photo, new = level(), box(4, 8, 10, 18)
    suggested = np.where(new[..., None], NOWHERE, here()).astype(np.int32)
    suggested[4:8, 10:16] = here()[4:8, 10:16]
    assert np.array_equal(found(photo, photo.features, new, suggested)[new], here()[new])


def test_only_what_lies_together_suits_badly():
    """Specks stay, at the rim of the piece as well; a square goes, and just that."""
    at = np.argwhere(box(2, 12, 1, 13))
    nothing = np.zeros(len(at), np.float32)
    piece = Piece(at, nothing, nothing, nothing, nothing, len(at))
    for square, goes in ((box(5, 9, 4, 8), True), (box(2, 6, 1, 5), True), (box(2, 4, 1, 3), False), (box(10, 12, 4, 9), False)):
        far = square[at[:, 0], at[:, 1]]
        assert np.array_equal(_badly(piece, far), far & goes)


def rare_and_common():
    """A photo that is the same everywhere but for one thing, and all of it with depth, sky and row of its own."""
    features = np.zeros((ROWS, 2 * COLUMNS, COUNT), np.int32)
    features[4:8, 4:8, 0] = 30
    rarity = np.square(features[..., 0]).astype(np.float32).ravel()
    return level(features, shut=np.flatnonzero(np.arange(ROWS * 2 * COLUMNS) % (2 * COLUMNS) >= COLUMNS), rarity=rarity)


def test_of_equals_the_one_of_the_first_photo_is_shown():
    features = np.random.default_rng(0).integers(0, 128, (ROWS, 2 * COLUMNS, COUNT), np.int32)
    features[:, COLUMNS:] = features[:, :COLUMNS]
    new = box(2, 6, 3, 8)
    for side in range(2):
        foreign = np.where(np.arange(ROWS * 2 * COLUMNS) % (2 * COLUMNS) < COLUMNS, 50.0 * side, 50.0 * (1 - side))
        labels = found(level(features, foreign=foreign.astype(np.float32)), features, new)
        assert ((labels[new][:, 0] >= COLUMNS) == bool(side)).all()


@pytest.mark.parametrize(("detail", "colour"), [(0.0, 1.0), (1.0, 0.0), (0.3, 2.0)])
def test_colour_and_detail_count_as_far_as_they_are_believed(detail, colour):
    """One place has the colour that is wanted, another the detail."""
    features = np.zeros((ROWS, 2 * COLUMNS, COUNT), np.int32)
    features[4:8, 2:6, LOOKS - COLOUR : LOOKS], features[4:8, 10:14, : LOOKS - COLOUR] = 60, 40
    query, new = np.zeros_like(features), box(4, 8, 20, 24)
    query[new, LOOKS - COLOUR : LOOKS], query[new, : LOOKS - COLOUR] = 60, 40
    u, v = found(level(features), query, new, np.full((*new.shape, 2), NOWHERE, np.int32), (detail, colour, 1.0))[new].T
    assert (features[v, u, LOOKS - 1] == 60).all() == (colour > detail)
    assert (features[v, u, 0] == 40).all() == (detail > colour)


@pytest.mark.parametrize(("shown", "area"), [(False, 1.0), (True, 1.0), (True, 0.01)])
def test_what_is_rare_and_shown_elsewhere_is_not_shown_again(shown, area):
    """Unless it is shown so magnified that little of it is."""
    photo, new = rare_and_common(), box(4, 8, 20, 24)
    query = np.zeros_like(photo.features)
    query[new, 0] = 20
    labels = np.full((ROWS, 2 * COLUMNS, 2), NOWHERE, np.int32)
    if shown:
        labels[2:10, 2:10] = here()[2:10, 2:10]
    u, v = found(photo, query, new, labels, (1.0, 1.0, area))[new].T
    assert (photo.features[v, u, 0] == 30).all() != (shown and area == 1.0)
