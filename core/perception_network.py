"""The perception network: one pass from a photograph to disparity and sky.

An EfficientNet-Lite0 encoder with its batch normalisation folded into the convolutions (so training and inference run the
same arithmetic) and a light top-down decoder with skip connections that ends at full resolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping

STRIDE = 32  # image sides must be multiples of the encoder's total stride
_BATCH_NORM_EPSILON = 1e-3

# (kernel, stride, expansion, channels out) of the 16 inverted residual blocks of EfficientNet-Lite0
_BLOCKS = (
    (3, 1, 1, 16),
    *((3, 2, 6, 24), (3, 1, 6, 24)),
    *((5, 2, 6, 40), (5, 1, 6, 40)),
    *((3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80)),
    *((5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112)),
    *((5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192)),
    (3, 1, 6, 320),
)
_TAPS = (0, 2, 4, 10, 15)  # the blocks whose outputs the decoder reads: strides 2, 4, 8, 16, 32


class _SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding, for which the published weights were trained (even sides assumed)."""

    def __init__(self, cin: int, cout: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(cin, cout, kernel, stride, groups=groups, padding=(kernel - 1) // 2 if stride == 1 else 0)
        before = (kernel - stride) // 2
        self._pad = (before, kernel - stride - before) * 2 if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self._pad is None else functional.pad(x, self._pad))


class _InvertedResidual(nn.Module):
    def __init__(self, cin: int, kernel: int, stride: int, expansion: int, cout: int) -> None:
        super().__init__()
        wide = cin * expansion
        self.expand = _SameConv(cin, wide) if expansion > 1 else None
        self.depthwise = _SameConv(wide, wide, kernel, stride, groups=wide)
        self.project = _SameConv(wide, cout)
        self.shortcut = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else functional.relu6(self.expand(x))
        y: Tensor = self.project(functional.relu6(self.depthwise(wide)))
        return x + y if self.shortcut else y


class Encoder(nn.Module):
    """EfficientNet-Lite0 without its head: (N, 3, H, W) in [0, 1] to features at strides 2, 4, 8, 16 and 32."""

    channels = tuple(_BLOCKS[tap][3] for tap in _TAPS)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _SameConv(3, 32, 3, 2)
        widths = (32, *(block[3] for block in _BLOCKS))
        self.blocks = nn.ModuleList(_InvertedResidual(widths[i], *block) for i, block in enumerate(_BLOCKS))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the five feature maps, finest first."""
        x = functional.relu6(self.stem((255.0 * image - 127.0) / 128.0))
        taps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in _TAPS:
                taps.append(x)
        return taps

    def freeze(self, blocks: int) -> None:
        """Keep the stem and the first ``blocks`` blocks as they are in training."""
        for part in (self.stem, *self.blocks[:blocks]) if blocks else ():
            part.requires_grad_(requires_grad=False)

    def load_pretrained(self, weights: Mapping[str, Tensor]) -> None:
        """Take ImageNet weights named as in ``efficientnet-lite-pytorch``, folding batch normalisation.

        Raises KeyError or RuntimeError if ``weights`` are not those of EfficientNet-Lite0.
        """
        _fold(self.stem, weights, "_conv_stem", "_bn0")
        for i, block in enumerate(self.blocks):
            if not isinstance(block, _InvertedResidual):
                raise TypeError(block)
            prefix = f"_blocks.{i}."
            if block.expand is not None:
                _fold(block.expand, weights, prefix + "_expand_conv", prefix + "_bn0")
            _fold(block.depthwise, weights, prefix + "_depthwise_conv", prefix + "_bn1")
            _fold(block.project, weights, prefix + "_project_conv", prefix + "_bn2")


def _fold(conv: nn.Conv2d, weights: Mapping[str, Tensor], convolution: str, norm: str) -> None:
    scale = weights[f"{norm}.weight"].float() / (weights[f"{norm}.running_var"].float() + _BATCH_NORM_EPSILON).sqrt()
    bias = weights[f"{norm}.bias"].float() - weights[f"{norm}.running_mean"].float() * scale
    kernel = weights[f"{convolution}.weight"].float() * scale[:, None, None, None]
    conv.load_state_dict({"weight": kernel, "bias": bias})


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class _Fuse(nn.Module):
    """Upsample the coarse features by two, add the skip connection, mix."""

    def __init__(self, coarse: int, skip: int, width: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, width, 1)
        self.lateral = nn.Conv2d(skip, width, 1)
        self.mix = _Residual(width)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        up = functional.interpolate(self.narrow(coarse), scale_factor=2, mode="bilinear", align_corners=False)
        mixed: Tensor = self.mix(functional.relu(up + self.lateral(skip)))
        return mixed


class PerceptionNetwork(nn.Module):
    """Photograph (N, 3, H, W) in [0, 1], sides multiples of 32, to (N, 3, H, W) logits.

    Channel 0: root disparity, ``disparity = sigmoid(x) ** 2``, 97th percentile of land at 0.8, meaningless under sky.
    Channels 1 and 2: sky and open water, probabilities ``sigmoid(x)``.
    """

    def __init__(self, widths: tuple[int, ...] = (128, 96, 64, 48, 32, 16)) -> None:
        super().__init__()
        self.encoder = Encoder()
        coarsest, *finer, last = widths
        fine = self.encoder.channels
        self.top = nn.Conv2d(fine[-1] + 2, coarsest, 1)
        self.context = nn.Conv2d(fine[-1], coarsest, 1)
        self.mix = _Residual(coarsest)
        self.fuse = nn.ModuleList(_Fuse(a, b, c) for a, b, c in zip(widths, fine[-2::-1], finer, strict=False))
        self.narrow = nn.Conv2d(finer[-1], last, 1)
        self.detail = nn.Conv2d(3, last, 3, padding=1)
        self.refine = nn.Conv2d(last, last, 3, padding=1)
        self.head = nn.Conv2d(last, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits; see the class."""
        *skips, x = self.encoder(image)
        context = self.context(x.mean((2, 3), keepdim=True))
        x = self.mix(functional.relu(self.top(torch.cat([x, _grid_like(x)], 1)) + context))
        for fuse, skip in zip(self.fuse, reversed(skips), strict=True):
            x = fuse(x, skip)
        x = functional.interpolate(self.narrow(x), scale_factor=2, mode="bilinear", align_corners=False)
        x = functional.relu(x + self.detail(image))
        logits: Tensor = self.head(functional.relu(x + self.refine(x)))
        return logits


def channels_last(network: PerceptionNetwork) -> PerceptionNetwork:
    """Lay the weights out channels last (on a CPU 33 instead of 46 ms at 512 x 320) and return the network."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _grid_like(x: Tensor) -> Tensor:
    """Position in the image, (N, 2, H, W) in [-1, 1]: in landscapes, where a thing stands says much about its distance."""
    n, _, h, w = x.shape
    v = torch.linspace(-1.0, 1.0, h, dtype=x.dtype, device=x.device)[None, None, :, None].expand(n, 1, h, w)
    u = torch.linspace(-1.0, 1.0, w, dtype=x.dtype, device=x.device)[None, None, None, :].expand(n, 1, h, w)
    return torch.cat([u, v], 1)
