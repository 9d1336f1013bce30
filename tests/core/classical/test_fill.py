"""Filling of holes: what is continued stays as strong as it was."""

from dataclasses import replace

import numpy as np
from handmade import keyframe, punched, whole_view
from hypothesis import given, settings
from hypothesis import strategies as st

from core.classical.fill import Filling, filled, remoteness
from core.classical.prior import PriorView


def test_what_is_carried_over_the_border_view_after_view_keeps_its_strength():
    """A camera that rises slowly: each view has one more row to fill."""
    view = whole_view(keyframe())
    height, width = view.mask.shape
    image = np.random.default_rng(0).uniform(0.3, 0.7, (height, width, 3)).astype(np.float32)
    level = np.full((height, width), 0.3, np.float32)
    prior = PriorView(np.full_like(image, 0.5), level, np.zeros_like(level))
    known = np.ones((height, width), bool)
    known[0] = False
    for _ in range(20):
        lower = np.roll(image, 1, axis=0)
        seen = replace(view, image=lower * known[..., None], disparity=level * known, sky=np.zeros_like(level), mask=known)
        image = filled(seen, prior, np.zeros_like(level)).land
    strengths = image[:20].std(axis=(1, 2)) / image[20:].std()
    assert strengths.max() < 1.3
    assert strengths.min() > 0.3


@settings(deadline=None)
@given(st.floats(0.2, 2.0), st.floats(0.5, 6.0), st.floats(1.0, 30.0))
def test_remoteness_rises_from_the_near_to_the_far(scale, near, more):
    """To the right of a known column; distances that are scaled as the view is are as remote."""
    known = np.zeros((9, 120), bool)
    known[:, 0] = True
    away = remoteness(known, scale, (near, near + more))[4]
    reach = np.arange(120)
    assert not away[reach < scale * near - 1e-3].any()
    assert (away[reach > 1.05 * scale * (near + more)] == 1.0).all()  # distances are approximate
    assert (np.diff(away) >= 0.0).all()
    finer = remoteness(known, 2.0 * scale, (near, near + more))[4]
    assert np.abs(finer[::2] - away[:60]).max() < 1e-5


def test_where_nothing_is_known_all_is_remote():
    assert (remoteness(np.zeros((4, 5), bool)) == 1.0).all()
    assert not remoteness(np.ones((4, 5), bool)).any()


def test_a_coarse_filling_is_laid_around_what_is_known():
    view = whole_view(keyframe())
    height, width = view.mask.shape
    view = punched(view, np.random.default_rng(0).random((height, width)) < 0.5)
    half = np.full((height // 2, width // 2), 0.4, np.float32)
    out = Filling(np.dstack([half] * 3), half, half, half).over(view)
    solid = view.mask & (view.sky < 0.5)
    assert np.array_equal(out.land, np.where(view.mask[..., None], view.image, np.float32(0.4)))
    assert np.array_equal(out.sky, np.where(view.mask, view.sky, np.float32(0.4)))
    assert np.array_equal(out.disparity, np.where(solid, view.disparity, np.float32(0.4)))
    assert (out.remote == np.float32(0.4)).all()
