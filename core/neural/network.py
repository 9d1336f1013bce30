"""The generator network F: a gated residual on the classical completion, in the style of the start photo.

A U-Net at half resolution (pixel unshuffle), modulated at every level by (global code of the start photo, z), the paper's
co-modulation (section 3.4), without its 65 M parameters. At an eighth of the resolution it attends to the start photo itself,
because a code says what a place is like, and only the photo shows how its rocks look. Fully convolutional.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.neural.inputs import CHANNELS

OUTPUTS = 6  # gate, three colours, log disparity, sky
PHOTO_CHANNELS = 5  # colour, log disparity, sky
CODE, LATENT = 128, 32
# channels at 1/2, 1/4, 1/8 and 1/16 of the resolution; 6.8 and 9.9 M parameters, 13 and 20 MB at 16 bits
WIDTHS = {"small": (64, 128, 192, 256), "base": (96, 160, 192, 224)}
_TOKENS = 128  # channels of the photo's features that are attended to
_HEADS = 4
_MOST_SCALE = 4.0  # trained weights stay below 2.4; without a bound small trainings blew up to 1e10 within 150 steps
_FINE = 24  # channels at full resolution


class Style(NamedTuple):
    """What the network knows of a start photo, made once per flight."""

    code: Tensor  # (N, CODE + LATENT)
    tokens: Tensor  # (N, T, _TOKENS), the photo at an eighth of its resolution


class _Block(nn.Module):
    """Residual block whose middle is scaled and shifted by the style; the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.style = nn.Linear(CODE + LATENT, 2 * width)
        nn.init.zeros_(self.second.weight)
        nn.init.normal_(self.style.weight, std=0.02)
        nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.style(code)[:, :, None, None].chunk(2, 1)
        y = self.first(_active(x)) * (1.0 + scale.clamp(-_MOST_SCALE, _MOST_SCALE)) + shift
        out: Tensor = x + self.second(_active(y))
        return out


class _Attention(nn.Module):
    """Looks up in the start photo what belongs to each place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, _TOKENS)
        self.key = nn.Linear(_TOKENS, _TOKENS)
        self.value = nn.Linear(_TOKENS, _TOKENS)
        self.out = nn.Linear(_TOKENS, width)
        nn.init.normal_(self.out.weight, std=0.02)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        n, c, h, w = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
        q, k, v = (_heads(t) for t in (self.query(flat), self.key(tokens), self.value(tokens)))
        seen = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, h * w, _TOKENS)
        out: Tensor = x + self.out(seen).reshape(n, h, w, c).permute(0, 3, 1, 2)
        return out


class PhotoEncoder(nn.Module):
    """The start photo (N, PHOTO_CHANNELS, H, W), sides multiples of 16, to its global code and its tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(PHOTO_CHANNELS * 16, 64, 3, padding=1)
        self.eighth = nn.Conv2d(64, _TOKENS, 4, stride=2, padding=1)
        self.mix = nn.Conv2d(_TOKENS, _TOKENS, 3, padding=1)
        self.sixteenth = nn.Conv2d(_TOKENS, 256, 4, stride=2, padding=1)
        self.code = nn.Linear(512, CODE)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code (N, CODE) and the tokens (N, T, _TOKENS)."""
        x = self.enter(functional.pixel_unshuffle(photo, 4))
        tokens = self.eighth(_active(x))
        tokens = tokens + self.mix(_active(tokens))
        deep = _active(self.sixteenth(_active(tokens)))
        variance, mean = torch.var_mean(deep.float(), (2, 3))
        deviation = (variance + 1e-6).sqrt()  # a black photo varies nowhere, and there a root has no gradient
        code = _active(self.code(torch.cat([mean, deviation], 1)))
        return code, tokens.flatten(2).transpose(1, 2)


class GeneratorNetwork(nn.Module):
    """``inputs`` (N, CHANNELS, H, W), sides multiples of ``STRIDE``, and a style to raw outputs (N, OUTPUTS, H, W).

    ``core.neural.inputs.assembled`` turns these into a picture. At initialisation they are nearly 0.
    """

    def __init__(self, size: str = "small") -> None:
        """``size`` is a key of ``WIDTHS``."""
        super().__init__()
        widths = WIDTHS[size]
        self.size = size
        self.photo = PhotoEncoder()
        self.enter = nn.Conv2d(CHANNELS * 4, widths[0], 3, padding=1)
        self.encode = nn.ModuleList(_Block(width) for width in widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths))
        self.bottom = _Block(widths[-1])
        self.attend = _Attention(widths[2])
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths))
        self.decode = nn.ModuleList(_Block(width) for width in widths[:-1])
        self.widen = nn.Conv2d(widths[0], _FINE * 4, 1)
        self.fine = nn.Conv2d(_FINE + CHANNELS, _FINE, 3, padding=1)  # at full resolution, or the shuffle leaves checkerboards
        self.leave = nn.Conv2d(_FINE, OUTPUTS, 3, padding=1)
        nn.init.normal_(self.leave.weight, std=1e-3)

    def style(self, photo: Tensor, z: Tensor) -> Style:
        """Encode start photos (N, PHOTO_CHANNELS, H, W) with latents ``z`` (N, LATENT), standard normal."""
        code, tokens = self.photo(photo)
        return Style(torch.cat([code, z.to(code.dtype)], 1), tokens)

    def forward(self, inputs: Tensor, style: Style) -> Tensor:
        """Return the raw outputs; see the class."""
        x = self.enter(functional.pixel_unshuffle(inputs, 2))
        skips = []
        for level, encode in enumerate(self.encode):
            x = encode(x, style.code)
            if level < len(self.down):
                skips.append(x)
                x = self.down[level](x)
        x = self.bottom(x, style.code)
        for level in reversed(range(len(self.up))):
            x = functional.interpolate(self.up[level](x), scale_factor=2.0, mode="bilinear", align_corners=False) + skips[level]
            if level == 2:
                x = self.attend(x, style.tokens)
            x = self.decode[level](x, style.code)
        x = functional.pixel_shuffle(self.widen(_active(x)), 2)
        x = self.fine(torch.cat([x, inputs.to(x.dtype)], 1))
        raw: Tensor = self.leave(_active(x))
        return raw


def channels_last(network: GeneratorNetwork) -> GeneratorNetwork:
    """Lay the weights out channels last, as the inputs are, and return the network."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _active(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)


def _heads(x: Tensor) -> Tensor:
    n, t, c = x.shape
    return x.reshape(n, t, _HEADS, c // _HEADS).transpose(1, 2)
