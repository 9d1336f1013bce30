"""The network on a GPU: the real logic on a fake of ``torch.cuda`` that captures and replays on the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fake_cuda import FakeCuda
from handmade import keyframe, punched, whole_view
from random_generator import write_generator

from core.errors import DeviceError, DeviceMemoryError
from core.neural import NeuralGenerator
from core.neural.accelerator import GraphedExecutor, PlainExecutor
from core.neural.governor import Look
from core.neural.inputs import CHANNELS, Inputs
from core.neural.network import CODE, LATENT, GeneratorNetwork, Style

pytestmark = pytest.mark.usefixtures("one_thread")


def some_look(scale=1.0):
    return Look(torch.full((1, 3), 0.05 * scale), torch.full((1, 3), 0.05), torch.full((1, 3), 0.4))


WANTED = some_look()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = GeneratorNetwork("small")
    with torch.no_grad():
        network.leave.weight.normal_().mul_(0.02)
        for parameter in network.parameters():
            parameter.copy_(parameter.bfloat16())  # as trained weights are
    return network


@pytest.fixture
def cuda():
    return FakeCuda()


def some_inputs(seed=0, size=(64, 32)):
    random = torch.Generator().manual_seed(seed)
    width, height = size
    parts = [torch.rand((1, channels, height, width), generator=random) for channels in (CHANNELS, 3, 3, 1, 1, 1)]
    parts[4] *= 0.02  # hardly any sky: the governor measures land
    return Inputs(*parts, (parts[-1] > 0.5).float())


def some_style(seed=0):
    random = torch.Generator().manual_seed(seed)
    return Style(torch.randn((1, CODE + LATENT), generator=random), torch.randn((1, 64, 128), generator=random))


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def close(one, other):
    return all((a - b).abs().max() < 0.02 for a, b in zip(one[:3], other[:3], strict=True))


def test_the_graph_paints_what_plain_calls_paint(network, cuda):
    plain, graphed = PlainExecutor(network), GraphedExecutor(network, "cpu", cuda)
    for seed in range(3):  # replays must see new inputs, styles and strengths
        inputs, style, wanted = some_inputs(seed), some_style(seed), some_look(seed + 1)
        assert close(graphed(inputs, style, wanted), plain(inputs, style, wanted))
    assert not close(graphed(some_inputs(0), some_style(0), WANTED), graphed(some_inputs(1), some_style(0), WANTED))
    by_style = (graphed(some_inputs(0), some_style(seed), WANTED).image for seed in (0, 1))
    assert not torch.equal(*by_style)
    by_strength = (graphed(some_inputs(0), some_style(0), some_look(scale)).image for scale in (0.1, 2.0))
    assert not torch.equal(*by_strength)


def test_results_are_not_overwritten_by_the_next(network, cuda):
    graphed = GraphedExecutor(network, "cpu", cuda)
    first = graphed(some_inputs(0), some_style(), WANTED)
    kept = [part.clone() for part in first]
    graphed(some_inputs(1), some_style(), WANTED)
    assert same(first, kept)


def test_one_capture_a_size_on_one_stream_of_the_lowest_priority(network, cuda):
    graphed = GraphedExecutor(network, "cpu", cuda)
    for seed, size in enumerate([(64, 32), (64, 32), (96, 64), (64, 32), (96, 64)]):
        assert graphed(some_inputs(seed, size), some_style(), WANTED).image.shape == (1, 3, size[1], size[0])
    assert [graph.replays for graph in cuda.graphs] == [3, 2]
    assert cuda.streams == [(torch.device("cpu"), 0)]


def test_the_size_used_longest_ago_is_forgotten(network, cuda):
    graphed = GraphedExecutor(network, "cpu", cuda)
    small, middle, large = (64, 32), (96, 32), (96, 64)
    for size in (small, middle, small, large, small):  # large takes the place of middle
        graphed(some_inputs(0, size), some_style(), WANTED)
    assert len(cuda.graphs) == 3
    graphed(some_inputs(0, middle), some_style(), WANTED)
    assert len(cuda.graphs) == 4


def test_a_full_memory_is_told_and_emptied_and_a_smaller_view_may_follow(network, cuda):
    graphed = GraphedExecutor(network, "cpu", cuda)
    graphed(some_inputs(), some_style(), WANTED)
    cuda.full = True
    with pytest.raises(DeviceMemoryError) as raised:
        graphed(some_inputs(0, (96, 64)), some_style(), WANTED)
    assert "\n" not in str(raised.value)
    assert cuda.emptied == 1
    assert not graphed._recordings
    assert graphed(some_inputs(), some_style(), WANTED).image.shape == (1, 3, 32, 64)


def test_a_lost_device_is_told_in_one_line(network, cuda):
    graphed = GraphedExecutor(network, "cpu", cuda)
    cuda.lost = True
    with pytest.raises(DeviceError, match="launch failure") as raised:
        graphed(some_inputs(), some_style(), WANTED)
    assert not isinstance(raised.value, DeviceMemoryError)
    assert "\n" not in str(raised.value)


def test_it_is_not_touched_before_the_first_call(network, cuda):
    GraphedExecutor(network, "cpu", cuda)
    assert not cuda.streams


def test_the_weights_on_the_host_stay_as_they_are(network, cuda):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    GraphedExecutor(network, "cpu", cuda)(some_inputs(), some_style(), WANTED)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())


def test_a_generator_that_leaves_the_gpu_goes_on_as_one_that_was_never_there(tmp_path, monkeypatch, cuda):
    monkeypatch.setattr("core.neural.generator.GraphedExecutor", lambda network, _device: GraphedExecutor(network, "cpu", cuda))
    path = write_generator(tmp_path / "small.safetensors")
    view = punched(whole_view(keyframe()), np.arange(40 * 64).reshape(40, 64) % 64 > 50)
    here, there = NeuralGenerator.load(path), NeuralGenerator.load(path, "cuda")
    for generator in (here, there):
        generator.begin(keyframe(), 3)
    assert (here.on_gpu, there.on_gpu) == (False, True)
    assert np.abs(there(view).image - here(view).image).max() < 0.02
    assert len(cuda.graphs) == 1
    there.leave_gpu()
    assert not there.on_gpu
    assert np.array_equal(there(view).image, here(view).image)
    assert cuda.graphs[0].replays == 1
