"""The governor: renewed detail as strong as the photo's, and nothing else touched."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.neural.governor import OCTAVES, Look, chroma, governed, look_of, octaves, strengths
from core.neural.inputs import Inputs, Outputs


def _views(seed, amplitude=0.1, need=1.0):
    torch.manual_seed(seed)
    image = 0.5 + amplitude * (torch.rand(1, 3, 32, 48) - 0.5)
    plane = torch.zeros(1, 1, 32, 48)
    inputs = Inputs(torch.zeros(1, 16, 32, 48), image, image, plane, plane, torch.full_like(plane, need), plane)
    return Outputs(image, plane, plane, plane), inputs


def _look(strength):
    return Look(torch.full((1, OCTAVES), strength), torch.full((1, OCTAVES), strength), torch.full((1, 3), 0.5))


def _photo(seed, amplitude):
    out, _ = _views(seed, amplitude)
    return torch.cat([2.0 * out.image - 1.0, torch.zeros(1, 2, 32, 48)], 1)


@given(st.integers(0, 99), st.floats(0.05, 0.4))
@settings(max_examples=20, deadline=None)
def test_renewed_detail_comes_to_the_photos_strength(seed, amplitude):
    out, inputs = _views(seed)
    wanted = look_of(_photo(seed + 1, amplitude))
    for _ in range(12):  # a step changes an octave by no more than half, and octaves overlap a little
        out = governed(out, inputs, wanted)
    reached = strengths(octaves(out.image), inputs.need)
    assert (reached / wanted.strengths - 1.0).abs().max() < 0.15


def test_detail_of_the_right_strength_is_left_alone():
    out, inputs = _views(0)
    bands = octaves(out.image)
    same = governed(out, inputs, Look(strengths(bands, inputs.need), chroma(bands, inputs.need), out.image.mean((2, 3))))
    assert (same.image - out.image).abs().max() < 1e-4


def test_known_pixels_and_sky_are_left_alone():
    out, inputs = _views(0)
    inputs.need[..., :20] = 0.0
    out.sky[..., 30:] = 1.0
    changed = governed(out, inputs, _look(0.2)).image != out.image
    assert changed[..., 20:30].any()
    assert not changed[..., :20].any()
    assert not changed[..., 30:].any()


@pytest.mark.parametrize("need", [0.0, 0.001])
def test_next_to_nothing_renewed_is_left_alone(need):
    out, inputs = _views(0, need=need)
    assert torch.equal(governed(out, inputs, _look(0.2)).image, out.image)


def test_octaves_are_apart_and_gradients_pass():
    rows = torch.arange(64)[:, None].expand(64, 64)
    fine, coarse = (torch.sin(rows * torch.pi / period).expand(1, 3, 64, 64) for period in (1.5, 6.0))
    everywhere = torch.ones(1, 1, 64, 64)
    assert strengths(octaves(fine), everywhere).argmax() == 0
    assert strengths(octaves(coarse), everywhere).argmax() == 2
    out, inputs = _views(0)
    image = out.image.requires_grad_()
    governed(out._replace(image=image), inputs, _look(0.02)).image.square().sum().backward()
    assert image.grad.isfinite().all()
    assert image.grad.any()


@given(st.integers(0, 99), st.floats(0.2, 0.8))
@settings(max_examples=20, deadline=None)
def test_light_comes_back_to_the_photos_and_small_differences_stay(seed, level):
    out, inputs = _views(seed)
    bands = octaves(out.image)
    wanted = Look(strengths(bands, inputs.need), chroma(bands, inputs.need), torch.full((1, 3), level))
    for _ in range(40):
        out = governed(out, inputs, wanted)
    assert (out.image.mean((2, 3)) - level).abs().max() < 0.04
    near = out.image.mean((2, 3)) + 0.02
    assert (governed(out, inputs, wanted._replace(colour=near)).image - out.image).abs().max() < 1e-3


def test_silhouettes_against_the_sky_are_not_taken_for_texture():
    photo = _photo(0, 0.1)
    photo[:, :3, :, 24:] = 1.0
    photo[:, 4, :, 24:] = 1.0
    assert (look_of(photo).strengths / look_of(_photo(0, 0.1)).strengths).max() < 2.0  # and 30 with them


def test_colours_beside_luma_fade_to_the_photos_and_are_never_made_stronger():
    out, inputs = _views(0)
    bands = octaves(out.image)
    before = chroma(bands, inputs.need)
    weaker = Look(strengths(bands, inputs.need), 0.3 * before, out.image.mean((2, 3)))
    for _ in range(12):
        out = governed(out, inputs, weaker)
    assert (chroma(octaves(out.image), inputs.need) / before - 0.3).abs().max() < 0.1
    faded = chroma(octaves(out.image), inputs.need)
    more = governed(out, inputs, Look(2.0 * weaker.strengths, 10.0 * before, out.image.mean((2, 3))))
    assert (chroma(octaves(more.image), inputs.need) < 1.05 * faded).all()
