"""Losses of the generator: reconstruction on cycles, adversarial on rollouts, and the start photo's style."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from core.neural.governor import inland, look_of, octaves, strengths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.features import Vgg16Features
    from core.neural.inputs import Outputs

_LEVELS = 5  # taps of Lite0 that style is read from: strides 2 to 32
_COARSE = 16  # pixels
_LEAST_LAND = 0.02  # of a view, below which it has no style to compare


def reconstruction(
    out: Outputs, target: Outputs, opened: Tensor, vgg: Vgg16Features, window: tuple[slice, slice]
) -> dict[str, Tensor]:
    """Compare refined views with the truth (paper section 3.4): VGG features in ``window``, pixels and disparity of land, sky.

    The paper's feature and disparity terms, with an L1 on pixels beside them; sky counts where it was open to decision.
    """
    land = 1.0 - target.sky
    rows, columns = window
    with torch.autocast(out.image.device.type, torch.bfloat16):
        pairs = zip(vgg(out.image[:, :, rows, columns]), vgg(target.image[:, :, rows, columns]), strict=True)
        features = torch.stack([_relative(a.float(), b.float()) for a, b in pairs]).mean()
    return {
        "features": features,
        "pixels": (out.image - target.image).abs().mean(),
        "disparity": ((out.depth - target.depth).abs() * land).sum() / land.sum().clamp(min=1.0),
        "sky": ((out.sky - target.sky).abs() * opened).sum() / opened.sum().clamp(min=1.0),
    }


def style_distance(taps: Sequence[Tensor], photo_taps: Sequence[Tensor], sky: Tensor, photo_sky: Tensor) -> Tensor:
    """Distance of the land's feature statistics (mean, deviation and correlation by level) from the start photo's."""
    return apart(grams(taps[:_LEVELS], sky), grams(photo_taps[:_LEVELS], photo_sky), (sky, photo_sky))


def kind_distance(taps: Sequence[Tensor], photo_taps: Sequence[Tensor]) -> Tensor:
    """Return the relative L1 distance of the whole view's deepest features, averaged over it, from the photo's.

    Statistics of land say what the ground is made of; this says what kind of place a view shows: ridge, valley or plain.
    """
    ours, photos = (taps[_LEVELS - 1].float().mean((2, 3)) for taps in (taps, photo_taps))
    return ((ours - photos).abs().mean(1) / photos.abs().mean(1).clamp(min=1e-6)).mean()


def grams(taps: Sequence[Tensor], sky: Tensor) -> list[Tensor]:
    """Return second moments over land, (N, C + 1, C + 1) a level: of the features and a constant 1, so with their means."""
    return [_gram(tap.float(), sky) for tap in taps]


def apart(ours: Sequence[Tensor], photos: Sequence[Tensor], skies: tuple[Tensor, Tensor]) -> Tensor:
    """Return the mean relative L1 distance of ``grams``; pictures with hardly any land under their ``skies`` do not count."""
    enough = torch.stack([(1.0 - sky).mean((1, 2, 3)) > _LEAST_LAND for sky in skies]).all(0)
    levels = [(a - b).abs().mean((1, 2)) / b.abs().mean((1, 2)).clamp(min=1e-6) for a, b in zip(ours, photos, strict=True)]
    return (torch.stack(levels).mean(0) * enough).mean()


def detail_distance(out: Outputs, need: Tensor, photos: Tensor) -> Tensor:
    """Return how far the detail of renewed land (``need`` (N, 1, H, W)) is from as strong as in the start photos' land.

    By octave, the mean absolute log ratio; ``photos`` (N, 5, H, W), colour in [-1, 1]. Rollouts rot by blur: the classical
    completion's land has half the sharpness of the photo's after 50 steps.
    """
    renewed, land = need * inland(out.sky), inland(photos[:, 4:5])
    enough = (renewed.mean((1, 2, 3)) > _LEAST_LAND) & (land.mean((1, 2, 3)) > _LEAST_LAND)
    strength, wanted = strengths(octaves(out.image), renewed), look_of(photos).strengths
    return (((strength + 1e-3) / (wanted + 1e-3)).log().abs().mean(1) * enough).mean()


def anchoring(image: Tensor, completion: Tensor) -> Tensor:
    """Return the L1 distance of colours averaged over 16 pixels: new detail is wanted, new light is not.

    Without it skies beside holes and skylines turned purple within 250 steps of the adversarial loss.
    """
    return functional.avg_pool2d(image - completion, _COARSE).abs().mean()


def deceiving(logits: Sequence[Tensor]) -> Tensor:
    """Return the generator's side of the hinge loss, mean over scales."""
    return torch.stack([-scale.mean() for scale in logits]).mean()


def telling(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Return the discriminator's side of the hinge loss, mean over scales."""
    scales = [functional.relu(1.0 - r).mean() + functional.relu(1.0 + f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(scales).mean()


def _relative(a: Tensor, b: Tensor) -> Tensor:
    """L1 distance by the features' own size, so that no level outweighs the others."""
    return (a - b).abs().mean() / b.abs().mean().clamp(min=1e-4)


def _gram(tap: Tensor, sky: Tensor) -> Tensor:
    n, _, height, width = tap.shape
    land = functional.adaptive_avg_pool2d(1.0 - sky, (height, width))
    x = torch.cat([tap, tap.new_ones(n, 1, height, width)], 1).flatten(2)
    weight = land.flatten(2)
    return (x * weight) @ x.transpose(1, 2) / weight.sum(2, keepdim=True).clamp(min=1.0)
