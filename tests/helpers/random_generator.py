"""Weights files of generators that nobody trained: they paint, if not well."""

from pathlib import Path

import torch

from core.neural.network import GeneratorNetwork
from core.weights import write_weights


def write_generator(path: Path, size: str = "small", strength: float = 0.02, **card: object) -> Path:
    """Write a random network of ``size`` that changes a picture visibly; NaN as ``strength`` gives one that has diverged."""
    torch.manual_seed(0)
    network = GeneratorNetwork(size)
    with torch.no_grad():
        network.leave.weight.normal_().mul_(strength)
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in network.state_dict().items()}
    write_weights(path, weights, {"what": "a test", "network": size} | card)
    return path
