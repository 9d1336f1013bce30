"""The governor: keeps the detail of renewed land as strong as that of the start photo's land.

Every step renews a third of a view from what earlier steps made, so a network that is one part in ten too harsh or too soft
is twice too harsh after ten steps. The loop is closed here: each octave of what was renewed is scaled to the photo's strength.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from core.neural.inputs import Inputs, Outputs

OCTAVES = 3  # finest first: 2, 4 and 8 pixels
_GAIN = 0.5, 1.5  # least and most by which an octave is scaled in one step
_LEAST = 0.01  # of the view: less renewed land is left as it is
_TRACE = 1e-3  # strength that cannot be seen
_LUMA = 0.2126, 0.7152, 0.0722


def octaves(image: Tensor) -> list[Tensor]:
    """Split ``image`` (N, 3, H, W) into bands an octave wide, finest first; what is coarser is left out."""
    bands = []
    for octave in range(OCTAVES):
        size = 2 ** (octave + 1) + 1
        smooth = functional.avg_pool2d(image, size, 1, size // 2, count_include_pad=False)
        bands.append(image - smooth)
        image = smooth
    return bands


def strengths(bands: list[Tensor], where: Tensor) -> Tensor:
    """Mean absolute luma of ``octaves`` where ``where`` (N, 1, H, W) in [0, 1]: (N, OCTAVES)."""
    luma = where.new_tensor(_LUMA).view(1, 3, 1, 1)
    mass = where.sum((1, 2, 3)).clamp(min=1.0)
    return torch.stack([((band * luma).sum(1, keepdim=True).abs() * where).sum((1, 2, 3)) / mass for band in bands], 1)


def photo_strengths(photos: Tensor) -> Tensor:
    """``strengths`` of the land of start photos (N, 5, H, W), as ``core.neural.inputs.photo_tensor`` makes them."""
    return strengths(octaves(0.5 + 0.5 * photos[:, :3]), 1.0 - photos[:, 4:5])


def governed(out: Outputs, inputs: Inputs, wanted: Tensor) -> Outputs:
    """Scale the octaves of renewed land to the strengths ``wanted`` (N, OCTAVES); known sharp pixels stay as they are."""
    renewed = inputs.need * (1.0 - out.sky)
    bands = octaves(out.image)
    gain = ((wanted + _TRACE) / (strengths(bands, renewed) + _TRACE)).clamp(*_GAIN)
    enough = (renewed.mean((1, 2, 3)) > _LEAST)[:, None]
    extra = torch.where(enough, gain - 1.0, torch.zeros_like(gain))
    change = sum((band * extra[:, i, None, None, None] for i, band in enumerate(bands)), torch.zeros_like(out.image))
    return out._replace(image=(out.image + renewed * change).clamp(0.0, 1.0))
