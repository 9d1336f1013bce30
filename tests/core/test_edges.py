"""Edge-aware maps: steps lie on the image's edges, planes stay planes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.edges import (
    GuidedFilter,
    applied,
    before_behind,
    crisp_sky,
    land_extended,
    resized,
    snapped,
    with_twigs,
    without_floating_land,
    without_islands,
)

H, W = 96, 128


def plain_guided_filter(guide, source, radius, epsilon):
    """The guided filter, window by window, as its paper writes it."""
    h, w = source.shape
    pad = ((radius, radius), (radius, radius))
    g = np.pad(guide.astype(np.float64), (*pad, (0, 0)), mode="reflect")
    s = np.pad(source.astype(np.float64), pad, mode="reflect")
    side = 2 * radius + 1
    a, b = np.zeros((h, w, 3)), np.zeros((h, w))
    for y in range(h):
        for x in range(w):
            colours = g[y : y + side, x : x + side].reshape(-1, 3)
            values = s[y : y + side, x : x + side].ravel()
            covariance = np.cov(colours.T, bias=True) + epsilon * np.eye(3)
            a[y, x] = np.linalg.solve(covariance, ((colours - colours.mean(0)) * values[:, None]).mean(0))
            b[y, x] = values.mean() - a[y, x] @ colours.mean(0)
    blur = [cv2.boxFilter(m, -1, (side, side), borderType=cv2.BORDER_REFLECT_101) for m in (*np.moveaxis(a, -1, 0), b)]
    return (np.stack(blur[:3], axis=-1) * guide).sum(-1) + blur[3]


def ridge(ramp: int = 0):
    """A dark near ridge (0.6) below a bright far hill (0.2), and the disparity with a ramp of ``ramp`` pixels between them."""
    edge = (40 + 12 * np.sin(np.arange(W) / 9.0)).astype(int)
    rows = np.arange(H)[:, None]
    image = np.where((rows >= edge)[..., None], [0.2, 0.25, 0.1], [0.7, 0.75, 0.8]).astype(np.float32)
    sharp = np.where(rows >= edge, 0.6, 0.2).astype(np.float32)
    soft = cv2.blur(sharp, (1, 2 * ramp + 1)) if ramp else sharp
    return image, sharp, soft.astype(np.float32)


def test_guided_filter_equals_its_plain_twin():
    rng = np.random.default_rng(0)
    guide, source = rng.random((18, 14, 3)).astype(np.float32), rng.random((18, 14)).astype(np.float32)
    mine, plain = GuidedFilter(guide, 2, 1e-2)(source), plain_guided_filter(guide, source, 2, 1e-2)
    inner = np.s_[4:-4, 4:-4]  # the two reflect differently at the border
    np.testing.assert_allclose(mine[inner], plain[inner], atol=2e-4)


@given(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
@settings(max_examples=20, deadline=None)
def test_guided_filter_commutes_with_scale_and_shift(scale, shift):
    rng = np.random.default_rng(1)
    guide, source = rng.random((20, 20, 3)).astype(np.float32), rng.random((20, 20)).astype(np.float32)
    smooth = GuidedFilter(guide, 3, 1e-2)
    affine = smooth((scale * source + shift).astype(np.float32))
    np.testing.assert_allclose(affine, scale * smooth(source) + shift, atol=2e-3)


def test_model_applies_at_any_size():
    image, sharp, _ = ridge()
    model = GuidedFilter(image, 4, 1e-4).coefficients(sharp)
    large = resized(image, (3 * W, 3 * H))
    assert applied(model, large).shape == (3 * H, 3 * W)
    assert np.abs(applied(model, image) - sharp).max() < 0.05


@pytest.mark.parametrize("ramp", [1, 2, 4, 8])
def test_ramps_become_steps_on_the_edge(ramp):
    image, sharp, soft = ridge(ramp)
    out = snapped(soft, image)
    between = lambda d: float(((d > 0.25) & (d < 0.55)).mean())  # noqa: E731
    assert between(out) < 0.25 * between(soft)
    assert np.abs(out - sharp).mean() < 0.5 * np.abs(soft - sharp).mean()


@given(st.floats(-0.004, 0.004), st.floats(0.0, 0.006))
@settings(max_examples=20, deadline=None)
def test_planes_stay_planes(across, down):
    x, y = np.meshgrid(np.arange(W), np.arange(H))
    plane = (0.3 + across * (x - W / 2) + down * (y - H / 2)).astype(np.float32)
    texture = np.random.default_rng(2).random((H, W, 3)).astype(np.float32)
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(snapped(plane, texture) - plane)[inner].max() < 0.02


def test_snapping_stays_in_range():
    rng = np.random.default_rng(3)
    disparity = cv2.GaussianBlur(rng.random((H, W)).astype(np.float32), (0, 0), 3)
    out = snapped(disparity, rng.random((H, W, 3)).astype(np.float32))
    assert out.min() >= disparity.min() - 0.02
    assert out.max() <= disparity.max() + 0.02


def test_land_continues_under_the_sky():
    sky = np.zeros((H, W), np.float32)
    sky[:40] = 1.0
    disparity = np.full((H, W), 0.4, np.float32)
    disparity[:42] = 0.02  # the falling rim, two rows below the skyline
    np.testing.assert_allclose(land_extended(disparity, sky, rim=2), 0.4, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_to_continue(value):
    disparity = np.random.default_rng(4).random((H, W)).astype(np.float32)
    assert np.array_equal(land_extended(disparity, np.full((H, W), value, np.float32)), disparity)


def test_skyline_follows_the_photo_at_its_own_resolution():
    image, sharp, _ = ridge()
    truth = (sharp < 0.4).astype(np.float32)
    coarse = cv2.resize(truth, (W // 4, H // 4), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(coarse, (W, H), interpolation=cv2.INTER_LINEAR)
    out = crisp_sky(coarse, image, image)
    assert out.shape == (H, W)
    assert np.abs(out - truth).mean() < 0.4 * np.abs(blurred - truth).mean()


def test_islands_of_doubtful_sky_are_dropped():
    sky = np.zeros((40, 60), np.float32)
    sky[:10] = 0.9
    sky[20:25, 10:15] = 0.7
    sky[20:25, 40:45] = 0.99
    out = without_islands(sky)
    assert np.array_equal(out[:12], sky[:12])
    assert out[20:25, 10:15].max() <= 0.1
    assert np.array_equal(out[20:25, 40:45], sky[20:25, 40:45])


def test_land_with_sky_all_around_is_sky():
    """A summit above clouds, with its soft edge; what reaches a border of the photo stays."""
    sky = np.ones((40, 60), np.float32)
    sky[30:] = 0.0
    sky[:6, 50:] = 0.0  # a branch
    rest = sky.copy()
    sky[9:16, 19:31] = 0.7
    sky[10:15, 20:30] = 0.0
    np.testing.assert_array_equal(without_floating_land(sky), rest)
    np.testing.assert_array_equal(without_floating_land(rest), rest)


def test_the_largest_piece_of_land_stays_wherever_it_is():
    sky = np.ones((40, 60), np.float32)
    sky[10:30, 10:40] = 0.0
    np.testing.assert_array_equal(without_floating_land(sky), sky)
    sky[3:5, 50:52] = 0.0
    assert without_floating_land(sky)[3:5, 50:52].all()
    for whole in (np.zeros((40, 60), np.float32), np.ones((40, 60), np.float32)):
        np.testing.assert_array_equal(without_floating_land(whole), whole)


def test_half_a_cloud_does_not_hold_a_summit():
    sky = np.ones((40, 60), np.float32)
    sky[30:], sky[5:15, 20:40], sky[15:30, 25:35] = 0.0, 0.0, 0.4
    out = without_floating_land(sky)
    assert (out[:15] == 1.0).all()
    assert np.array_equal(out[30:], sky[30:])
    for held, bridge in (
        (np.s_[5:15, 20:40], 0.2),
        (np.s_[13:15, 25:35], 0.4),
    ):  # by certain land, and a tree's tip by half of it
        sky[5:30] = 1.0
        sky[held], sky[15:30, 25:35] = 0.0, bridge
        assert np.array_equal(without_floating_land(sky), sky)


def test_what_is_near_reaches_two_pixels_over_what_is_behind_it():
    post = np.full((40, 60), 0.1, np.float32)
    post[10:, 28:32] = 0.6
    near = before_behind(post) > 0.5
    assert near[:, 30].argmax() == 8
    assert near[20].sum() == 8


@given(st.floats(0.0, 0.02), st.floats(0.0, 0.02))
def test_slopes_do_not_grow(across: float, down: float):
    rows, columns = np.mgrid[:30, :40].astype(np.float32)
    slope = (0.5 + across * columns / 40 + down * rows / 30).astype(np.float32)
    assert np.array_equal(before_behind(slope), slope)


def _tree(tip: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A green post before a mottled blue mountain, its disparity, and where it goes on in the colour ``tip``."""
    rng = np.random.default_rng(0)
    image = (np.array((0.4, 0.4, 0.7)) + 0.02 * rng.normal(size=(60, 60, 1))).astype(np.float32)
    disparity = np.full((60, 60), 0.05, np.float32)
    post, top = np.zeros((2, 60, 60), np.bool_)
    post[30:, 26:35], top[22:30, 30] = True, True
    image[post], disparity[post], image[top] = (0.1, 0.3, 0.1), 0.5, tip
    return disparity, image, top


def test_the_tip_of_a_tree_is_as_near_as_the_tree():
    disparity, image, tip = _tree((0.12, 0.28, 0.1))
    assert np.array_equal(with_twigs(disparity, image, np.zeros_like(disparity)), np.where(tip, np.float32(0.5), disparity))


@pytest.mark.parametrize("colour", [(0.41, 0.4, 0.7), (0.9, 0.5, 0.9)])  # like what is behind, and like neither
def test_what_does_not_look_like_the_tree_is_no_twig(colour: tuple[float, float, float]):
    disparity, image, _ = _tree(colour)
    assert np.array_equal(with_twigs(disparity, image, np.zeros_like(disparity)), disparity)


def test_what_stands_before_the_sky_is_none():
    disparity, image, tip = _tree((0.12, 0.28, 0.1))
    assert np.array_equal(with_twigs(disparity, image, tip.astype(np.float32)), disparity)


def test_a_twig_is_joined_to_its_tree_and_its_tree_is_near():
    disparity, image, _ = _tree((0.12, 0.28, 0.1))
    apart = image.copy()
    apart[27:30] = apart[:3]
    assert np.array_equal(with_twigs(disparity, apart, np.zeros_like(disparity)), disparity)
    far = np.minimum(disparity, 0.12)
    assert np.array_equal(with_twigs(far, image, np.zeros_like(far)), far)
