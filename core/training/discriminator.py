"""The discriminators: one on frozen pretrained features, which learns from thousands of photos, one on geometry from scratch.

Projected GANs (Sauer et al. 2021): features of a frozen EfficientNet-Lite0 are mixed across channels and scales by fixed random
convolutions, so that no scale can be ignored, and small heads judge each scale. The geometry discriminator is the paper's, much
smaller: RGBD and sky at half resolution, with R1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from core.features import Lite0Features

if TYPE_CHECKING:
    from collections.abc import Mapping

_MIXED = 64  # channels of every mixed scale
_MIX_SEED = 20_21
_TAPS = slice(1, 5)  # strides 4, 8, 16, 32
_GEOMETRY = (32, 64, 128, 128)
_CUTOUT = 0.35  # of each side
_SHIFT = 0.125  # of each side


class ProjectedDiscriminator(nn.Module):
    """Judges pictures (N, 3, H, W) in [0, 1], sides multiples of 16: logits, one (N, h, w) for each of four scales."""

    def __init__(self, lite0: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.features = Lite0Features(lite0)
        widths = Lite0Features.channels[_TAPS]
        self.across = nn.ModuleList(nn.Conv2d(width, _MIXED, 1) for width in widths)
        self.down = nn.ModuleList(nn.Conv2d(_MIXED, _MIXED, 3, padding=1) for _ in widths)
        generator = torch.Generator().manual_seed(_MIX_SEED)
        for convolution in (*self.across, *self.down):
            weight = convolution.weight
            fan = weight[0].numel()
            weight.data.copy_(torch.randn(weight.shape, generator=generator) * (2.0 / fan) ** 0.5)
            nn.init.zeros_(convolution.bias)
            convolution.requires_grad_(requires_grad=False)
        self.heads = nn.ModuleList(_head(downs) for downs in (2, 2, 1, 0))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Judge ``image``."""
        mixed: list[Tensor] = []
        for tap, across, down in zip(
            reversed(self.features(image)[_TAPS]), reversed(self.across), reversed(self.down), strict=True
        ):
            x = across(tap)
            if mixed:
                x = x + functional.interpolate(mixed[-1], x.shape[2:], mode="bilinear", align_corners=False)
            mixed.append(down(x) * 0.5**0.5)
        return [head(x)[:, 0].float() for head, x in zip(self.heads, reversed(mixed), strict=True)]


def _head(downs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(downs):
        layers += [spectral_norm(nn.Conv2d(_MIXED, _MIXED, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
    layers += [spectral_norm(nn.Conv2d(_MIXED, _MIXED, 3, padding=1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(_MIXED, 1, 1)))


class GeometryDiscriminator(nn.Module):
    """Judges RGBD and sky (N, 5, H, W), everything in [0, 1], at half their resolution: logits (N, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for cin, cout in zip((5, *_GEOMETRY), _GEOMETRY, strict=False):
            layers += [nn.Conv2d(cin, cout, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, nn.Conv2d(_GEOMETRY[-1], 1, 3, padding=1))
        for layer in self.body:
            if isinstance(layer, nn.Conv2d):  # torch's default lets the signal die away in five layers, and nothing is learnt
                nn.init.kaiming_normal_(layer.weight, a=0.2)

    def forward(self, view: Tensor) -> Tensor:
        """Judge ``view``."""
        logits: Tensor = self.body(2.0 * functional.avg_pool2d(view, 2) - 1.0)[:, 0]
        return logits.float()


class Judges(nn.Module):
    """Both discriminators on views (N, 5, H, W): colour, log disparity of land and sky, all in [0, 1]."""

    def __init__(self, projected: ProjectedDiscriminator, geometry: GeometryDiscriminator) -> None:
        super().__init__()
        self.projected = projected
        self.geometry = geometry
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, views: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the logits of the projected discriminator's scales, and those of the geometry discriminator."""
        return self.projected(views[:, :3]), self.geometry(views)

    def taps(self, image: Tensor) -> list[Tensor]:
        """Return the frozen features of ``image`` (N, 3, H, W) in [0, 1], five scales."""
        taps: list[Tensor] = self.projected.features(image)
        return taps


def augmented(views: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, flip and cut out at random, differentiably (Zhao et al. 2020); ``views`` (N, C, H, W) of any channels.

    Colour stays: light and palette must not drift, and discriminators are what watches over that.
    """
    n, _, height, width = views.shape
    draw = torch.rand(n, 5, generator=generator)
    ys, xs = torch.arange(height, device=views.device), torch.arange(width, device=views.device)
    out = []
    for view, (a, b, c, d, flip) in zip(views, draw.tolist(), strict=True):
        rows = (ys + round((2.0 * a - 1.0) * _SHIFT * height)).clamp(0, height - 1)
        columns = (xs + round((2.0 * b - 1.0) * _SHIFT * width)).clamp(0, width - 1)
        moved = view[:, rows][:, :, columns.flip(0) if flip < 0.5 else columns]
        hole = torch.ones(height, width, device=view.device)
        top, left = int(c * height * (1.0 - _CUTOUT)), int(d * width * (1.0 - _CUTOUT))
        hole[top : top + int(_CUTOUT * height), left : left + int(_CUTOUT * width)] = 0.0
        out.append(moved * hole)
    return torch.stack(out).contiguous(memory_format=torch.channels_last)


def r1_penalty(logits: Tensor, views: Tensor) -> Tensor:
    """Mean squared gradient of ``logits`` in the real ``views`` (Mescheder et al. 2018), summed over pixels."""
    (gradient,) = torch.autograd.grad(logits.sum(), views, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()
