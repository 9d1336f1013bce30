"""Global sky correction: the first view's sky, turned with the camera, over what the network took for sky (section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from core.classic.canvas import CANVAS, Prepared
from core.classic.network import SIDE
from core.classic.splat import splat

LIMITS = 0.05, 0.6  # share of sky outside of which the release gives a flight up
_HIT = 0.9
_ERODED = 7  # pixels
_BLUR, _SIGMA = 5, 1.5
_DISPARITY = 0.01, 10.0


@dataclass(frozen=True, eq=False)
class Corrected:
    """What sky correction makes of a view."""

    rgbd: Tensor  # (1, 4, h, w), not clamped
    first_sky: Tensor  # (1, 1, h, w) bool: A, where the first view had sky, eroded
    sky: Tensor  # (1, 1, h, w) bool: B, where the view has sky, too
    soft: Tensor  # (1, 1, h, w): B, blurred

    @property
    def share(self) -> float:
        """Of sky in the view."""
        return float(self.sky.float().mean())


def turned_canvas(prepared: Prepared, camera_from_world: Tensor) -> Tensor:
    """Return RGB, disparity and hits (1, 5, 128, 128) of the first canvas, seen by a camera that has only turned."""
    rotation = camera_from_world.clone()
    rotation[:3, 3] = 0.0
    image, disparity = prepared.canvas[:, :3], prepared.canvas[:, 3:].clamp(*_DISPARITY)
    seen = splat(torch.cat([image, torch.ones_like(disparity)], 1), disparity, rotation, prepared.canvas_lens)
    margin = (CANVAS - SIDE) // 2
    whole = torch.cat([seen.image, seen.disparity, seen.hit], 1)
    return whole[:, :, margin : margin + SIDE, margin : margin + SIDE]


def sky_corrected(rgbd: Tensor, canvas: Tensor, threshold: float) -> Corrected:
    """Lay the sky of ``canvas`` (1, 5, h, w) over ``rgbd`` (1, 4, h, w), in [0, 1]; sky is below ``threshold`` in disparity."""
    hit = canvas[:, 4:] > _HIT
    land = ~(hit & (canvas[:, 3:4] < threshold))
    padding = _ERODED // 2  # outside the frame nothing is land, so that its border is not eroded
    first_sky = functional.max_pool2d(land.float(), _ERODED, stride=1, padding=padding) == 0.0
    sky = (rgbd[:, 3:] < threshold) & first_sky
    soft = _blurred(sky.float()) * hit
    return Corrected(rgbd * (1.0 - soft) + canvas[:, :4] * soft, first_sky, sky, soft)


def _blurred(mask: Tensor) -> Tensor:
    reach = _BLUR // 2
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / _SIGMA) ** 2)
    taps = (taps / taps.sum()).to(mask)
    padded = functional.pad(mask, (reach,) * 4, mode="reflect")
    return functional.conv2d(functional.conv2d(padded, taps[None, None, None]), taps[None, None, :, None])
