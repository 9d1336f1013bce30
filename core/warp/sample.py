"""Sample keyframes through a lookup: in torch, differentiably in the colours, as training warps; and the plain twin of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from core.warp.lookup import Lookup


def sample(lookup: Lookup, sources: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Read ``sources[slot]`` (H, W[, C]) float32 at every pixel's uv: bilinear, border repeated, 0 in holes.

    Returns (height, width[, C]) float32. There is no prefilter: a source should not be much finer than the lookup.
    """
    import cv2

    out = np.zeros((*lookup.slot.shape, *sources[0].shape[2:]), np.float32)
    for slot, source in enumerate(sources):
        seen = lookup.slot == slot
        u = lookup.uv[..., 0] * source.shape[1] - 0.5
        v = lookup.uv[..., 1] * source.shape[0] - 0.5
        out[seen] = cv2.remap(source, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[seen]
    return out


def sample_torch(lookup: Lookup, sources: Sequence[torch.Tensor]) -> torch.Tensor:
    """Read ``sources[slot]`` (C, H, W) float at every pixel's uv, as ``sample`` does, differentiably in the sources.

    Returns (C, height, width) on the sources' device.
    """
    import torch
    from torch.nn.functional import grid_sample

    device = sources[0].device
    grid = torch.from_numpy(2.0 * lookup.uv - 1.0).to(device)[None]
    slots = torch.from_numpy(lookup.slot).to(device)
    out = sources[0].new_zeros((len(sources[0]), *lookup.slot.shape))
    for slot, source in enumerate(sources):
        read = grid_sample(source[None], grid.to(source), mode="bilinear", padding_mode="border", align_corners=False)[0]
        out = torch.where(slots == slot, read, out)
    return out
