"""What the network sees, and the gate that leaves good pixels alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from handmade import LENS, keyframe, punched, whole_view
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, Intrinsics, rigid, turn
from core.classical import ClassicalGenerator
from core.neural.inputs import CHANNELS, assembled, padded, photo_tensor, prepared, scaled, unscaled


def completion(rows, columns):
    key = keyframe()
    classical = ClassicalGenerator()
    classical.begin(key, 0)
    holes = np.zeros(key.disparity.shape, bool)
    holes[rows, columns] = True
    return classical.complete(punched(whole_view(key), holes))


@pytest.fixture(scope="module")
def done():
    return completion(slice(8, 35), slice(20, 30))


def test_known_sharp_pixels_come_back_exactly_whatever_the_network_says(done):
    inputs = prepared(done, (0,))
    out = assembled(inputs, 10.0 * torch.randn(1, 6, *done.need.shape, generator=torch.manual_seed(0)))
    kept = (inputs.need == 0.0) & (inputs.opened == 0.0)
    assert kept.float().mean() > 0.5
    assert torch.equal(out.image[kept.expand(-1, 3, -1, -1)], inputs.land.clamp(0, 1)[kept.expand(-1, 3, -1, -1)])
    assert torch.equal(out.depth[kept], inputs.depth[kept])
    assert torch.equal(out.sky[kept], inputs.sky[kept])


def test_holes_and_only_they_and_the_skyline_may_change_their_sky(done):
    inputs = prepared(done, (0,))
    raw = torch.zeros(1, 6, *done.need.shape)
    raw[:, 5] = 3.0
    changed = (assembled(inputs, raw).sky - inputs.sky).abs() > 0.05
    assert changed[0, 0][~torch.from_numpy(done.view.mask)].any()
    assert not changed[inputs.opened == 0.0].any()


def test_no_land_is_made_over_sky(done):
    inputs = prepared(done, (0,))
    raw = torch.zeros(1, 6, *done.need.shape)
    raw[:, 5] = 6.0 * torch.randn(done.need.shape, generator=torch.manual_seed(1))
    sky, opened = assembled(inputs, raw).sky, inputs.opened.bool()
    both = opened[:, :, 1:] & opened[:, :, :-1]
    assert both.any()
    assert (sky[:, :, :-1][both] > sky[:, :, 1:][both] - 1e-6).all()


def test_a_hole_in_the_middle_of_land_stays_land():
    inputs = prepared(completion(slice(25, 35), slice(20, 30)), (0,))
    assert (inputs.need[0, 0, 29:31, 24:26] == 1.0).all()
    assert not inputs.opened[0, 0, 22:].any()


def test_the_network_comes_into_its_own_away_from_what_is_known():
    need = prepared(completion(slice(25, 35), slice(20, 30)), (0,)).need[0, 0]
    inward = need[25:30, 24]
    assert 0.0 < inward[0] < 0.5
    assert (inward.diff() >= 0.0).all()
    assert inward[-1] == 1.0
    torch.testing.assert_close(need[25:35, 20:30], need[25:35, 20:30].flip(0).flip(1))
    sliver = prepared(completion(slice(25, 35), slice(20, 22)), (0,)).need[0, 0, 25:35, 20:22]
    assert sliver.max() <= 0.25


def test_far_skylines_are_open_to_growth_and_near_ones_are_not(done):
    away = keyframe(Camera(LENS, rigid(turn(np.pi), np.zeros(3))))  # a start photo that does not show this sky
    far = prepared(replace(done, photo=away), (0,))
    grown = far.opened.bool() & torch.from_numpy(done.view.mask)
    assert grown.any()
    rows = torch.nonzero(grown[0, 0])[:, 0]
    assert rows.max() < 24  # above the ridge
    near = replace(done, disparity=np.maximum(done.disparity, 0.3), photo=away)
    assert not (prepared(near, (0,)).opened.bool() & torch.from_numpy(done.view.mask)).any()


def test_a_quiet_network_gives_the_classical_completion(done):
    inputs = prepared(done, (0,))
    out = assembled(inputs, torch.zeros(1, 6, *done.need.shape))
    view = done.view
    image = np.where(view.mask[..., None], done.land, done.land + done.sky[..., None] * (view.backdrop - done.land))
    apart = np.abs(out.image[0].permute(1, 2, 0).numpy() - np.clip(image, 0, 1)).max(axis=2)
    assert apart[inputs.opened[0, 0].numpy() == 0.0].max() < 1e-6
    assert apart.max() < 0.1  # where sky is open it is certain to within a few per cent


def test_the_gradient_reaches_sky_that_is_certain(done):
    inputs = prepared(done, (0,))
    raw = torch.zeros(1, 6, *done.need.shape, requires_grad=True)
    assembled(inputs, raw).sky.sum().backward()
    assert (raw.grad[:, 5:][inputs.opened > 0.0].abs() > 1e-3).float().mean() > 0.5


@given(st.integers(0, 2**32 - 1), st.integers(17, 70), st.integers(17, 70))
@settings(max_examples=10, deadline=None)
def test_padding_goes_to_the_stride_and_keeps_the_picture(seed, width, height):
    key = keyframe(size=(width, height))
    classical = ClassicalGenerator()
    classical.begin(key, seed)
    inputs = prepared(classical.complete(whole_view(key)), (seed,))
    wide, (rows, columns) = padded(inputs)
    assert (rows, columns) == (height, width)
    assert wide.channels.shape[1] == CHANNELS
    assert wide.channels.shape[2] % 16 == wide.channels.shape[3] % 16 == 0
    for before, after in zip(inputs, wide, strict=True):
        assert torch.equal(before, after[:, :, :height, :width])


def test_log_disparity_round_trips():
    disparity = np.geomspace(0.01, 1.0, 50).astype(np.float32)
    assert np.abs(unscaled(scaled(disparity)) / disparity - 1.0).max() < 1e-5
    assert scaled(disparity)[0] == pytest.approx(0.0, abs=1e-6)
    assert scaled(disparity)[-1] == pytest.approx(1.0)


def test_photos_are_cropped_to_the_shape_of_views():
    key = keyframe(Camera(Intrinsics.from_fov(1.0, 1.0)), (64, 64))
    tensor = photo_tensor(key, (64, 32))
    assert tensor.shape == (1, 5, 32, 64)
    middle = torch.from_numpy(key.sky[16:48])
    assert torch.allclose(tensor[0, 4], middle, atol=1e-6)
