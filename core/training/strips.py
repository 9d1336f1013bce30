"""Strips: what a training step saw and made, as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.neural.inputs import completed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from core.neural.inputs import Inputs, Outputs


def strip(inputs: Inputs, out: Outputs, photos: Tensor) -> NDArray[np.uint8]:
    """Draw a row for every sample: start photo, classical completion, refined view, need, gate, refined disparity of land.

    ``photos`` (N, 5, H, W), colour in [-1, 1]. Returns (N * H, 6 * W, 3).
    """
    columns = (0.5 + 0.5 * photos[:, :3], completed(inputs), out.image, inputs.need, out.gate, out.depth * (1.0 - out.sky))
    return np.concatenate([np.concatenate(list(_pictures(column)), axis=0) for column in columns], axis=1)


def _pictures(batch: Tensor) -> NDArray[np.uint8]:
    colour = batch.detach().float().cpu().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).clamp(0.0, 1.0)
    return (colour.numpy() * 255.0 + 0.5).astype(np.uint8)
