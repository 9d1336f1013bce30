"""Sample keyframes through a lookup: colours, or anything else that a keyframe knows of its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from core.warp.lookup import Lookup

    Samples: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]


def pyramid(array: Samples) -> tuple[Samples, ...]:
    """Return ``array`` (H, W[, C]) and its halvings by area, so that ``sample`` can minify without aliasing."""
    import cv2

    levels: list[Samples] = [array]
    while min(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        levels.append(cast("Samples", half))
    return tuple(levels)


def sample(lookup: Lookup, sources: Sequence[Samples | tuple[Samples, ...]]) -> NDArray[np.float32]:
    """Read ``sources[slot]`` (H, W[, C]), uint8 or float32, at every pixel's uv: bilinear, border repeated, 0 in holes.

    Returns (height, width[, C]) float32 in the units of the sources. A source finer than the target should be a ``pyramid``:
    it is read at the level whose pixels are nearest in size to the target's.
    """
    import cv2

    width, height = lookup.size
    first = sources[0][0] if isinstance(sources[0], tuple) else sources[0]
    out = np.zeros((height, width, *first.shape[2:]), np.float32)
    for slot, source in enumerate(sources):
        seen = lookup.slot == slot
        if not seen.any():
            continue
        levels = source if isinstance(source, tuple) else (source,)
        level = _level(lookup, levels)
        for i in np.unique(level[seen]):
            array = levels[i]
            u = lookup.uv[..., 0] * array.shape[1] - 0.5
            v = lookup.uv[..., 1] * array.shape[0] - 0.5
            read = cv2.remap(array, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            here = seen & (level == i)
            out[here] = read[here]
    return out


def _level(lookup: Lookup, levels: tuple[Samples, ...]) -> NDArray[np.intp]:
    """Pyramid level of each pixel: log2 of its footprint in pixels of the finest, the smaller of the two towards either side.

    The smaller, because the other may reach across a depth edge.
    """
    if len(levels) == 1 or min(lookup.size) < 2:
        return np.zeros(lookup.slot.shape, np.intp)
    height, width = levels[0].shape[:2]
    across, down = np.diff(lookup.uv[:-1], axis=1), np.diff(lookup.uv[:, :-1], axis=0)
    area = np.abs(across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]) * (width * height)
    area = np.minimum(np.pad(area, ((0, 1), (0, 1)), mode="edge"), np.pad(area, ((1, 0), (1, 0)), mode="edge"))
    level = np.round(0.5 * np.log2(np.maximum(area, 1.0)))
    return np.asarray(np.minimum(level, len(levels) - 1), np.intp)


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
