"""The discriminators: they learn, their frozen part does not, and augmentation lets gradients through."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_features import random_lite0

from core.training.discriminator import GeometryDiscriminator, Judges, ProjectedDiscriminator, augmented, r1_penalty
from core.training.generator_losses import telling

H, W = 48, 64


@pytest.fixture
def judges(one_thread):  # noqa: ARG001 - a setting
    torch.manual_seed(0)
    return Judges(ProjectedDiscriminator(random_lite0()), GeometryDiscriminator())


def rough(count, seed):
    """Noise pixel by pixel."""
    return torch.rand(count, 5, H, W, generator=torch.Generator().manual_seed(seed))


def flat(count, seed):
    """The same mean, without detail."""
    return rough(count, seed).mean((2, 3), keepdim=True).expand(-1, -1, H, W).contiguous()


def test_they_learn_to_tell_two_easy_distributions_apart(judges):
    learning = [p for p in judges.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learning, lr=1e-3, betas=(0.0, 0.99))
    softplus = torch.nn.functional.softplus
    for step in range(12):
        logits, shapes = judges(torch.cat([rough(4, 2 * step), flat(4, 2 * step + 1)]))
        loss = (
            telling([s[:4] for s in logits], [s[4:] for s in logits]) + softplus(-shapes[:4]).mean() + softplus(shapes[4:]).mean()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        real, fake = judges(rough(8, 1001)), judges(flat(8, 1002))
    for mine, theirs in zip((*real[0], real[1]), (*fake[0], fake[1]), strict=True):
        assert mine.mean((1, 2)).min() > theirs.mean((1, 2)).max()


def test_only_heads_and_the_geometry_discriminator_learn(judges):
    frozen = {name: p.clone() for name, p in judges.named_parameters() if not p.requires_grad}
    assert any(".features." in name for name in frozen)
    assert any(".across." in name for name in frozen)
    logits, shapes = judges(rough(2, 0))
    (sum(scale.square().sum() for scale in logits) + shapes.sum()).backward()
    for name, parameter in judges.named_parameters():
        learns = ".heads." in name or name.startswith("geometry.")
        assert parameter.requires_grad == learns, name
        assert (parameter.grad is not None and bool(parameter.grad.abs().sum() > 0.0)) == learns, name
    torch.optim.Adam([p for p in judges.parameters() if p.requires_grad], lr=0.1).step()
    assert all(torch.equal(dict(judges.named_parameters())[name], before) for name, before in frozen.items())


def test_gradients_reach_the_picture_from_every_scale(judges):
    for scale in range(4):
        views = rough(1, 0).requires_grad_()
        judges(views)[0][scale].sum().backward()
        assert views.grad[:, :3].abs().sum() > 0.0
        assert not views.grad[:, 3:].any()  # it judges colour alone
    views = rough(1, 0).requires_grad_()
    judges(views)[1].sum().backward()
    assert (views.grad.abs().sum((2, 3)) > 0.0).all()


def test_four_scales_each_coarser_than_the_one_before(judges):
    logits, shapes = judges(torch.rand(3, 5, 160, 256))
    sizes = [tuple(scale.shape) for scale in logits]
    assert sizes == [(3, 10, 16), (3, 5, 8), (3, 5, 8), (3, 5, 8)]
    assert shapes.shape == (3, 5, 8)
    assert {scale.dtype for scale in (*logits, shapes)} == {torch.float32}


def test_the_random_mixing_is_always_the_same():
    weights = random_lite0()
    torch.manual_seed(1)
    one = ProjectedDiscriminator(weights)
    torch.manual_seed(2)
    other = ProjectedDiscriminator(weights)
    for mine, theirs in zip((*one.across, *one.down), (*other.across, *other.down), strict=True):
        assert torch.equal(mine.weight, theirs.weight)


def test_a_coarse_scale_reaches_the_finest_head(judges):
    """What only the last of the taps sees still counts in the first head: no scale can be ignored."""
    projected = judges.projected
    with torch.inference_mode():
        before = projected(rough(1, 0)[:, :3])[0]
        projected.across[-1].weight.zero_()
        after = projected(rough(1, 0)[:, :3])[0]
    assert (before - after).abs().max() > 1e-4


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 3),
    channels=st.integers(1, 5),
    height=st.integers(8, 40),
    width=st.integers(8, 40),
)
def test_augmentation_is_decided_by_its_generator_and_keeps_the_shape(seed, n, channels, height, width):
    views = torch.rand(n, channels, height, width)
    first, second = (augmented(views, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert first.shape == views.shape
    assert torch.equal(first, second)
    for view, before in zip(first, views, strict=True):  # colours are only moved or cut out
        flat_view = view.flatten(1).T
        kept = flat_view[flat_view.any(1)]
        assert len(kept) >= 0.5 * height * width
        known = {tuple(pixel) for pixel in before.flatten(1).T.tolist()}
        assert {tuple(pixel) for pixel in kept.tolist()} <= known


def test_augmentation_varies_and_treats_all_channels_alike():
    plane = torch.arange(H * W, dtype=torch.float32).reshape(1, 1, H, W).expand(6, 2, H, W) + 1.0
    out = augmented(plane, torch.Generator().manual_seed(0))
    assert torch.equal(out[:, 0], out[:, 1])
    assert all(not torch.equal(out[0], out[i]) for i in range(1, 6))
    assert all(0.05 < float((view == 0.0).float().mean()) < 0.15 for view in out)
    # columns run the other way where it is flipped
    assert {bool((view[0].diff(dim=1) > 0.0).sum() > H * W / 2) for view in out} == {True, False}


def test_the_gradient_of_augmentation_is_how_often_a_pixel_is_shown():
    views = torch.rand(2, 3, 16, 16, requires_grad=True)
    out = augmented(views, torch.Generator().manual_seed(3))
    out.sum().backward()
    assert views.grad.sum().item() == pytest.approx(float((out != 0.0).sum()), rel=1e-6)
    assert (views.grad >= 0.0).all()
    assert torch.equal(views.grad, views.grad.round())


def test_r1_of_a_linear_judge_is_its_squared_weight():
    torch.manual_seed(0)
    weight = torch.randn(5, H, W)
    views = torch.rand(3, 5, H, W, requires_grad=True)
    penalty = r1_penalty((views * weight).sum((1, 2, 3)), views)
    assert penalty.item() == pytest.approx(float(weight.square().sum()), rel=1e-5)


def test_r1_of_a_quadratic_judge_in_closed_form_and_its_own_gradient():
    views = torch.rand(2, 1, 4, 4, requires_grad=True)
    scale = torch.tensor(3.0, requires_grad=True)
    penalty = r1_penalty(0.5 * scale * views.square().sum((1, 2, 3)), views)
    expected = 9.0 * views.square().sum((1, 2, 3)).mean()
    assert penalty.item() == pytest.approx(expected.item(), rel=1e-5)
    penalty.backward()
    assert scale.grad.item() == pytest.approx(2.0 / 3.0 * expected.item(), rel=1e-5)
