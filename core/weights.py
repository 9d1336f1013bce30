"""Weights that ship, and their model cards: safetensors only, checked by hash before a byte is believed.

A weights file ``NAME.safetensors`` has its card ``NAME.json`` beside it: ``sha256`` and ``size`` of the file, and in words
``what`` it is, the ``recipe`` it was made by and its ``metrics``.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_REMEDY = "reinstall photoflight or fetch the file again"


def weights_path(name_or_path: str | Path) -> Path:
    """Return where weights lie: a path as it is, a bare name among the shipped ones."""
    path = Path(name_or_path)
    if path.suffix == ".safetensors" or path.parent != Path():
        return path
    return Path(str(resources.files("weights"))) / f"{path}.safetensors"


def read_card(path: Path) -> dict[str, Any]:
    """Return the model card of the weights file ``path``. Raises WeightsError if either is missing, or the card damaged."""
    if not path.is_file():
        raise WeightsError(f"weights {path} are missing: {_REMEDY}")
    card_path = path.with_suffix(".json")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"model card {card_path.name} of {path.name} is missing or damaged: {_REMEDY}") from error
    if not isinstance(card, dict) or not isinstance(card.get("sha256"), str) or not isinstance(card.get("size"), int):
        raise WeightsError(f"model card {card_path.name} names no sha256 and size: {_REMEDY}")
    return card


def load_weights(name_or_path: str | Path, expected: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Read a weights file and check it.

    Args:
        name_or_path: a shipped name ("perception") or a path to a .safetensors file with its card beside it.
        expected: a state dict; names and shapes must be the same, and tensors come back in its dtypes.

    Returns the tensors by name, on the CPU.

    Raises:
        WeightsError: missing, truncated, not what the card says, not safetensors, or made for another network.

    """
    path = weights_path(name_or_path)
    data = _checked_bytes(path)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        weights: dict[str, Tensor] = load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"weights {path.name} are not safetensors ({_first_line(error)}): {_REMEDY}") from error
    return weights if expected is None else _matched(path, weights, expected)


def write_weights(path: Path, weights: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write ``weights`` to ``path`` and beside it ``card`` with the file's hash and size."""
    from safetensors.torch import save

    data = save({name: tensor.contiguous() for name, tensor in weights.items()})
    path.write_bytes(data)
    full = {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} | dict(card)
    path.with_suffix(".json").write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")


def _checked_bytes(path: Path) -> bytes:
    card = read_card(path)
    try:
        size = path.stat().st_size
        if size != card["size"]:  # before reading: a wrong file may be huge
            raise WeightsError(f"weights {path.name} have {size} bytes instead of {card['size']}: {_REMEDY}")
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"weights {path} cannot be read ({error.strerror}): check its permissions") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != card["sha256"]:
        raise WeightsError(f"weights {path.name} have hash {digest[:12]}, their card says {card['sha256'][:12]}: {_REMEDY}")
    return data


def _matched(path: Path, weights: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    different = sorted(weights.keys() ^ expected.keys())
    if different:
        raise WeightsError(f"weights {path.name} are for another network (tensor {different[0]}): {_REMEDY}")
    for name, tensor in expected.items():
        if weights[name].shape != tensor.shape:
            shapes = f"{tuple(weights[name].shape)} instead of {tuple(tensor.shape)}"
            raise WeightsError(f"weights {path.name} are for another network ({name} is {shapes}): {_REMEDY}")
    return {name: weights[name].to(tensor.dtype) for name, tensor in expected.items()}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["damaged"])[0][:120]
