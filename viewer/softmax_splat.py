"""Softmax splatting in torch, as InfiniteNature-Zero renders its views: a peer that the benchmark measures the warp against.

Each source pixel is spread over the four target pixels around where it comes to lie, weighted by how near it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_SHARPNESS = 20.0  # the nearest pixel of a view weighs exp(20) times as much as the farthest
_LEAST_DEPTH, _LEAST_WEIGHT, _LEAST_RANGE = 1e-8, 1e-7, 1e-6


def softmax_splat(values: Tensor, disparity: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Splat a view into another camera.

    Args:
        values: (C, H, W) float32, the view's colours.
        disparity: (H, W) float32, of its land.
        matrix: (3, 4) float32, ``core.warp.visibility.projection`` to target pixels.
        size: (width, height) of the target.

    Returns (C + 2, height, width) float32: values, disparity in the target camera, and how well a pixel is hit, in [0, 1]. All
    are 0 where nothing is.

    """
    width, height = size
    x, y, nearness = _projected(disparity, matrix)
    low, high = torch.aminmax(nearness)
    weight = torch.exp(_SHARPNESS * (nearness - low) / (high - low + _LEAST_RANGE) - _SHARPNESS / 2)
    ones = torch.ones_like(nearness)
    content = weight[:, None] * torch.column_stack([values.flatten(1).T, nearness, ones])
    total = content.new_zeros((height * width, content.shape[1]))
    left, top = x.floor(), y.floor()
    for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        share = torch.where(inside, (1.0 - (x - column).abs()) * (1.0 - (y - row).abs()), 0.0)
        index = torch.where(inside, row * width + column, 0.0).long()  # what falls outside adds 0 somewhere: no size to wait for
        total.index_add_(0, index, share[:, None] * content)
    # the last channel, splatted ones, is the sum of the weights as well
    return (total / (total[:, -1:] + _LEAST_WEIGHT)).T.reshape(-1, height, width)


def _projected(disparity: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where all pixels come to lie, (H * W), in indices of target pixels, and their disparity there."""
    rows, columns = (torch.arange(side, device=disparity.device, dtype=torch.float32) for side in disparity.shape)
    v, u = torch.meshgrid((rows + 0.5) / len(rows), (columns + 0.5) / len(columns), indexing="ij")
    x, y, ratio = matrix @ torch.stack([u, v, torch.ones_like(u), disparity]).flatten(1)
    q = 1.0 / ratio.clamp(min=_LEAST_DEPTH)
    return x * q - 0.5, y * q - 0.5, disparity.flatten() * q
