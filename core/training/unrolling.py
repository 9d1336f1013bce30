"""Unrolling: the gradient of a step reaches the picture of the step before it, through the warp's lookup and ``grid_sample``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from core.warp.lookup import HOLE, Lookup
from core.warp.sample import sample_torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.frame import Layer
    from core.keyframe import Keyframe
    from core.neural.inputs import Inputs


def carried(inputs: Inputs, layers: Sequence[Layer], before: Sequence[Keyframe], images: Tensor) -> Inputs:
    """Connect ``inputs`` (N, ...) to ``images`` (N, 3, H, W), the pictures of the keyframes ``before``, in colour.

    ``layers`` are what the inputs were seen through. Values stay as they are; only gradients come to be: where a layer shows
    that keyframe's land. Disparity is left out, as in the paper's release, whose hole masks and weights are detached.
    """
    shown = torch.stack([_shown(*parts) for parts in zip(layers, before, images, strict=True)])
    change = (shown - shown.detach()) * (1.0 - inputs.sky) * (1.0 - inputs.opened)
    warped = torch.cat([2.0 * change, torch.zeros_like(inputs.channels[:, 3:])], 1)
    return inputs._replace(channels=inputs.channels + warped, land=inputs.land + change)


def _shown(layer: Layer, keyframe: Keyframe, image: Tensor) -> Tensor:
    """``image`` (3, H, W) of ``keyframe`` as it is seen in the layer, 0 where another keyframe or nothing is."""
    serials = [key.serial for key in layer.keyframes]
    if keyframe.serial not in serials:
        return torch.zeros_like(image)
    lookup = layer.lookup
    slot = np.where(lookup.slot == serials.index(keyframe.serial), 0, HOLE).astype(np.int8)
    return sample_torch(Lookup(lookup.uv, lookup.disparity, lookup.stretch, slot), [image])
