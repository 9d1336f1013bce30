"""Checkpoints: nested plain data and arrays in one file, replaced as a whole, so that a kill at any time leaves a good one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from core.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

_ARRAY = "__array__"  # marks numpy arrays among the tensors


def save(path: Path, state: dict[str, Any]) -> None:
    """Write ``state``: dicts, lists, tuples, numbers, strings, None, tensors and arrays."""
    temporary = path.with_suffix(".part")
    torch.save(_packed(state), temporary)
    temporary.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read what ``save`` wrote; no code in the file is run. Raises TrainingError if it cannot be read."""
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # on damaged bytes torch's reader raises nearly anything
        reason = (str(error).splitlines() or ["damaged"])[0][:120]
        raise TrainingError(f"checkpoint {path} cannot be read ({reason}): delete it to begin anew") from error
    if not isinstance(state, dict):
        raise TrainingError(f"checkpoint {path} holds no training: delete it to begin anew")
    return {str(name): _unpacked(value) for name, value in state.items()}


def _packed(tree: Any) -> Any:  # noqa: ANN401  any plain data
    if isinstance(tree, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.array(tree, order="C"))}
    if isinstance(tree, np.generic):
        return tree.item()
    if isinstance(tree, dict):
        return {name: _packed(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_packed(value) for value in tree)
    return tree


def _unpacked(tree: Any) -> Any:  # noqa: ANN401  any plain data
    if isinstance(tree, dict):
        if tree.keys() == {_ARRAY}:
            return tree[_ARRAY].numpy()
        return {name: _unpacked(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_unpacked(value) for value in tree)
    return tree
