from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import here
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar.atlas import Atlas
from core.exemplar.coherence import NOWHERE
from core.exemplar.levels import SHUT, guide
from core.exemplar.loops import Loops
from core.exemplar.search import Believed
from core.exemplar.synthesis import Synthesis, Wanted, _go_on, _handed_down, _in_front, _wide

WIDTH, HEIGHT = 128, 80
PHOTO = keyframe(size=(WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def synthesis():
    return Synthesis(Atlas.of([PHOTO], WIDTH), Loops())


def wanted(new, source=None):
    """The photo, with what is ``new`` (h, w) to be found again."""
    land = PHOTO.sky < 0.5
    source = here(WIDTH, HEIGHT) if source is None else source
    return Wanted(
        picture=PHOTO.image,
        guides=guide(PHOTO.disparity, PHOTO.sky, here(WIDTH, HEIGHT)[..., 1] / HEIGHT, Atlas.of([PHOTO], WIDTH).above),
        believed=Believed(*np.ones((3, HEIGHT, WIDTH), np.float32)),
        new=new & land,
        source=np.where((land & ~new)[..., None], source, np.float32(np.nan)),
    )


def cropped(view, part):
    """A ``part`` of ``view``."""
    believed = Believed(*(plane[part] for plane in view.believed))
    return Wanted(view.picture[part], view.guides[part], believed, view.new[part], view.source[part])


def hole(top=50, bottom=70, left=40, right=90):
    new = np.zeros((HEIGHT, WIDTH), bool)
    new[top:bottom, left:right] = True
    return new


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 999))
def test_what_is_not_new_is_as_it_was(synthesis, seed):
    random = np.random.default_rng(seed)
    new = np.kron(random.random((10, 16)) < 0.4, np.ones((8, 8))) > 0
    view = wanted(new, random.uniform(0.0, (2 * WIDTH, HEIGHT), (HEIGHT, WIDTH, 2)).astype(np.float32))
    labels = synthesis(view)
    known = np.isfinite(view.source[..., 0])
    assert np.array_equal(labels[known], np.floor(view.source[known]))
    assert (labels[~known & ~view.new] == NOWHERE).all()


def test_where_nothing_is_new_nothing_is_found(synthesis):
    labels = synthesis(wanted(np.zeros((HEIGHT, WIDTH), bool)))
    land = PHOTO.sky < 0.5
    assert np.array_equal(labels[land], np.floor(here(WIDTH, HEIGHT))[land])
    assert (labels[~land] == NOWHERE).all()


@pytest.mark.parametrize("whole", [False, True])
def test_new_pixels_show_what_may_be_copied(synthesis, whole):
    view = wanted(np.ones((HEIGHT, WIDTH), bool) if whole else hole())
    labels = synthesis(view)[view.new]
    assert (labels >= 0).all()
    assert (labels < (2 * WIDTH, HEIGHT)).all()
    assert (synthesis.levels[0].picture[labels[:, 1], labels[:, 0], 3] == SHUT).mean() < 0.01


def test_what_the_photo_has_is_found_where_it_is(synthesis):
    """A hole that is to look as the photo does there is filled with large patches, of about the same rows."""
    view = wanted(hole())
    labels = synthesis(view)
    inside = labels[52:68, 42:88]
    assert np.abs(inside[..., 1] - np.arange(52, 68)[:, None]).mean() < 8.0
    coherent = (np.diff(inside, axis=1) == (1, 0)).all(axis=-1)
    assert coherent.mean() > 0.7


def test_the_same_is_found_again(synthesis):
    view = wanted(hole())
    first = synthesis(view)
    synthesis(wanted(hole(30, 60, 10, 60)))
    assert np.array_equal(first, synthesis(view))
    assert np.array_equal(first, Synthesis(Atlas.of([PHOTO], WIDTH), Loops())(view))


def test_what_is_wanted_is_left_as_it_is(synthesis):
    view = wanted(hole())
    before = {name: np.copy(part) for name, part in vars(view).items()}
    synthesis(view)
    assert all(np.array_equal(part, before[name], equal_nan=True) for name, part in vars(view).items() if name != "new")
    assert np.array_equal(view.new, before["new"])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, WIDTH), st.integers(1, HEIGHT))
def test_views_of_any_size_are_padded_by_what_is_not_new(width, height):
    whole = wanted(np.ones((HEIGHT, WIDTH), bool))
    view = cropped(whole, np.s_[:height, :width])
    padded = view.padded()
    assert padded.new.shape == (-(-height // 4) * 4, -(-width // 4) * 4)
    again = cropped(padded, np.s_[:height, :width])
    for name, part in vars(view).items():
        assert np.array_equal(getattr(again, name), part, equal_nan=name == "source")
    assert padded.new.sum() == view.new.sum()
    assert not np.isfinite(padded.source[height:]).any()
    assert not np.isfinite(padded.source[:, width:]).any()


@pytest.mark.parametrize("size", [(61, 37), (8, 9), (1, 1)])
def test_views_of_any_size_are_found(synthesis, size):
    width, height = size
    whole = wanted(np.ones((HEIGHT, WIDTH), bool))
    view = cropped(whole, np.s_[HEIGHT - height :, :width])
    labels = synthesis(view)
    assert labels.shape == (height, width, 2)
    assert (labels[view.new] >= 0).all()
    assert (labels[view.new] < (2 * WIDTH, HEIGHT)).all()


@pytest.mark.parametrize("number", [1, 2])
def test_a_coarser_level_wants_the_same(number):
    """Means of what is wanted; positions are those of the pixel in the middle."""
    flat = replace(wanted(np.zeros((HEIGHT, WIDTH), bool)), picture=np.full_like(PHOTO.image, 77), source=here(WIDTH, HEIGHT))
    coarse, scale = flat.at(number), 2**number
    assert coarse.new.shape == (HEIGHT // scale, WIDTH // scale)
    assert (coarse.picture == 77).all()
    assert np.abs(coarse.source - here(WIDTH // scale, HEIGHT // scale)).max() <= 0.5
    assert np.abs(coarse.guides.mean(axis=(0, 1)) - flat.guides.mean(axis=(0, 1))).max() < 1e-4
    assert replace(flat, new=hole(0, 80, 0, 128)).at(number).new.all()


def test_a_pixel_hands_its_position_down_to_four():
    labels = np.random.default_rng(0).integers(0, 50, (4, 6, 2), np.int32)
    fine = _handed_down(labels)
    y, x = np.mgrid[:8, :12]
    assert np.array_equal(fine, 2 * labels[y // 2, x // 2] + np.stack([x % 2, y % 2], axis=-1))


def test_in_what_is_narrow_the_land_behind_goes_on():
    """Between near land and far land a crack shows what lies behind, wherever it is to be cut."""
    depth = np.full((HEIGHT, WIDTH), 0.2, np.float32)
    depth[:, 60:] = 0.9
    new = np.zeros((HEIGHT, WIDTH), bool)
    new[:, 57:60] = True
    labels = here(WIDTH, HEIGHT).astype(np.int32)
    labels[:, 60:] += (7, 3)
    labels[new] = NOWHERE
    front = _in_front(depth)
    assert front[:, 60:62].all()
    assert not front[:, :60].any()
    assert not front[:, 64:].any()
    _go_on(labels, new, ~new & ~front)
    assert np.array_equal(labels[:, :60], here(WIDTH, HEIGHT)[:, :60].astype(np.int32))


def test_nothing_goes_on_where_nothing_is_known():
    labels = np.full((8, 8, 2), NOWHERE, np.int32)
    _go_on(labels, np.ones((8, 8), bool), np.zeros((8, 8), bool))
    assert (labels == NOWHERE).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(7, 20))
def test_only_what_is_narrow_is_not_wide(narrow, wide):
    new = np.zeros((40, 60), bool)
    new[:, 5 : 5 + narrow] = True
    new[:, 30 : 30 + wide] = True
    kept = _wide(new)
    assert not kept[:, :20].any()
    assert kept[:, 30 : 30 + wide].mean() > 0.9
    assert not kept[:, 30 + wide :].any()
