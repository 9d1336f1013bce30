"""Water lies flat whatever it mirrors."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.water import levelled

H, W = 80, 120
SHORE = 40
NO_SKY = np.zeros((H, W), np.float32)


def lake():
    """A level lake below row 40, in which a mountain's image pretends to be far, and its probability."""
    truth = np.repeat(np.maximum(np.arange(H) - 30.0, 3.0)[:, None] / 60.0, W, axis=1).astype(np.float32)
    seen = truth.copy()
    seen[45:60, 30:70] = 0.08
    water = np.zeros((H, W), np.float32)
    water[SHORE:] = 1.0
    return truth, seen, water


def test_mirrored_mountains_vanish():
    truth, seen, water = lake()
    out = levelled(seen, water, NO_SKY)
    assert np.abs(out - truth)[SHORE:].max() < 0.03
    assert np.ptp(out[SHORE:], axis=1).max() < 1e-6


def test_land_and_puddles_are_left_alone():
    _, seen, water = lake()
    out = levelled(seen, water, NO_SKY)
    assert np.array_equal(out[:SHORE], seen[:SHORE])
    puddle = np.zeros((H, W), np.float32)
    puddle[50:54, 60:66] = 1.0
    assert np.array_equal(levelled(seen, puddle, NO_SKY), seen)


def test_rocks_keep_their_place():
    _, seen, water = lake()
    water[60:70, 80:95] = 0.0
    seen[60:70, 80:95] = 0.9
    assert (levelled(seen, water, NO_SKY)[60:70, 80:95] == np.float32(0.9)).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_never_falls_towards_the_viewer(seed):
    rng = np.random.default_rng(seed)
    _, _, water = lake()
    out = levelled(rng.random((H, W)).astype(np.float32), water, NO_SKY)
    assert np.isfinite(out).all()
    assert (np.diff(out[SHORE:, 0]) >= -1e-6).all()
    assert out[SHORE:].min() >= 0.0


@given(st.floats(0.0, 1.0))
@settings(max_examples=20, deadline=None)
def test_stays_between_what_was_and_the_plane(probability):
    truth, seen, water = lake()
    out = levelled(seen, water * np.float32(probability), NO_SKY)
    low, high = np.minimum(truth, seen) - 0.03, np.maximum(truth, seen) + 0.03
    assert ((out >= low) & (out <= high)).all()


def test_the_sea_meets_the_horizon_at_infinity():
    _, _, water = lake()
    sky = NO_SKY.copy()
    sky[:SHORE] = 1.0
    out = levelled(np.full((H, W), 0.6, np.float32), water, sky)
    assert out[SHORE].max() < 0.05
    assert out[-1].min() > 0.5


def test_what_stands_on_the_far_shore_is_far_and_branches_above_the_sky_are_not():
    truth, seen, water = lake()
    sky = NO_SKY.copy()
    sky[10:30] = 1.0
    seen[:SHORE] = 0.9
    out = levelled(seen, water, sky)
    assert out[31:SHORE].max() < truth[SHORE].max() + 0.05
    assert (out[:10] == np.float32(0.9)).all()
