"""Weights for the released network that anyone can make again: numbers drawn by each tensor's name."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from core.classic.network import ClassicNetwork

_RULES = (  # start, end, scale, offset; the first that fits
    ("", "noise.weight", 0.0, 0.0),
    ("G_mapping.", ".weight", 100.0, 0.0),
    ("G_mapping.", ".bias", 10.0, 0.0),
    ("", "modulation.weight", 0.5, 0.0),
    ("", "modulation.bias", 0.1, 1.0),
    ("", "ToRGB.conv.weight", 0.3, 0.0),
    ("", "ToRGB.bias", 0.1, 0.0),
    ("", ".bias", 0.1, 0.0),
    ("", ".weight", 1.0, 0.0),
)


def synthetic_weights() -> dict[str, torch.Tensor]:
    """The 145 parameters."""
    with torch.device("meta"):
        network = ClassicNetwork()
    return {name: _drawn(name, tuple(tensor.shape)) for name, tensor in network.named_parameters()}


def _drawn(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    scale, offset = next((s, o) for start, end, s, o in _RULES if name.startswith(start) and name.endswith(end))
    if not scale:
        return torch.zeros(shape)
    random = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    values = random.standard_normal(shape).astype(np.float32) * np.float32(scale) + np.float32(offset)
    if name.endswith("ToRGB.conv.weight"):
        values[0, 3] *= 2
    if name.endswith("ToRGB.bias"):
        values[0, 3] += np.float32(-0.1)
    return torch.from_numpy(values)
