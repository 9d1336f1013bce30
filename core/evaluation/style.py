"""Style: how far a frame's textures are from the start photo's, in features of VGG16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from core.features import Vgg16Features

_LAYERS = 4  # relu1_2 to relu4_3 (Johnson et al. 2016)
_SCALE = 1e5  # distances are given in these units, as in InfiniteNature-Zero's table 1


@dataclass(frozen=True)
class Style:
    """Gram matrices of four VGG16 layers, each (c, c) divided by c h w."""

    grams: tuple[Tensor, ...]

    @classmethod
    def of(cls, picture: NDArray[np.uint8], vgg: Vgg16Features) -> Style:
        """Look at ``picture`` (h, w, 3) sRGB."""
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).to(vgg.mean.device)
        with torch.inference_mode():
            return cls(tuple(_gram(tap) for tap in vgg(pixels.permute(2, 0, 1)[None].float() / 255.0)[:_LAYERS]))

    def distance(self, other: Style) -> float:
        """Sum over the layers of the mean squared difference, in 1e-5."""
        return _SCALE * sum(float((a - b).square().mean()) for a, b in zip(self.grams, other.grams, strict=True))


def _gram(tap: Tensor) -> Tensor:
    _, c, h, w = tap.shape
    flat = tap.reshape(c, h * w)
    return flat @ flat.T / (c * h * w)
