"""The released network F: a generator co-modulated by the start photo and by noise (Zhao et al. 2021; paper sections 3.3, 3.4).

65,239,843 parameters in 145 tensors; with 20 filters that makes the 165 entries of the authors' state dict, by the same names.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from core.classic.layers import ConvLayer, Convolution, EqualLinear, StyledConv, ToRGB, doubled, normalised

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDE = 128  # pixels of the view it was trained on; a multiple of 32 suits it as well
LATENT = 512
TRUNCATION = 0.7
MEAN_SAMPLES = 50_000
_RESOLUTIONS = (128, 64, 32, 16, 8)
_DROPPED = 0.5  # of the global code


def _channels(base: int, resolution: int) -> int:
    return min(base * 2 // resolution, 512)


class _Level(nn.Module):
    """One resolution of an encoder, by the release's names."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.Conv0 = ConvLayer(inputs, inputs)
        self.Conv1_down = ConvLayer(inputs, outputs, down=True)


class _Encoder(nn.Module):
    """From 128 pixels to 4: ``base`` / 64 channels at the finest level, up to 512."""

    def __init__(self, inputs: int, base: int) -> None:
        super().__init__()
        entry = nn.ModuleDict({"FromRGB": ConvLayer(inputs, _channels(base, SIDE), 1)})
        levels: OrderedDict[str, nn.Module] = OrderedDict({"128x128_0": entry})
        for side in _RESOLUTIONS:
            levels[f"{side}x{side}"] = _Level(_channels(base, side), _channels(base, side // 2))
        levels["4x4"] = nn.ModuleDict({"Conv": ConvLayer(512, 512)})
        self.E = nn.ModuleDict(levels)

    def ready(self, dtype: torch.dtype) -> list[Convolution]:
        """Return its convolutions from the first to the last."""
        return [layer.ready(dtype) for layer in self.modules() if isinstance(layer, ConvLayer)]


class _GlobalEncoder(_Encoder):
    """Ends in the global code of the start photo."""

    def __init__(self) -> None:
        super().__init__(4, 4096)
        dense = nn.ModuleDict({"Conv": ConvLayer(512, 512), "Dense0": EqualLinear(8192, LATENT, activate=True)})
        self.E["4x4"] = dense


class _Mapping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = {f"Dense{i}": EqualLinear(LATENT, LATENT, rate=0.01, activate=True) for i in range(8)}
        self.G_mapping = nn.Sequential(OrderedDict(layers))


class _Block(nn.Module):
    """One resolution of the synthesis."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.Conv0_up = StyledConv(inputs, outputs, 2 * LATENT, up=True)
        self.Conv1 = StyledConv(outputs, outputs, 2 * LATENT)
        self.ToRGB = ToRGB(outputs, 2 * LATENT)


class _Synthesis(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.G_4x4 = nn.ModuleDict({"Conv": StyledConv(512, 512, 2 * LATENT), "ToRGB": ToRGB(512, 2 * LATENT, up=False)})
        for side in reversed(_RESOLUTIONS):
            self.add_module(f"G_{side}x{side}", _Block(_channels(8192, side // 2), _channels(8192, side)))


class ClassicNetwork(nn.Module):
    """Holds the parameters. ``code`` once a flight, ``styled`` once a flight, then the ``StyledNetwork`` every step."""

    def __init__(self) -> None:
        super().__init__()
        self.G_mapping = _Mapping()
        self.style_encoder = _GlobalEncoder()
        self.feature_encoder = _Encoder(5, 8192)
        self.G_synthesis = _Synthesis()

    def mapped(self, z: Tensor) -> Tensor:
        """Map latents (n, 512), standard normal, to w (n, 512)."""
        out: Tensor = self.G_mapping.G_mapping(normalised(z))
        return out

    @torch.inference_mode()
    def mean_latent(self, z: Tensor) -> Tensor:
        """Return the mean of w (1, 512) over latents ``z`` (n, 512)."""
        parts = [self.mapped(part).sum(0, dtype=torch.float64) for part in torch.split(z, 5000)]
        return (torch.stack(parts).sum(0) / len(z)).float()[None]

    def global_code(self, rgbd: Tensor, random: torch.Generator | None = None) -> Tensor:
        """Return the code (1, 512) of the start view ``rgbd`` (1, 4, 128, 128) in [-1, 1].

        With ``random`` half of it is dropped out and the rest doubled: the release leaves its dropout on.
        """
        x = rgbd
        for layer in self.style_encoder.ready(torch.float32):
            x = layer(x)
        code: Tensor = self.style_encoder.E["4x4"].Dense0(x.flatten(1))  # type: ignore[operator]
        if random is None:
            return code
        kept = torch.rand(code.shape, generator=random) >= _DROPPED
        return code * kept / (1.0 - _DROPPED)

    def styled(self, w: Tensor, global_code: Tensor, dtype: torch.dtype = torch.float32) -> StyledNetwork:
        """Return the network as the truncated latent ``w`` and the ``global_code``, both (1, 512), modulate it."""
        code = torch.cat([w, global_code], 1)
        first = self.G_synthesis.G_4x4
        stages = [_Stage(None, first.Conv.ready(code, dtype), first.ToRGB.ready(code, dtype))]  # type: ignore[union-attr, operator]
        for side in reversed(_RESOLUTIONS):
            block = cast("_Block", self.G_synthesis.get_submodule(f"G_{side}x{side}"))
            layers = (layer.ready(code, dtype) for layer in (block.Conv0_up, block.Conv1, block.ToRGB))
            stages.append(_Stage(*layers))
        return StyledNetwork(self.feature_encoder.ready(dtype), stages, dtype)


def truncated(w: Tensor, mean: Tensor) -> Tensor:
    """Pull ``w`` towards the ``mean`` latent."""
    return mean + TRUNCATION * (w - mean)


@dataclass(frozen=True, eq=False)
class _Stage:
    up: Convolution | None
    convolution: Convolution
    to_rgb: Convolution


class StyledNetwork:
    """The network in the style of one flight. Call it on (1, 5, h, w) in [-1, 1], h and w multiples of 32."""

    def __init__(self, encoder: list[Convolution], stages: list[_Stage], dtype: torch.dtype) -> None:
        self._encoder, self._stages, self._dtype = encoder, stages, dtype

    @torch.inference_mode()
    def __call__(self, inputs: Tensor, random: torch.Generator | None = None) -> Tensor:
        """Return RGB and disparity (1, 4, h, w) in (0, 1); ``random`` draws the noise of layers."""
        *_, (_, picture) = self.stages(self.features(inputs), random)
        return 0.5 * (torch.tanh(picture) + 1.0)

    def features(self, inputs: Tensor) -> list[Tensor]:
        """Return what the encoder hands to the synthesis, at h, h / 2 … h / 32."""
        x = self._encoder[0](inputs.to(self._dtype, memory_format=torch.channels_last))
        found = []
        for even, down in zip(self._encoder[1:-1:2], self._encoder[2:-1:2], strict=True):
            found.append(even(x))
            x = down(found[-1])
        return [*found, self._encoder[-1](x)]

    def stages(self, features: list[Tensor], random: torch.Generator | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield features and the picture so far (float32, before tanh) of every resolution, the coarsest first."""
        x, picture = features[-1], None
        for stage, skip in zip(self._stages, reversed(features), strict=True):
            if stage.up is not None:
                x = stage.up(x, random) + skip
            x = stage.convolution(x, random)
            seen = stage.to_rgb(x).float()
            picture = seen if picture is None else seen + doubled(picture)
            yield x, picture
