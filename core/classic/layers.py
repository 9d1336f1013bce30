"""Layers of StyleGAN2 (Karras et al. 2020) as the released network has them, with the names of its state dict.

A module only holds parameters. ``ready`` turns it into a ``Convolution``: scale, modulation, demodulation and the activation's
gain are multiplied into the weights, once a flight, as the style does not change in it. The release does so at every step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

Resample = Literal["down", "same", "up"]

_SLOPE = 0.2
_GAIN = math.sqrt(2.0)  # leaky ReLU is positively homogeneous, so its gain may be applied before it
_EPSILON = 1e-8


def fir(gain: float = 1.0) -> Tensor:
    """Return the (4, 4) low-pass filter [1, 3, 3, 1] in both directions, of sum ``gain``."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) * (gain / 64.0)


class Fir(nn.Module):
    """Holds a filter under the name the release has for it."""

    kernel: Tensor

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("kernel", fir(gain))


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution ready for use: ``weight`` (out, in, k, k), for "up" (in, out, k, k); ``bias`` (out,)."""

    weight: Tensor
    bias: Tensor
    resample: Resample = "same"
    filter: Tensor | None = None  # (channels, 1, 4, 4), before stride 2 or after it
    noise: float = 0.0  # strength of the noise added before the activation
    activate: bool = True

    def __call__(self, x: Tensor, random: torch.Generator | None = None) -> Tensor:
        """Map (n, in, h, w) to (n, out, h', w') with h' = h / 2, h or 2 h."""
        if self.filter is None:
            x = functional.conv2d(x, self.weight, self.bias, padding=self.weight.shape[2] // 2)
        elif self.resample == "up":
            x = functional.conv_transpose2d(x, self.weight, stride=2)
            x = functional.conv2d(x, self.filter, self.bias, padding=1, groups=len(self.filter))
        else:
            x = functional.conv2d(x, self.filter, padding=2, groups=len(self.filter))
            x = functional.conv2d(x, self.weight, self.bias, stride=2)
        if self.noise:
            x = x + self.noise * torch.randn((len(x), 1, *x.shape[2:]), generator=random).to(x)
        return functional.leaky_relu_(x, _SLOPE) if self.activate else x


class Weight(nn.Module):
    """A weight with equalised learning rate: its runtime scale is 1 / sqrt(fan in)."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(*shape))


class Bias(nn.Module):
    """Bias of an activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


class Strength(nn.Module):
    """Strength of the noise of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class EqualLinear(nn.Module):
    """Linear layer with equalised learning rate; ``activate`` adds the leaky ReLU and its gain."""

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0, activate: bool = False, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self._scale, self._rate, self._activate = rate / math.sqrt(inputs), rate, activate

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs) to (n, outputs)."""
        out = functional.linear(x, self.weight * self._scale, self.bias * self._rate)
        return functional.leaky_relu(out, _SLOPE) * _GAIN if self._activate else out


class ConvLayer(nn.Sequential):
    """Convolution, bias and leaky ReLU; ``down`` halves the size behind a low-pass."""

    def __init__(self, inputs: int, outputs: int, side: int = 3, *, down: bool = False) -> None:
        low_pass: Sequence[nn.Module] = [Fir()] if down else []
        super().__init__(*low_pass, Weight(outputs, inputs, side, side), Bias(outputs))
        self._down = down

    def ready(self, dtype: torch.dtype) -> Convolution:
        """Return it with all factors in its weights."""
        weight, bias = cast("Weight", self[-2]).weight, cast("Bias", self[-1]).bias
        scaled = weight * (_GAIN / math.sqrt(weight[0].numel()))
        low_pass = _depthwise(cast("Fir", self[0]).kernel, weight.shape[1], dtype) if self._down else None
        return Convolution(packed(scaled, dtype), (bias * _GAIN).to(dtype), "down" if self._down else "same", low_pass)


class ModulatedConv(nn.Module):
    """Convolution whose input channels are scaled by a style, with or without demodulation."""

    def __init__(self, inputs: int, outputs: int, side: int, style: int, *, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, side, side))
        if up:
            self.blur = Fir(4.0)
        self.modulation = EqualLinear(style, inputs, bias=1.0)

    def modulated(self, code: Tensor, *, demodulate: bool) -> Tensor:
        """Return the weight (outputs, inputs, k, k) that the style ``code`` (1, style) makes."""
        weight: Tensor = self.weight[0] * (1.0 / math.sqrt(self.weight[0, 0].numel()))
        weight = weight * self.modulation(code)[0, :, None, None]
        if demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + _EPSILON)
        return weight


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias and leaky ReLU; ``up`` doubles the size before a low-pass."""

    def __init__(self, inputs: int, outputs: int, style: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style, up=up)
        self.noise = Strength()
        self.activate = Bias(outputs)
        self._up = up

    def ready(self, code: Tensor, dtype: torch.dtype) -> Convolution:
        """Return it as the style ``code`` (1, style) makes it."""
        weight = self.conv.modulated(code, demodulate=True) * _GAIN
        bias, noise = (self.activate.bias * _GAIN).to(dtype), float(self.noise.weight) * _GAIN
        if not self._up:
            return Convolution(packed(weight, dtype), bias, noise=noise)
        low_pass = _depthwise(self.conv.blur.kernel, len(weight), dtype)
        return Convolution(packed(weight.transpose(0, 1), dtype), bias, "up", low_pass, noise)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to red, green, blue and disparity, on top of the smaller picture doubled in size."""

    def __init__(self, inputs: int, style: int, *, up: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 4, 1, 1))
        if up:
            self.upsample = Fir(4.0)
        self.conv = ModulatedConv(inputs, 4, 1, style)

    def ready(self, code: Tensor, dtype: torch.dtype) -> Convolution:
        """Return it as the style ``code`` (1, style) makes it; no activation follows."""
        weight = self.conv.modulated(code, demodulate=False)
        return Convolution(packed(weight, dtype), self.bias.flatten().to(dtype), activate=False)


def doubled(picture: Tensor) -> Tensor:
    """Double the size of (n, c, h, w) with the low-pass of ``fir``."""
    channels = picture.shape[1]
    kernel = _depthwise(fir(4.0).to(picture.device), channels, picture.dtype)
    return functional.conv_transpose2d(picture, kernel, stride=2, padding=1, groups=channels)


def normalised(x: Tensor) -> Tensor:
    """PixelNorm over the channels of (n, c)."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + _EPSILON)


def packed(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``weight`` as convolutions read it fastest."""
    return weight.detach().to(dtype, memory_format=torch.channels_last)


def _depthwise(kernel: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    return kernel.to(dtype).expand(channels, 1, 4, 4).contiguous()
