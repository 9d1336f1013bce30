"""Losses of the generator, by hand where a hand can."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_features import random_vgg

from core.features import Vgg16Features
from core.neural.inputs import Outputs
from core.training.generator_losses import deceiving, reconstruction, style_distance, telling

N, H, W = 2, 64, 64
WINDOW = slice(4, 28), slice(8, 40)


@pytest.fixture(scope="module")
def vgg(one_thread):  # noqa: ARG001 - a setting
    return Vgg16Features(random_vgg(), layers=3)


def outputs(seed=0, sky=0.0):
    generator = torch.Generator().manual_seed(seed)
    image, depth = (torch.rand(N, channels, H, W, generator=generator) for channels in (3, 1))
    return Outputs(image, depth, torch.full((N, 1, H, W), sky), torch.ones(N, 1, H, W))


def everywhere():
    return torch.ones(N, 1, H, W)


def test_equal_views_cost_nothing(vgg):
    terms = reconstruction(outputs(), outputs(), everywhere(), vgg, WINDOW)
    assert set(terms) == {"features", "pixels", "disparity", "sky"}
    assert all(float(term) == 0.0 for term in terms.values())


def test_pixels_and_disparity_are_mean_absolute_differences(vgg):
    target = outputs()
    out = target._replace(image=target.image + 0.25, depth=target.depth - 0.125)
    terms = reconstruction(out, target, everywhere(), vgg, WINDOW)
    assert float(terms["pixels"]) == pytest.approx(0.25, rel=1e-4)
    assert float(terms["disparity"]) == pytest.approx(0.125, rel=1e-4)
    assert float(terms["features"]) > 0.0
    assert float(terms["sky"]) == 0.0


def test_disparity_counts_on_land_alone(vgg):
    target = outputs()
    target.sky[..., : W // 2] = 1.0
    out = target._replace(depth=target.depth.clone())
    out.depth[..., : W // 2] += 0.5
    assert float(reconstruction(out, target, everywhere(), vgg, WINDOW)["disparity"]) == 0.0
    out.depth[..., W // 2 :] += 0.5
    assert float(reconstruction(out, target, everywhere(), vgg, WINDOW)["disparity"]) == pytest.approx(0.5, rel=1e-4)


def test_sky_counts_where_it_was_open(vgg):
    target = outputs(sky=0.25)
    out = target._replace(sky=target.sky + 0.5)
    opened = torch.zeros(N, 1, H, W)
    assert float(reconstruction(out, target, opened, vgg, WINDOW)["sky"]) == 0.0
    opened[..., :4] = 1.0
    assert float(reconstruction(out, target, opened, vgg, WINDOW)["sky"]) == pytest.approx(0.5, rel=1e-4)


def test_features_are_compared_inside_the_window(vgg):
    target = outputs()
    outside = torch.ones(H, W, dtype=torch.bool)
    outside[WINDOW] = False
    out = target._replace(image=torch.where(outside, 1.0 - target.image, target.image))
    terms = reconstruction(out, target, everywhere(), vgg, WINDOW)
    assert float(terms["features"]) == 0.0
    assert float(terms["pixels"]) > 0.05


def test_the_more_a_view_is_off_the_more_it_costs_and_gradients_say_where(vgg):
    target, noise = outputs(), torch.randn(N, 3, H, W, generator=torch.Generator().manual_seed(4))
    costs = []
    for strength in (0.02, 0.05, 0.1):
        image = (target.image + strength * noise).requires_grad_()
        term = reconstruction(target._replace(image=image), target, everywhere(), vgg, WINDOW)["features"]
        costs.append(float(term.detach()))
    assert costs == sorted(costs)
    assert costs[0] > 0.0
    term.backward()
    inside = torch.zeros(H, W, dtype=torch.bool)
    inside[WINDOW] = True
    assert image.grad[..., inside].abs().sum() > 0.0
    assert not image.grad[..., ~inside].any()


def test_hinge_by_hand():
    real, fake = [torch.tensor([2.0, 0.5]), torch.tensor([1.0])], [torch.tensor([-2.0, 0.5]), torch.tensor([0.0])]
    assert float(telling(real, fake)) == pytest.approx(((0.0 + 0.5) / 2 + (0.0 + 1.5) / 2 + 0.0 + 1.0) / 2)
    assert float(deceiving(fake)) == pytest.approx((0.75 + 0.0) / 2)


def test_the_two_sides_pull_against_each_other():
    fake = torch.tensor([[0.3, -0.2]], requires_grad=True)
    (up,) = torch.autograd.grad(deceiving([fake]), fake)
    (down,) = torch.autograd.grad(telling([torch.zeros(1, 2)], [fake]), fake)
    assert (up < 0.0).all()
    assert (down > 0.0).all()


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-5.0, 5.0), min_size=2, max_size=8))
def test_who_tells_with_a_margin_of_one_pays_nothing(values):
    logits = torch.tensor(values)
    certain = telling([logits.abs() + 1.0], [-logits.abs() - 1.0])
    assert float(certain) == 0.0
    assert float(telling([logits], [logits])) >= 2.0 - 1e-5


def taps(seed, channels=(4, 6, 8, 10, 12)):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(N, c, H >> (i + 1), W >> (i + 1), generator=generator) for i, c in enumerate(channels)]


def no_sky():
    return torch.zeros(N, 1, H, W)


def test_the_same_land_has_the_same_style_wherever_it_lies():
    features = taps(0)
    assert float(style_distance(features, features, no_sky(), no_sky())) == 0.0
    mirrored = [tap.flip(3) for tap in features]
    assert float(style_distance(features, mirrored, no_sky(), no_sky())) < 1e-5
    assert float(style_distance(features, taps(1), no_sky(), no_sky())) > 0.005
    assert float(style_distance([2.0 * tap for tap in features], features, no_sky(), no_sky())) > 0.5


def test_style_does_not_look_at_the_sky():
    features, sky = taps(0), no_sky()
    sky[:, :, : H // 2] = 1.0
    other = [tap.clone() for tap in features]
    for tap in other:
        tap[:, :, : tap.shape[2] // 2] = 7.0  # another sky
    assert float(style_distance(other, features, sky, sky)) < 1e-6
    other[0][:, :, -1] = 7.0  # another ground
    assert float(style_distance(other, features, sky, sky)) > 0.1


def test_how_much_sky_there_is_does_not_matter():
    """Statistics are those of the land there is, not of the view."""
    features = [torch.ones_like(tap) for tap in taps(0)]
    little, much = no_sky(), no_sky()
    little[:, :, : H // 4] = 1.0
    much[:, :, : H // 2] = 1.0
    assert float(style_distance(features, features, little, much)) < 1e-6


def test_a_view_of_the_sky_has_no_style():
    all_sky = torch.ones(N, 1, H, W)
    assert float(style_distance(taps(0), taps(1), all_sky, no_sky())) == 0.0
    assert float(style_distance(taps(0), taps(1), no_sky(), all_sky)) == 0.0
    half = all_sky.clone()
    half[0] = 0.0  # one sample of two
    both = style_distance(taps(0), taps(1), no_sky(), no_sky())
    assert 0.0 < float(style_distance(taps(0), taps(1), half, no_sky())) < float(both)


def test_style_gradients_reach_the_land():
    features = [tap.requires_grad_() for tap in taps(0)]
    sky = no_sky()
    sky[:, :, : H // 2] = 1.0
    style_distance(features, taps(1), sky, sky).backward()
    for tap in features[:4]:
        rows = tap.shape[2]
        assert tap.grad[:, :, rows // 2 :].abs().sum() > 0.0
        assert not tap.grad[:, :, : rows // 2].any()
