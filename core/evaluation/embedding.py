"""Embedding: pictures to the feature vectors and style codes that distances are measured on, in batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from core.features import Lite0Features, Vgg16Features, find_lite0, find_vgg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Pictures = Sequence[NDArray[np.uint8]]
    Vectors = NDArray[np.float32]

LITE0, VGG = "lite0-stride32", ("vgg16-relu4_3", "vgg16-relu5_3")  # the features by name, all averaged over the picture
STRIDE = 32  # of Lite0: sides of pictures must be multiples of it
_STYLE_LAYERS = 4  # relu1_2 to relu4_3 (Johnson et al. 2016)
_BATCH = 8  # pictures: larger ones are no faster on a CPU
STYLE_SCALE = 1e5  # style distances are given in these units, as in InfiniteNature-Zero's table 1


@dataclass(frozen=True)
class Style:
    """Gram matrices of four VGG16 layers, each (c, c) divided by c h w."""

    grams: tuple[Tensor, ...]

    def distance(self, other: Style) -> float:
        """Sum over the layers of the mean squared difference, in 1e-5."""
        total = sum(float((a - b).square().mean()) for a, b in zip(self.grams, other.grams, strict=True))
        return STYLE_SCALE * total


class Embedder:
    """The feature networks on the best device of this machine."""

    def __init__(self, folder: Path | None = None) -> None:
        """Find the weights in ``folder``, or where ``core.features`` looks for them. Raises FeaturesError."""
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        weights = find_vgg(folder), find_lite0(folder)
        self.vgg = Vgg16Features(weights[0]).to(self.device)
        self.lite0 = Lite0Features(weights[1]).to(self.device)
        self.fingerprint = _fingerprint(self.vgg) + _fingerprint(self.lite0)  # of the weights, for caches

    def lite0_vectors(self, pictures: Pictures) -> Vectors:
        """Features of Lite0's last stage, (n, 320), of pictures (h, w, 3) of one size."""
        with torch.inference_mode():
            vectors = [self.lite0(batch)[-1].mean((2, 3)).cpu() for batch in self._batches(pictures)]
        return np.asarray(torch.cat(vectors).numpy(), np.float32)

    def vgg_vectors(self, pictures: Pictures) -> tuple[Vectors, list[Style]]:
        """Features of relu4_3 and relu5_3 side by side, (n, 2, 512), and the styles of pictures (h, w, 3) of one size."""
        vectors, styles = [], []
        with torch.inference_mode():
            for batch in self._batches(pictures):
                taps = self.vgg(batch)
                vectors.append(torch.stack([tap.mean((2, 3)) for tap in taps[3:]], 1).cpu())
                grams = [_gram(tap).cpu() for tap in taps[:_STYLE_LAYERS]]
                styles += [Style(tuple(gram[i] for gram in grams)) for i in range(len(batch))]
        return np.asarray(torch.cat(vectors).numpy(), np.float32), styles

    def vectors(self, pictures: Pictures) -> dict[str, Vectors]:
        """All features of pictures (h, w, 3) of one size by name, each (n, d)."""
        vgg = self.vgg_vectors(pictures)[0]
        return {LITE0: self.lite0_vectors(pictures)} | {name: vgg[:, i] for i, name in enumerate(VGG)}

    def _batches(self, pictures: Pictures) -> Iterator[Tensor]:
        for i in range(0, len(pictures), _BATCH):
            batch = torch.from_numpy(np.stack(list(pictures[i : i + _BATCH]))).to(self.device)
            yield batch.permute(0, 3, 1, 2).float().div_(255.0).contiguous(memory_format=torch.channels_last)


def _gram(tap: Tensor) -> Tensor:
    n, c, h, w = tap.shape
    flat = tap.reshape(n, c, h * w)
    return flat @ flat.transpose(1, 2) / (c * h * w)


def _fingerprint(network: torch.nn.Module) -> str:
    return f"{sum(float(parameter.double().sum()) for parameter in network.parameters()):.6f}"
