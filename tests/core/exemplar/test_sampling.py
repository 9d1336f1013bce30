from __future__ import annotations

import numpy as np
import pytest
from exemplars import flat, here, patchwork
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar.sampling import COHERENT, Patches, borders, gathered, mix, show_sky, stretches, trace

SIZES = st.tuples(st.integers(2, 20), st.integers(2, 16))


def carried(source, uv, extra=None):
    extra = np.zeros((*source.shape[:2], 1), np.float32) if extra is None else extra
    out, more = np.full((*uv.shape[:2], 2), -1.0, np.float32), np.full((*uv.shape[:2], extra.shape[2]), -1.0, np.float32)
    gathered(flat(source), extra, uv, np.ones(uv.shape[:2], bool), out, more)
    return out, more


def traced(source, scale):
    height, width = source.shape[:2]
    place = np.full((scale * height, scale * width, 2), np.nan, np.float32)
    index = np.empty(place.size // 2, np.int32)
    other, share = np.empty((len(index), 2), np.float32), np.empty(len(index), np.float32)
    count = trace(flat(source), scale, place, index, other, share)
    return place, index[:count], other[:count], share[:count]


@pytest.mark.parametrize("size", [(64, 32), (16, 8)])
def test_seen_as_they_are_positions_are_carried_exactly(size):
    source, _ = patchwork(*size)
    extra = np.random.default_rng(0).random((*size[::-1], 3), np.float32)
    out, more = carried(source, here(*size) / np.float32(size), extra)
    assert np.array_equal(out, source)
    assert np.array_equal(more, extra)


@settings(max_examples=25, deadline=None)
@given(SIZES, st.integers(0, 99), st.integers(1, 6))
def test_no_position_is_interpolated_between_patches(size, seed, tile):
    """Wherever a patchwork of copies is looked at, one of its copies goes on there."""
    source, moves = patchwork(*size, seed, tile)
    uv = np.random.default_rng(seed).random((20, 30, 2), np.float32)
    out, _ = carried(source, uv)
    at = np.clip(uv * np.float32(size), 0.5, np.float32(size) - 0.5)
    away = np.abs((out - at)[:, :, None] - moves).max(axis=-1).min(axis=-1)
    assert away.max() < 1e-3


def test_the_tone_steps_where_patches_meet():
    """It hides the seam: averaged across it, it would draw a line there."""
    source = here(16, 10)
    source[:, 8:] += 100.0
    tone = np.zeros((10, 16, 3), np.float32)
    tone[:, 8:] = 0.25
    uv = np.stack(np.meshgrid((np.arange(61) + 0.5) / 61.0, (np.arange(37) + 0.5) / 37.0), axis=-1).astype(np.float32)
    positions, tones = carried(source, uv, tone)
    assert np.array_equal(tones[..., 0] == 0.25, positions[..., 0] > 60.0)
    assert np.isin(tones, (0.0, 0.25)).all()


def test_only_what_is_wanted_is_written():
    source, _ = patchwork(16, 8)
    wanted = np.random.default_rng(0).random((8, 16)) < 0.5
    out, more = np.full((8, 16, 2), -1.0, np.float32), np.full((8, 16, 1), -1.0, np.float32)
    gathered(flat(source), np.zeros((8, 16, 1), np.float32), here(16, 8) / np.float32((16, 8)), wanted, out, more)
    assert np.array_equal(out, np.where(wanted[..., None], source, -1.0))
    assert np.array_equal(more[..., 0], np.where(wanted, 0.0, -1.0))


@settings(max_examples=25, deadline=None)
@given(SIZES, st.integers(0, 99))
def test_what_else_is_carried_is_interpolated(size, seed):
    random = np.random.default_rng(seed)
    width, height = size
    extra, uv = random.random((height, width, 2), np.float32), random.random((5, 6, 2), np.float32)
    _, more = carried(here(*size), uv, extra)
    x, y = np.moveaxis(np.clip(uv * np.float32(size) - 0.5, 0.0, np.float32(size) - 1.0), -1, 0)
    across, down = (np.maximum(1.0 - np.abs(at[..., None] - np.arange(n)), 0.0) for at, n in ((x, width), (y, height)))
    assert np.abs(more - np.einsum("ijy,ijx,yxc->ijc", down, across, extra)).max() < 1e-5


@settings(deadline=None)
@given(st.floats(0.5, 16.0), st.floats(-3.0, 3.0))
def test_a_zoom_stretches_both_axes_whatever_way_it_is_turned(zoom, angle):
    turned = np.float32([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    out = np.zeros((8, 12, 2), np.float32)
    stretches(np.ascontiguousarray(here(12, 8) @ turned / np.float32(zoom)), out)
    np.testing.assert_allclose(out, np.log2(zoom), atol=0.02)


@settings(deadline=None)
@given(st.floats(0.5, 8.0), st.floats(0.5, 8.0))
def test_a_streak_stretches_one_axis_alone(across, down):
    out = np.zeros((8, 12, 2), np.float32)
    stretches(here(12, 8) / np.float32([across, down]), out)
    np.testing.assert_allclose(out[..., 0], np.log2(max(across, down)), atol=5e-3)
    np.testing.assert_allclose(out[..., 1], np.log2(min(across, down)), atol=5e-3)


@pytest.mark.parametrize("tile", [1, 2, 5])
def test_copies_are_not_stretched_at_their_borders(tile):
    out = np.ones((20, 30, 2), np.float32)
    stretches(patchwork(30, 20, tile=tile)[0], out)
    assert np.abs(out).max() < 1e-4


@pytest.mark.parametrize("tile", [2, 5, 7])
def test_borders_are_where_patches_meet(tile):
    out = np.ones((21, 28), np.float32)
    borders(patchwork(28, 21, tile=tile)[0], out)
    y, x = np.mgrid[:21, :28]
    meet = (((y + 1) % tile == 0) | ((x + 1) % tile == 0)) & (y < 20) & (x < 27)
    assert np.array_equal(out, meet)


def test_what_has_shrunk_to_a_point_is_stretched_finitely():
    out = np.zeros((8, 12, 2), np.float32)
    stretches(np.full((8, 12, 2), 7.0, np.float32), out)
    assert np.isfinite(out).all()
    assert out.min() > 9.0


@settings(max_examples=15, deadline=None)
@given(SIZES, st.integers(1, 5), st.floats(0.1, 2.0))
def test_one_patch_is_traced_bilinearly(size, scale, step):
    place, index, _, _ = traced(np.float32(step) * here(*size), scale)
    assert not len(index)
    fine = np.clip(here(scale * size[0], scale * size[1]) / scale, 0.5, np.float32(size) - 0.5)
    np.testing.assert_allclose(place, step * fine, rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(SIZES, st.integers(1, 5), st.integers(0, 99), st.integers(1, 6))
def test_every_pixel_goes_on_with_a_patch_and_a_second_has_less_of_it(size, scale, seed, tile):
    source, moves = patchwork(*size, seed, tile)
    place, index, other, share = traced(source, scale)
    fine = here(scale * size[0], scale * size[1]) / np.float32(scale)
    inner = np.clip(fine, 0.5, np.float32(size) - 0.5)
    for at in (place, other):
        origin = fine if at is place else fine.reshape(-1, 2)[index]
        held = inner if at is place else inner.reshape(-1, 2)[index]
        away = [np.abs((at - o)[..., None, :] - moves).max(axis=-1).min(axis=-1) for o in (origin, held)]
        assert np.minimum(*away).max(initial=0.0) < 1e-2
    assert len(np.unique(index)) == len(index)
    assert (share > 0.0).all()
    assert (share <= 0.5 + 1e-6).all()


def disc(size=24, radius=7.0):
    source = here(size, size)
    inside = np.hypot(*np.moveaxis(source - 0.5 * size, -1, 0)) < radius
    source[inside] += 100.0
    return source


def unround(inside, radius):
    """How far the border of a disc is from a circle, in shares of a pixel of 24 across."""
    scale = len(inside) / 24
    y, x = np.nonzero(inside & ~(np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)))
    away = np.hypot((x + 0.5) / scale - 12.0, (y + 0.5) / scale - 12.0)
    return np.abs(away - radius).max()


def test_a_magnified_border_is_smooth():
    """A disc stays round where the nearest pixels would show stairs."""
    place, _, _, _ = traced(disc(), 8)
    smooth = unround(place[..., 0] > 60.0, 7.0)
    nearest = unround(np.kron(disc()[..., 0] > 60.0, np.ones((8, 8), bool)), 7.0)
    assert smooth < 0.5 < nearest


@pytest.mark.parametrize("times", [1, 3])
def test_a_border_stays_smooth_however_often_it_is_carried(times):
    source, zoom = disc(radius=4.0), 2.0 ** (1.0 / times)
    for _ in range(times):
        uv = 0.5 + (here(24, 24) / np.float32(24) - 0.5) / np.float32(zoom)
        source = carried(source, uv)[0]
    assert unround(source[..., 0] > 60.0, 8.0) < 1.0


def test_a_speck_is_outvoted():
    source = here(12, 12)
    source[6, 6] += 100.0
    assert traced(source, 4)[0].max() < 60.0


@pytest.mark.parametrize("front", [0.3, 0.7])
def test_a_surface_keeps_its_patches_to_its_rim(front):
    """Where a patch ends with what stands in front, no vote of what is behind rounds its corners: they would be parted."""
    source = disc()
    inside = source[..., 0] > 60.0
    patches = Patches(source, np.where(inside, np.float32(front), np.float32(0.5)))
    uv = np.random.default_rng(0).random((40, 50, 2), np.float32)
    out, more = np.zeros((40, 50, 2), np.float32), np.zeros((40, 50, 1), np.float32)
    gathered(patches, np.zeros((24, 24, 1), np.float32), uv, np.ones((40, 50), bool), out, more)
    at = np.floor(uv * 24).astype(int)
    assert np.array_equal(out[..., 0] > 60.0, inside[at[..., 1], at[..., 0]])
    place = np.zeros((96, 96, 2), np.float32)
    trace(patches, 4, place, np.empty(9216, np.int32), np.empty((9216, 2), np.float32), np.empty(9216, np.float32))
    assert np.array_equal(place[..., 0] > 60.0, np.kron(inside, np.ones((4, 4), bool)))


def test_positions_that_differ_by_less_than_a_border_are_one_patch():
    source = here(8, 8)
    source[:, 4:, 0] += COHERENT - 1.1
    assert not len(traced(source, 2)[1])
    source[:, 4:, 0] += 0.2
    assert len(traced(source, 2)[1])


def test_mixing_is_a_weighted_mean():
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (50, 4), np.uint8)
    index = random.permutation(50)[:20].astype(np.int32)
    other, share = random.integers(0, 256, (20, 4), np.uint8), random.random(20, np.float32)
    wanted = picture.astype(np.float32)
    wanted[index] += share[:, None] * (other - wanted[index])
    mix(picture, index, other, share)
    assert np.abs(picture - wanted).max() <= 0.5 + 1e-4


def test_sky_is_shown_where_nothing_else_is_and_listed_where_both_are():
    random = np.random.default_rng(0)
    picture, sky = random.integers(0, 256, (60, 4), np.uint8), random.integers(0, 256, (60, 3), np.uint8)
    picture[:20, 3], picture[20:40, 3], picture[40:, 3] = 255, 0, random.integers(1, 255, 20)
    before, index = picture.copy(), np.empty(60, np.int32)
    count = show_sky(picture, sky, index)
    assert np.array_equal(np.sort(index[:count]), np.arange(40, 60))
    assert np.array_equal(picture[:20, :3], sky[:20])
    assert np.array_equal(picture[20:], before[20:])
