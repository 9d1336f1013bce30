"""Random weights of the feature networks, named as the files that carry real ones."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from core.perception_network import _BLOCKS

if TYPE_CHECKING:
    from pathlib import Path


def random_vgg(seed: int = 0) -> dict[str, torch.Tensor]:
    """VGG16's thirteen convolutions and the heads of LPIPS."""
    generator = torch.manual_seed(seed)
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    weights = {}
    for i, (cin, cout) in enumerate(pairwise(widths)):
        weights[f"conv{i}.weight"] = torch.randn(cout, cin, 3, 3, generator=generator) * (2.0 / (9 * cin)) ** 0.5
        weights[f"conv{i}.bias"] = 0.1 * torch.randn(cout, generator=generator)
    heads = {f"lin{i}.weight": torch.rand(n, generator=generator) for i, n in enumerate((64, 128, 256, 512, 512))}
    return weights | heads


def random_lite0(seed: int = 0) -> dict[str, torch.Tensor]:
    """EfficientNet-Lite0 without its head, with its batch normalisation."""
    generator = torch.manual_seed(seed)
    weights: dict[str, torch.Tensor] = {}

    def add(convolution: str, norm: str, shape: tuple[int, int, int, int]) -> None:
        fan = shape[1] * shape[2] * shape[3]
        weights[f"{convolution}.weight"] = torch.randn(shape, generator=generator) * (2.0 / fan) ** 0.5
        weights[f"{norm}.weight"] = torch.ones(shape[0])
        weights[f"{norm}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
        weights[f"{norm}.running_mean"] = torch.zeros(shape[0])
        weights[f"{norm}.running_var"] = torch.ones(shape[0])

    add("_conv_stem", "_bn0", (32, 3, 3, 3))
    width = 32
    for i, (kernel, _, expansion, out) in enumerate(_BLOCKS):
        prefix, wide = f"_blocks.{i}.", width * expansion
        if expansion > 1:
            add(prefix + "_expand_conv", prefix + "_bn0", (wide, width, 1, 1))
        add(prefix + "_depthwise_conv", prefix + "_bn1", (wide, 1, kernel, kernel))
        add(prefix + "_project_conv", prefix + "_bn2", (out, wide, 1, 1))
        width = out
    return weights


def write_features(folder: Path, seed: int = 0) -> Path:
    """Write both networks' weights, as halves, and return their folder."""
    for name, weights in (("vgg16", random_vgg(seed)), ("lite0", random_lite0(seed))):
        save_file({key: tensor.half() for key, tensor in weights.items()}, folder / f"{name}.safetensors")
    return folder
