"""Recycler: large arrays whose memory is used again once nobody holds them.

A lookup for 1280x720 is 16 MB, made every frame. Fresh from the system each of its pages faults when first touched, which costs
up to a third of the warp (7 of 20 ms measured); memory used before does not.
"""

from __future__ import annotations

import math
import sys
import threading
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)

_SMALLEST = 1 << 18  # bytes; below this malloc keeps the memory itself
_MOST_UNUSED = 1 << 28  # bytes kept for later; a cross-fade of four keyframes at 1280x720 needs 120 MB at once
# references to a block that only the recycler holds, counted as below: the list, the loop variable, perhaps the argument
_UNUSED = next(sys.getrefcount(block) for block in [np.empty(0)])


class Recycler:
    """Hands out uninitialised arrays; a block of memory is free again when the last array on it, or view of one, is gone."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.uint8]] = []
        self._lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: type[_Scalar]) -> NDArray[_Scalar]:
        """Return an uninitialised array like ``numpy.empty``."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size < _SMALLEST:
            return np.empty(shape, dtype)
        grain = 1 << (size.bit_length() - 4)  # at most 1/8 too large: meshes differ a little in size from keyframe to keyframe
        size = -(-size // grain) * grain
        with self._lock:
            for block in self._blocks:
                if block.size == size and sys.getrefcount(block) == _UNUSED:
                    return np.ndarray(shape, dtype, buffer=block)
            if sum(block.size for block in self._blocks if sys.getrefcount(block) == _UNUSED) > _MOST_UNUSED:
                self._blocks = [block for block in self._blocks if sys.getrefcount(block) > _UNUSED]
            self._blocks.append(np.empty(size, np.uint8))
            return np.ndarray(shape, dtype, buffer=self._blocks[-1])
