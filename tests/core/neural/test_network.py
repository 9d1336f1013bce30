"""The generator network: sizes, style, and that it starts from the classical completion."""

import pytest
import torch

from core.neural.inputs import CHANNELS
from core.neural.network import CODE, LATENT, OUTPUTS, PHOTO_CHANNELS, WIDTHS, GeneratorNetwork


def _raw(network, size=(48, 32), photo=0, z=0):
    width, height = size
    torch.manual_seed(photo)
    picture = torch.rand(1, PHOTO_CHANNELS, 32, 64)
    style = network.style(picture, torch.randn(1, LATENT, generator=torch.Generator().manual_seed(z)))
    inputs = torch.rand(1, CHANNELS, height, width, generator=torch.Generator().manual_seed(9))
    return network(inputs, style)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = GeneratorNetwork("small").eval()
    torch.nn.init.normal_(network.leave.weight, std=0.1)
    for block in (*network.encode, *network.decode, network.bottom):
        torch.nn.init.normal_(block.second.weight, std=0.02)
    return network


@pytest.mark.parametrize("size", sorted(WIDTHS))
def test_weights_at_16_bits_stay_within_16_megabytes(size):
    assert sum(p.numel() for p in GeneratorNetwork(size).parameters()) * 2 < 16e6


@pytest.mark.parametrize("size", [(16, 16), (48, 32), (256, 160)])
@torch.inference_mode()
def test_any_size_that_is_a_multiple_of_the_stride(network, size):
    assert _raw(network, size).shape == (1, OUTPUTS, size[1], size[0])


@torch.inference_mode()
def test_an_untrained_network_changes_next_to_nothing():
    torch.manual_seed(0)
    assert _raw(GeneratorNetwork("small")).abs().max() < 0.1


@torch.inference_mode()
def test_the_start_photo_and_z_count(network):
    plain = _raw(network)
    assert (_raw(network, photo=1) - plain).abs().mean() > 1e-5
    assert (_raw(network, z=1) - plain).abs().mean() > 1e-5
    assert torch.equal(_raw(network), plain)


@torch.inference_mode()
def test_the_photo_is_encoded_to_a_code_and_tokens(network):
    style = network.style(torch.rand(2, PHOTO_CHANNELS, 32, 64), torch.randn(2, LATENT))
    assert style.code.shape == (2, CODE + LATENT)
    assert style.tokens.shape[:2] == (2, 4 * 8)


def test_every_parameter_learns(network):
    _raw(network).square().mean().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
