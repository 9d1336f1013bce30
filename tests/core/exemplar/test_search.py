from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar.coherence import NOWHERE
from core.exemplar.levels import SHUT, Level
from core.exemplar.search import TRUSTED, Search, closest

LOOKS, COUNT = 12, 15  # features that are looks, and all of them
ROWS, COLUMNS = 8, 12
CELL = 4


def level(features=None, shut=(), rarity=None):
    """A photo of ROWS x COLUMNS pixels whose features are given, unfolded."""
    if features is None:
        features = np.random.default_rng(0).integers(0, 128, (ROWS, 2 * COLUMNS, COUNT), np.int32)
    picture = np.zeros((ROWS, 2 * COLUMNS, 4), np.uint8)
    picture.reshape(-1, 4)[list(shut), 3] = SHUT
    return Level(picture, picture, features, None, COLUMNS, rarity)


def found(search, query, labels=None, stay=1.0, new=None):
    labels = np.full((*query.shape[:2], 2), NOWHERE, np.int32) if labels is None else labels.copy()
    new = np.ones(labels.shape[:2], bool) if new is None else new
    search(query, np.full(labels.shape[:2], TRUSTED, np.int32), new, labels, stay)
    return labels


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 20), st.floats(1.0, 4.0, width=32))
def test_the_closest_is_that_of_a_plain_search(seed, positions, pixels, stay):
    random = np.random.default_rng(seed)
    features = random.integers(0, 128, (positions, COUNT)).astype(np.float32)
    wanted = random.integers(0, 128, (pixels, COUNT)).astype(np.float32)
    share = random.integers(0, TRUSTED + 1, pixels).astype(np.float32) / TRUSTED
    price = random.integers(0, 5000, positions).astype(np.float32)
    present = random.integers(-1, positions, pixels)
    squares = np.square(features[:, :LOOKS]).sum(axis=1), np.square(features[:, LOOKS:]).sum(axis=1)
    best, bid = closest(wanted, share, LOOKS, np.ascontiguousarray(features.T), squares, price, present, np.float32(stay))
    for i in range(pixels):
        weight = np.where(np.arange(COUNT) < LOOKS, share[i], 1.0)
        away = (weight * np.square(features - wanted[i])).sum(axis=1)
        nearest = int(np.argmin(away + price))
        if present[i] >= 0 and away[present[i]] <= np.float32(stay) * np.float32((away + price)[nearest]):
            nearest = present[i]
        assert best[i] == nearest
        assert bid[i] == (away + price)[nearest]


def test_what_is_in_the_photo_is_found_there():
    photo = level()
    labels = found(Search(photo), photo.features)
    assert np.array_equal(labels, np.stack(np.meshgrid(np.arange(2 * COLUMNS), np.arange(ROWS)), axis=-1))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.floats(0.05, 0.95))
def test_what_is_shut_is_never_returned(seed, share):
    random = np.random.default_rng(seed)
    shut = np.flatnonzero(random.random(ROWS * 2 * COLUMNS) < share)[1:]
    photo = level(shut=shut)
    labels = np.stack([random.integers(0, 2 * COLUMNS, (ROWS, 9)), random.integers(0, ROWS, (ROWS, 9))], axis=-1)
    labels = found(Search(photo), photo.features[:, :9], labels.astype(np.int32), stay=100.0)
    assert (photo.picture[labels[..., 1], labels[..., 0], 3] != SHUT).all()


def test_a_photo_that_is_all_shut_is_searched_all_the_same():
    photo = level(shut=range(ROWS * 2 * COLUMNS))
    labels = found(Search(photo), photo.features)
    assert (labels >= 0).all()
    assert (labels < (2 * COLUMNS, ROWS)).all()


def test_only_new_pixels_are_searched_for():
    photo = level()
    new = np.random.default_rng(1).random((ROWS, 2 * COLUMNS)) < 0.5
    before = np.full((ROWS, 2 * COLUMNS, 2), 3, np.int32)
    labels = found(Search(photo), photo.features, before, new=new)
    assert (labels[~new] == 3).all()
    assert (labels[new] != 3).any()


def test_what_is_there_stays_within_limits():
    photo = level()
    query = photo.features + np.random.default_rng(2).integers(-9, 10, photo.features.shape, np.int32)
    there = np.random.default_rng(3).integers(0, (2 * COLUMNS, ROWS), (ROWS, 2 * COLUMNS, 2)).astype(np.int32)
    search = Search(photo)
    assert np.array_equal(found(search, query, there, stay=1e6), there)
    strict, free = found(search, query, there, stay=1.0), found(search, query)
    assert np.array_equal(strict, free)


def rare_and_common():
    """A photo that is the same everywhere but for one cell."""
    features = np.zeros((ROWS, 2 * COLUMNS, COUNT), np.int32)
    features[:CELL, :CELL, 0] = 100
    rarity = np.square(features[..., 0]).astype(np.float32).ravel()
    return level(features, shut=np.flatnonzero(np.arange(ROWS * 2 * COLUMNS) % (2 * COLUMNS) >= COLUMNS), rarity=rarity)


def lean(share):
    """What is wanted: from what is common to what is rare, ``share`` (h, w) in [0, 1]."""
    query = np.zeros((*share.shape, COUNT), np.int32)
    query[..., 0] = np.rint(100.0 * share)
    return query


def test_what_is_rare_is_shown_once_and_to_those_that_want_it_most():
    share = np.random.default_rng(0).permutation(np.linspace(0.6, 0.99, 120)).reshape(10, 12)
    labels = found(Search(rare_and_common()), lean(share))
    shown = (labels < CELL).all(axis=-1)
    assert 0 < shown.sum() <= CELL**2
    assert share[shown].min() >= share[~shown].max() - 0.011  # wants are rounded


def test_a_mirror_image_is_shown_with_what_it_mirrors():
    """What is rare stands in the photo and in its mirror image, and is shown once all the same."""
    photo = rare_and_common()
    photo.features[:] = np.maximum(photo.features, photo.features[:, ::-1])
    photo.picture[..., 3] = 0
    rarity = np.square(photo.features[..., 0]).astype(np.float32).ravel()
    before = np.full((10, 12, 2), NOWHERE, np.int32)
    before[:CELL, :CELL] = np.stack(np.meshgrid(np.arange(CELL), np.arange(CELL)), axis=-1)
    shown = before[..., 0] >= 0
    labels = found(Search(replace(photo, rarity=rarity)), lean(np.full((10, 12), 0.9)), before, new=~shown)
    u, v = labels[~shown].T
    assert not photo.features[v, u, 0].any()


def test_what_is_rare_and_shown_elsewhere_is_not_shown_again():
    shown = np.zeros((10, 12), bool)
    shown[:CELL, :CELL] = True
    before = np.full((10, 12, 2), NOWHERE, np.int32)
    before[:CELL, :CELL] = np.stack(np.meshgrid(np.arange(CELL), np.arange(CELL)), axis=-1)
    labels = found(Search(rare_and_common()), lean(np.full((10, 12), 0.9)), before, new=~shown)
    assert (labels[shown] < CELL).all()
    assert not (labels[~shown] < CELL).all(axis=-1).any()
