"""The paper's renderer: forward splatting with softmax weights (Niklaus and Liu 2020; paper 3.1), and what counts as seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

EDGE = 4.0  # beta of the foreground alpha
_SPREAD = 20.0  # logarithms of weights span -10 to 10
_FARTHEST, _NEAREST = 0.01, 1.0


@dataclass(frozen=True, eq=False)
class Splatted:
    """A view seen from elsewhere; disparity is the target camera's, not clamped."""

    image: Tensor  # (1, 3, h, w)
    alpha: Tensor  # (1, 1, h, w)
    disparity: Tensor  # (1, 1, h, w)
    hit: Tensor  # (1, 1, h, w): 1 where anything fell, 0 elsewhere

    @property
    def mask(self) -> Tensor:
        """1 where the view is known: hit, and not smeared over a depth edge. (1, 1, h, w)."""
        return ((self.alpha > 0.3) & (self.hit > 0.9)).float()

    def network_input(self) -> Tensor:
        """Return red, green, blue, disparity and mask (1, 5, h, w) in [-1, 1]; holes are -1 throughout."""
        mask = self.mask
        disparity = self.disparity.clamp(_FARTHEST, _NEAREST)
        return 2.0 * torch.cat([self.image * mask, disparity * mask, mask], 1) - 1.0


def foreground_alpha(disparity: Tensor) -> Tensor:
    """Return exp(-4 |gradient|) of ``disparity`` (1, 1, h, w): near 0 at depth edges, where a splat would smear."""
    smooth = torch.tensor([1.0, 2.0, 1.0])
    kernel = torch.outer(smooth, torch.tensor([-1.0, 0.0, 1.0])).to(disparity)
    padded = functional.pad(disparity, (1, 1, 1, 1), mode="replicate")
    gradient = functional.conv2d(padded, torch.stack([kernel, kernel.T])[:, None])
    return torch.exp(-EDGE * gradient.square().sum(1, keepdim=True).sqrt())


def splat(rgba: Tensor, disparity: Tensor, target_from_source: Tensor, lens: Tensor) -> Splatted:
    """Splat ``rgba`` (1, 4, h, w) and ``disparity`` (1, 1, h, w) into another camera with the same ``lens`` (3, 3), in pixels."""
    height, width = disparity.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([columns, rows, torch.ones_like(rows)]).float().reshape(3, -1)
    points = torch.linalg.inv(lens) @ pixels / disparity.reshape(1, -1)
    moved = lens @ (target_from_source[:3, :3] @ points + target_from_source[:3, 3:])
    depth = moved[2]
    place = moved[:2] / depth.clamp(min=1e-8)
    nearness = 1.0 / depth
    span = nearness.max() - nearness.min()
    weight = torch.exp(_SPREAD * (nearness - nearness.min()) / (span + 1e-6) - 0.5 * _SPREAD)
    values = torch.cat([rgba.reshape(4, -1), nearness[None], torch.ones_like(nearness)[None]])
    total = _scattered(torch.cat([values * weight, weight[None]]), place, height, width)
    out = (total[:-1] / (total[-1:] + 1e-7)).reshape(1, 6, height, width)
    return Splatted(out[:, :3], out[:, 3:4], out[:, 4:5], out[:, 5:])


def _scattered(values: Tensor, place: Tensor, height: int, width: int) -> Tensor:
    """Add ``values`` (c, n) to the four pixels around ``place`` (2, n), bilinearly; what falls outside is lost. (c, h w)."""
    place = place.clamp(-1e6, 1e6)  # of points behind the camera, which no integer could hold
    corner = place.floor()
    right, down = place - corner
    column, row = corner.long()
    out = values.new_zeros(len(values), height * width)
    shares = (
        ((0, 0), (1 - right) * (1 - down)),
        ((1, 0), right * (1 - down)),
        ((0, 1), (1 - right) * down),
        ((1, 1), right * down),
    )
    for (dx, dy), share in shares:
        x, y = column + dx, row + dy
        inside = ((x >= 0) & (x < width) & (y >= 0) & (y < height)).nonzero()[:, 0]
        out.index_add_(1, (y * width + x)[inside], (values * share)[:, inside])
    return out
