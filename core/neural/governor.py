"""The governor: keeps renewed land as strong in detail, and in the same light, as the start photo's land.

Every step renews a third of a view from what earlier steps made, so a network that is one part in ten too harsh or too soft
is twice too harsh after ten steps. The loop is closed here: each octave of what was renewed is scaled to the photo's strength,
and where the view's mean colour has left the photo's, what is renewed is shifted back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.neural.inputs import Inputs, Outputs

OCTAVES = 3  # finest first: 2, 4 and 8 pixels
_GAIN = 0.25, 1.5  # least and most by which an octave is scaled in one step
_RIM = 7  # pixels from the sky within which land is hardly measured: silhouettes, blurred by the coarsest octave, are no texture
_RIM_WEIGHT = 0.01  # for where there is nothing but rim, as among branches
_HOLD = 4.0  # held in full from this share of full need on; in proportion to need, detail settled at 1.7 times the photo's
_FREE = 0.02  # by which the mean colour may differ: places do
_PULL = 0.5  # share of what it differs beyond that taken back in one step
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


class Look(NamedTuple):
    """What the land of a batch of pictures looks like."""

    strengths: Tensor  # (N, OCTAVES), of luma
    chroma: Tensor  # (N, OCTAVES), strengths of what is beside luma
    colour: Tensor  # (N, 3), mean


def inland(sky: Tensor) -> Tensor:
    """Return how much pixels count as land, [0, 1], which is little near ``sky`` (N, 1, H, W)."""
    return 1.0 - sky - (1.0 - _RIM_WEIGHT) * (functional.max_pool2d(sky, 2 * _RIM + 1, 1, _RIM) - sky)


def strengths(bands: list[Tensor], where: Tensor) -> Tensor:
    """Mean absolute luma of ``octaves`` where ``where`` (N, 1, H, W) in [0, 1]: (N, OCTAVES)."""
    return _sizes([_parts(band)[0] for band in bands], where)


def chroma(bands: list[Tensor], where: Tensor) -> Tensor:
    """Mean absolute difference of the channels of ``octaves`` from their luma, like ``strengths``: (N, OCTAVES)."""
    return _sizes([_parts(band)[1] for band in bands], where)


def look_of(photos: Tensor) -> Look:
    """Return the ``Look`` of start photos (N, 5, H, W), as ``core.neural.inputs.photo_tensor`` makes them."""
    image, land = 0.5 + 0.5 * photos[:, :3], inland(photos[:, 4:5])
    bands = octaves(image)
    return Look(strengths(bands, land), chroma(bands, land), _mean_colour(image, land))


def governed(out: Outputs, inputs: Inputs, wanted: Look) -> Outputs:
    """Bring renewed land nearer to the look that is ``wanted``; known sharp pixels stay as they are."""
    renewed, land = (_HOLD * inputs.need).clamp(max=1.0) * (1.0 - out.sky), inland(out.sky)
    lumas, rests = zip(*map(_parts, octaves(out.image)), strict=True)
    measured = renewed * land
    enough = (measured.mean((1, 2, 3)) > _LEAST)[:, None]
    gain = _gain(wanted.strengths, _sizes(lumas, measured), _GAIN[1])
    fading = _gain(wanted.chroma, _sizes(rests, measured), 1.0)  # colours made stronger ended in purple and green stripes
    change = torch.zeros_like(out.image)
    for i, (luma, rest) in enumerate(zip(lumas, rests, strict=True)):
        change = change + luma * _extra(gain, enough, i) + rest * _extra(fading, enough, i)
    drift = _mean_colour(out.image, land) - wanted.colour
    excess = torch.where(enough, drift - drift.clamp(-_FREE, _FREE), torch.zeros_like(drift))
    image = out.image + renewed * (change - _PULL * excess[:, :, None, None])
    return out._replace(image=image.clamp(0.0, 1.0))


def _parts(band: Tensor) -> tuple[Tensor, Tensor]:
    """Split a band (N, 3, H, W) into its luma (N, 1, H, W) and what the channels have beside it."""
    luma = sum((weight * band[:, i : i + 1] for i, weight in enumerate(_LUMA)), torch.zeros_like(band[:, :1]))
    return luma, band - luma


def _sizes(planes: Sequence[Tensor], where: Tensor) -> Tensor:
    """Mean absolute values (N, len(planes)) of ``planes``, each (N, C, H, W), where ``where`` (N, 1, H, W)."""
    mass = where.sum((1, 2, 3)).clamp(min=1.0)
    return torch.stack([(plane.abs().mean(1, keepdim=True) * where).sum((1, 2, 3)) / mass for plane in planes], 1)


def _gain(wanted: Tensor, found: Tensor, most: float) -> Tensor:
    return ((wanted + _TRACE) / (found + _TRACE)).clamp(_GAIN[0], most)


def _extra(gain: Tensor, enough: Tensor, octave: int) -> Tensor:
    """How much of an octave is added, (N, 1, 1, 1); nothing where too little is renewed to tell."""
    return torch.where(enough, gain - 1.0, torch.zeros_like(gain))[:, octave, None, None, None]


def _mean_colour(image: Tensor, land: Tensor) -> Tensor:
    """Mean colour (N, 3) of ``land``, of the whole picture where there is none."""
    weight = land + 1e-4
    return (image * weight).sum((2, 3)) / weight.sum((2, 3))
